// Figures and crashes as JSON.
#include <algorithm>

#include "broker/api_answer.hpp"
#include "broker/api_context.hpp"
#include "broker/api_json.hpp"
#include "broker/crash_insights.hpp"

namespace relay::broker {
namespace {

void write_figures(JsonWriter& out, const AgentView& agent, Wall now) {
  out.begin_object();
  out.field("name", agent.name);
  out.field("pid", std::int64_t{agent.pid});
  out.field("memory_bytes", agent.memory);
  out.field("uptime_secs", std::max(std::int64_t{0}, seconds(now - agent.started)));
  out.end_object();
}

asio::awaitable<void> metrics(ApiContext* api, net::Exchange* exchange) {
  const auto wanted = exchange->request().query_value("agent");
  std::vector<AgentView> agents;
  if (wanted) {
    auto one = api->operations.agent(*wanted);
    if (!one) {
      refuse_agent(exchange, *wanted, one.error());
      co_return;
    }
    agents.push_back(std::move(*one));
  } else {
    agents = api->operations.agents();
  }
  const BrokerView broker = api->operations.broker();
  const std::uint64_t active = api->operations.agents().size();
  const Wall now = api->clock.wall();
  answer(exchange, [&](JsonWriter& out) {
    out.key("agents");
    out.begin_array();
    for (const auto& agent : agents) write_figures(out, agent, now);
    out.end_array();
    out.key("broker");
    out.begin_object();
    out.field("uptime_secs", seconds(broker.uptime));
    out.field("total_agents_spawned", broker.spawned);
    out.field("total_crashes", broker.crashes);
    out.field("total_restarts", broker.restarts);
    out.field("active_agents", active);
    out.end_object();
  });
}

void write_crash(JsonWriter& out, const CrashView& crash) {
  out.begin_object();
  out.field("agent_name", crash.agent);
  out.key("exit_code");
  if (const auto status = crash.exit.status()) {
    out.value(*status);
  } else {
    out.null();
  }
  const auto signal = crash.exit.signal();
  text_or_null(out, "signal", signal ? os::signal_name(*signal) : std::string());
  out.field("timestamp", unix_ms(crash.at) / 1000);
  out.field("uptime_secs", seconds(crash.uptime));
  out.field("category", crash_category(crash.exit));
  out.field("description", crash_description(crash.exit));
  out.end_object();
}

asio::awaitable<void> crash_insights(ApiContext* api, net::Exchange* exchange) {
  const auto crashes = api->operations.crashes();
  const BrokerView broker = api->operations.broker();
  answer(exchange, [&](JsonWriter& out) {
    out.field("total_crashes", broker.crashes);
    out.key("recent");
    out.begin_array();
    for (const auto& crash : crashes) write_crash(out, crash);
    out.end_array();
    out.key("patterns");
    out.begin_array();
    for (const auto& pattern : crash_patterns(crashes)) {
      out.begin_object();
      out.field("category", pattern.category);
      out.field("count", std::uint64_t{pattern.count});
      texts(out, "agents", pattern.agents);
      out.end_object();
    }
    out.end_array();
    out.field("health_score", health_score(crashes, api->clock.wall()));
  });
  co_return;
}

}  // namespace

void add_metrics_routes(ApiRoutes& routes) {
  routes.add("GET", "/api/metrics", metrics);
  routes.add("GET", "/api/crash-insights", crash_insights);
}

}  // namespace relay::broker
