// Health checks: for clients of the peer's API, and for supervisors.
#include "broker/api_answer.hpp"
#include "broker/api_context.hpp"
#include "broker/api_json.hpp"

namespace relay::broker {
namespace {

using node_control::Tunnel;

/// Why the broker should get no work now; empty when it should.
std::string_view not_ready_because(const ApiContext& api) {
  if (!api.workspace) return "starting";
  const BrokerView broker = api.operations.broker();
  if (broker.draining) return "ending";
  if (broker.node.store_error) return "the journal cannot be written";
  if (broker.tunnel_off) return {};
  if (broker.node.hard_error) return "the engine refuses this node";
  const bool has_been_connected =
      broker.node.tunnel == Tunnel::connected || broker.node.tunnel == Tunnel::connecting_recovery;
  return has_been_connected ? std::string_view() : "the engine is not connected";
}

void write_counters(JsonWriter& out, const BrokerView& broker, std::size_t agents,
                    std::size_t streams) {
  out.field("agentCount", std::uint64_t{agents});
  out.field("pendingDeliveryCount", std::uint64_t{broker.pending});
  out.field("deadLetterCount", std::uint64_t{broker.dead_letters});
  out.field("wsConnections", std::uint64_t{streams});
  out.field("memoryMb", broker.memory >> 20U);
  out.field("relaycastConnected", broker.node.connected);
  out.field("nodeConnected", broker.node.connected);
}

asio::awaitable<void> health(ApiContext* api, net::Exchange* exchange) {
  const WorkspaceFacts* const workspace = api->workspace ? &*api->workspace : nullptr;
  BrokerView broker;
  std::size_t agents = 0;
  if (workspace) {
    broker = api->operations.broker();
    agents = api->operations.agents().size();
  }
  const bool ill = broker.node.hard_error || broker.node.store_error;
  answer(exchange, [&](JsonWriter& out) {
    out.field("status", ill ? "degraded" : "ok");
    out.field("service", "agent-relay-listen");
    out.field("version", api->settings.version);
    out.field("uptimeMs", milliseconds(broker.uptime));
    out.field("workspaceId", workspace ? std::string_view(workspace->id) : "ws_unknown");
    text_or_null(out, "defaultWorkspaceId", workspace ? std::string_view(workspace->id) : "");
    write_memberships(out, workspace);
    write_counters(out, broker, agents, api->conversations.size());
  });
  co_return;
}

asio::awaitable<void> alive(ApiContext*, net::Exchange* exchange) {
  answer_text(exchange, 200, "ok\n");
  co_return;
}

asio::awaitable<void> ready(ApiContext* api, net::Exchange* exchange) {
  const auto reason = not_ready_because(*api);
  answer_text(exchange, reason.empty() ? 200 : 503,
              reason.empty() ? "ready\n" : std::string(reason) + '\n');
  co_return;
}

}  // namespace

void add_health_routes(ApiRoutes& routes) {
  routes.add("GET", "/health", health);
  routes.add("GET", "/healthz", alive);
  routes.add("GET", "/readyz", ready);
}

}  // namespace relay::broker
