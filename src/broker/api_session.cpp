// A client's session with the broker, and what the API answers without doing anything.
#include "broker/api_answer.hpp"
#include "broker/api_body.hpp"
#include "broker/api_context.hpp"
#include "broker/api_json.hpp"

namespace relay::broker {
namespace {

constexpr std::uint64_t kProtocolVersion = 2;

asio::awaitable<void> session(ApiContext* api, net::Exchange* exchange) {
  const BrokerView broker = api->operations.broker();
  const WorkspaceFacts& workspace = *api->workspace;
  answer(exchange, [&](JsonWriter& out) {
    out.field("broker_version", api->settings.version);
    out.field("protocol_version", kProtocolVersion);
    out.field("workspace_key", workspace.key.reveal());
    text_or_null(out, "relay_base_url", workspace.base_url);
    out.field("default_workspace_id", workspace.id);
    out.field("mode", api->settings.persist ? "persist" : "ephemeral");
    out.field("uptime_secs", seconds(broker.uptime));
    text_or_null(out, "node_id", broker.node.node_id);
    text_or_null(out, "node_name", broker.node.node_name);
  });
  co_return;
}

asio::awaitable<void> renew(ApiContext* api, net::Exchange* exchange) {
  const auto& settings = api->settings;
  if (settings.on_renewed) settings.on_renewed();
  answer(exchange, [&](JsonWriter& out) {
    out.field("renewed", true);
    out.field("expires_in_secs", settings.persist ? std::int64_t{0} : seconds(settings.lease));
    out.field("persist", settings.persist);
  });
  co_return;
}

asio::awaitable<void> config(ApiContext* api, net::Exchange* exchange) {
  const WorkspaceFacts& workspace = *api->workspace;
  answer(exchange, [&](JsonWriter& out) {
    out.field("workspaceKey", workspace.key.reveal());
    out.field("defaultWorkspaceId", workspace.id);
    write_memberships(out, &workspace);
  });
  co_return;
}

/// Nothing to prepare: an agent is registered when it is spawned.
asio::awaitable<void> preflight(ApiContext*, net::Exchange* exchange) {
  const auto body = object_body(exchange);
  if (!body) co_return;
  const auto agents = body->root().find("agents");
  if (!agents || agents->kind() != wire::JsonView::Kind::array) {
    refuse_body(exchange, agents ? "agents: expected an array" : "missing field `agents`");
    co_return;
  }
  for (const auto& agent : agents->elements()) {
    const auto name = agent.find("name");
    const auto cli = agent.find("cli");
    if (!name || !name->string() || !cli || !cli->string()) {
      refuse_body(exchange, "agents: expected objects with `name` and `cli`");
      co_return;
    }
  }
  const std::uint64_t count = agents->elements().size();
  answer(exchange, [&](JsonWriter& out) { out.field("queued", count); });
}

asio::awaitable<void> shut_down(ApiContext* api, net::Exchange* exchange) {
  answer(exchange, [](JsonWriter& out) { out.field("status", "shutting_down"); });
  api->operations.shut_down();
  co_return;
}

asio::awaitable<void> history_stats(ApiContext*, net::Exchange* exchange) {
  answer(exchange, [](JsonWriter& out) {
    for (const auto* const key :
         {"messageCount", "sessionCount", "activeSessions", "uniqueAgents"}) {
      out.field(key, 0);
    }
    text_or_null(out, "oldestMessageDate", "");
  });
  co_return;
}

asio::awaitable<void> interrupt(ApiContext*, net::Exchange* exchange) {
  refuse_call(exchange, 501, "not_supported",
              "interrupt is not supported: send the key that interrupts the program with POST "
              "/api/input/{name}",
              "name", exchange->parameter("name"));
  co_return;
}

}  // namespace

void add_session_routes(ApiRoutes& routes) {
  routes.add("GET", "/api/session", session);
  routes.add("POST", "/api/session/renew", renew);
  routes.add("GET", "/api/config", config);
  routes.add("POST", "/api/preflight", preflight);
  routes.add("POST", "/api/shutdown", shut_down);
  routes.add("GET", "/api/history/stats", history_stats);
  routes.add("POST", "/api/agents/by-name/{name}/interrupt", interrupt);
}

}  // namespace relay::broker
