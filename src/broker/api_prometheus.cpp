// GET /metrics: the text format of Prometheus, version 0.0.4.
#include <fmt/format.h>
#include <iterator>

#include "broker/api_answer.hpp"
#include "broker/api_context.hpp"

namespace relay::broker {
namespace {

class Exposition {
 public:
  void counter(std::string_view name, std::string_view help, std::uint64_t value) {
    head(name, help, "counter");
    line(name, value);
  }
  void gauge(std::string_view name, std::string_view help, std::uint64_t value) {
    head(name, help, "gauge");
    line(name, value);
  }
  /// One line for each agent; `figure(agent)`.
  template <class Figure>
  void agents(std::string_view name, std::string_view help, std::string_view type,
              const std::vector<AgentView>& agents, Figure figure) {
    head(name, help, type);
    for (const auto& agent : agents) {
      fmt::format_to(std::back_inserter(text_), "relay_broker_{}{{agent=\"{}\"}} {}\n", name,
                     escaped(agent.name), std::uint64_t{figure(agent)});
    }
  }
  void states(const std::vector<AgentView>& agents);
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  void head(std::string_view name, std::string_view help, std::string_view type) {
    fmt::format_to(std::back_inserter(text_),
                   "# HELP relay_broker_{0} {1}\n# TYPE relay_broker_{0} {2}\n", name, help, type);
  }
  void line(std::string_view name, std::uint64_t value) {
    fmt::format_to(std::back_inserter(text_), "relay_broker_{} {}\n", name, value);
  }
  static std::string escaped(std::string_view label) {
    std::string out;
    for (const char c : label) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    return out;
  }

  std::string text_;
};

void Exposition::states(const std::vector<AgentView>& agents) {
  head("agents", "Agents by state", "gauge");
  for (const auto state : {AgentState::starting, AgentState::idle, AgentState::working,
                           AgentState::blocked, AgentState::ending, AgentState::exited}) {
    std::uint64_t count = 0;
    for (const auto& agent : agents) count += agent.state == state ? 1U : 0U;
    fmt::format_to(std::back_inserter(text_), "relay_broker_agents{{state=\"{}\"}} {}\n",
                   name_of(state), count);
  }
}

void put_node(Exposition& out, const node_control::NodeStatus& node) {
  out.gauge("node_connected", "Whether the engine has accepted this node", node.connected ? 1 : 0);
  out.counter("node_connections_total", "Connections that the engine accepted",
              node.counters.connections);
  out.counter("node_tries_total", "Tries to connect to the engine", node.counters.tries);
  out.counter("node_frames_total", "Frames from the engine", node.counters.frames_in);
  out.counter("node_bad_frames_total", "Frames from the engine that could not be read",
              node.counters.bad_frames + node.counters.unknown_frames);
  out.counter("deliveries_surfaced_total", "Messages taken over from the engine",
              node.deliveries.surfaced);
  out.counter("deliveries_duplicate_total", "Messages that the engine sent again",
              node.deliveries.duplicate);
  out.counter("deliveries_skipped_total", "Messages that the engine never sent",
              node.deliveries.skipped);
  out.counter("deliveries_unknown_agent_total", "Messages for agents that are not here",
              node.deliveries.unknown_agent);
}

void put_agents(Exposition& out, const std::vector<AgentView>& agents) {
  out.states(agents);
  out.agents("agent_pending", "Messages accepted and not ended", "gauge", agents,
             [](const AgentView& agent) { return agent.pending; });
  out.agents("agent_submitted_total", "Messages that the agent took as input", "counter", agents,
             [](const AgentView& agent) { return agent.submitted; });
  out.agents("agent_typed_total", "Messages typed without a proof", "counter", agents,
             [](const AgentView& agent) { return agent.typed; });
  out.agents("agent_dead_total", "Messages that became dead letters", "counter", agents,
             [](const AgentView& agent) { return agent.dead; });
  out.agents("agent_memory_bytes", "Memory of the agent's program", "gauge", agents,
             [](const AgentView& agent) { return agent.memory; });
}

asio::awaitable<void> prometheus(ApiContext* api, net::Exchange* exchange) {
  const BrokerView broker = api->operations.broker();
  const auto agents = api->operations.agents();
  Exposition out;
  const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(broker.uptime).count();
  out.gauge("uptime_seconds", "Time since the start", static_cast<std::uint64_t>(uptime));
  out.gauge("memory_bytes", "Memory of the broker itself", broker.memory);
  out.gauge("pending_deliveries", "Messages accepted and not ended", broker.pending);
  out.gauge("dead_letters", "Messages that could not be delivered", broker.dead_letters);
  out.counter("spawned_total", "Agents started", broker.spawned);
  out.counter("crashes_total", "Programs that ended badly", broker.crashes);
  out.counter("restarts_total", "Programs started again", broker.restarts);
  out.gauge("streams", "Open WebSockets of the local API", api->conversations.size());
  out.counter("events_total", "Durable events", api->operations.events().last());
  put_node(out, broker.node);
  put_agents(out, agents);
  exchange->respond(net::HttpResponse(200, "text/plain; version=0.0.4; charset=utf-8", out.take()));
  co_return;
}

}  // namespace

void add_prometheus_routes(ApiRoutes& routes) {
  routes.add("GET", "/metrics", prometheus);
}

}  // namespace relay::broker
