// The whole broker at a glance: in the peer's words, and in ours with everything.
#include <algorithm>

#include "base/redaction.hpp"
#include "broker/api_answer.hpp"
#include "broker/api_context.hpp"
#include "broker/api_json.hpp"

namespace relay::broker {
namespace {

void write_auth(JsonWriter& out, const WorkspaceFacts& workspace) {
  out.key("auth");
  out.begin_object();
  out.field("authenticated", true);
  out.field("workspace_count", 1);
  out.field("default_workspace_id", workspace.id);
  out.key("workspaces");
  out.begin_array();
  out.begin_object();
  out.field("workspace_id", workspace.id);
  text_or_null(out, "workspace_alias", workspace.alias);
  text_or_null(out, "self_name", workspace.self_name);
  text_or_null(out, "self_agent_id", workspace.self_agent_id);
  out.field("authenticated", true);
  out.field("default", true);
  out.end_object();
  out.end_array();
  out.end_object();
}

void write_pending_delivery(JsonWriter& out, const PendingMessage& message, Wall now) {
  out.begin_object();
  out.field("delivery_id", message.delivery_id);
  out.field("worker_name", message.agent);
  out.field("event_id", message.event_id);
  out.field("from", message.from);
  out.field("to", message.target);
  out.field("attempts", message.attempts);
  out.field("queued_at_ms", unix_ms(message.queued));
  out.field("age_ms", std::max(std::int64_t{0}, milliseconds(now - message.queued)));
  text_or_null(out, "last_error", "");
  out.end_object();
}

void write_agents(JsonWriter& out, const std::vector<AgentView>& agents) {
  out.key("agents");
  out.begin_array();
  for (const auto& agent : agents) write_agent(out, agent);
  out.end_array();
}

void write_error(JsonWriter& out, std::string_view key, const std::optional<Error>& error) {
  out.key(key);
  if (!error) return out.null();
  out.begin_object();
  out.field("code", name_of(error->code));
  out.field("message", redact(error->message));
  out.field("hint", redact(error->hint));
  out.end_object();
}

void write_node(JsonWriter& out, const node_control::NodeStatus& node) {
  out.key("node");
  out.begin_object();
  out.field("tunnel", node_control::name_of(node.tunnel));
  out.field("connected", node.connected);
  text_or_null(out, "node_id", node.node_id);
  text_or_null(out, "node_name", node.node_name);
  write_error(out, "hard_error", node.hard_error);
  write_error(out, "last_error", node.last_error);
  write_error(out, "store_error", node.store_error);
  out.key("next_try_in_ms");
  if (node.next_try_in) {
    out.value(milliseconds(*node.next_try_in));
  } else {
    out.null();
  }
  out.field("connections", node.counters.connections);
  out.field("tries", node.counters.tries);
  out.field("agents", std::uint64_t{node.agents});
  out.field("open_questions", std::uint64_t{node.open_questions});
  out.field("unsent_results", std::uint64_t{node.unsent_results});
  out.end_object();
}

asio::awaitable<void> status(ApiContext* api, net::Exchange* exchange) {
  const auto agents = api->operations.agents();
  const auto pending = api->operations.pending(std::string());
  if (!pending) {
    refuse(exchange, pending.error());
    co_return;
  }
  const Wall now = api->clock.wall();
  answer(exchange, [&](JsonWriter& out) {
    out.field("agent_count", std::uint64_t{agents.size()});
    write_agents(out, agents);
    out.field("pending_delivery_count", std::uint64_t{pending->size()});
    out.key("pending_deliveries");
    out.begin_array();
    for (const auto& message : *pending) write_pending_delivery(out, message, now);
    out.end_array();
    write_auth(out, *api->workspace);
  });
}

asio::awaitable<void> everything(ApiContext* api, net::Exchange* exchange) {
  const BrokerView broker = api->operations.broker();
  const auto agents = api->operations.agents();
  answer(exchange, [&](JsonWriter& out) {
    out.field("instance", broker.instance);
    out.field("version", broker.version);
    out.field("pid", std::int64_t{broker.pid});
    out.field("state_dir", broker.state_dir);
    out.field("engine", broker.engine);
    text_or_null(out, "workspace_id", broker.workspace_id);
    out.field("tunnel_off", broker.tunnel_off);
    write_node(out, broker.node);
    out.field("uptime_ms", milliseconds(broker.uptime));
    out.field("pending", std::uint64_t{broker.pending});
    out.field("dead_letters", std::uint64_t{broker.dead_letters});
    out.field("spawned", broker.spawned);
    out.field("crashes", broker.crashes);
    out.field("restarts", broker.restarts);
    out.field("memory_bytes", broker.memory);
    out.field("streams", std::uint64_t{api->conversations.size()});
    out.field("last_seq", api->operations.events().last());
    out.field("draining", broker.draining);
    write_agents(out, agents);
  });
  co_return;
}

}  // namespace

void add_status_routes(ApiRoutes& routes) {
  routes.add("GET", "/api/status", status);
  routes.add("GET", "/api/broker", everything);
}

}  // namespace relay::broker
