// The broker at a glance, its figures and its crashes.
#include "api_world.hpp"

namespace relay::broker {
namespace {

using test::ApiWorld;
using test::is;

bool has(const net::HttpReply& reply, const std::string& what) {
  return reply.body.find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("the status names agents, what is pending, and who the broker is") {
  ApiWorld world;
  CHECK(is(world.ask("GET", "/api/status"), 200, R"({"agent_count":0,"agents":[],
    "pending_delivery_count":0,"pending_deliveries":[],"auth":{"authenticated":true,
    "workspace_count":1,"default_workspace_id":"ws_1","workspaces":[{"workspace_id":"ws_1",
    "workspace_alias":"home","self_name":"broker-1","self_agent_id":"agt_broker",
    "authenticated":true,"default":true}]}})"));
  world.operations.add("w1");
  PendingMessage message;
  message.delivery_id = "dlv_1";
  message.agent = "w1";
  message.event_id = "evt_1";
  message.from = "amy";
  message.target = "#dev";
  message.attempts = 2;
  message.queued = world.clock.wall();
  world.operations.waiting = {message};
  world.clock.advance(1500ms);
  const auto reply = world.ask("GET", "/api/status");
  CHECK(has(reply, R"("agent_count":1,"agents":[{"name":"w1",)"));
  CHECK(has(reply, R"("pending_delivery_count":1,"pending_deliveries":[{"delivery_id":"dlv_1",)"
                   R"("worker_name":"w1","event_id":"evt_1","from":"amy","to":"#dev","attempts":2,)"
                   R"("queued_at_ms":1767225600000,"age_ms":1500,"last_error":null}])"));
}

TEST_CASE("figures of all agents or of one") {
  ApiWorld world;
  world.operations.add("w1").memory = 4096;
  world.operations.add("w2");
  auto& view = world.operations.view;
  view.uptime = 90s;
  view.spawned = 7;
  view.crashes = 2;
  view.restarts = 1;
  world.clock.advance(60s);
  const std::string broker = R"("broker":{"uptime_secs":90,"total_agents_spawned":7,
    "total_crashes":2,"total_restarts":1,"active_agents":2}})";
  const std::string w1 = R"({"name":"w1","pid":4711,"memory_bytes":4096,"uptime_secs":60})";
  CHECK(is(world.ask("GET", "/api/metrics?agent=w1"), 200, R"({"agents":[)" + w1 + "]," + broker));
  CHECK(is(world.ask("GET", "/api/metrics"), 200,
           R"({"agents":[)" + w1 +
               R"(,{"name":"w2","pid":4711,"memory_bytes":0,"uptime_secs":60}],)" + broker));
  CHECK(is(world.ask("GET", "/api/metrics?agent=w3"), 404,
           R"({"code":"agent_not_found","message":"unknown worker 'w3'"})"));
}

TEST_CASE("crashes are told apart by what they hint at") {
  ApiWorld world;
  CHECK(is(world.ask("GET", "/api/crash-insights"), 200,
           R"({"total_crashes":0,"recent":[],"patterns":[],"health_score":100})"));
  world.operations.crashed.emplace_back("w1", os::ExitStatus::exited(3));
  world.operations.crashed.back().at = world.clock.wall();
  world.operations.crashed.back().uptime = 5s;
  world.operations.crashed.emplace_back("w2", os::ExitStatus::signalled(11));
  world.operations.view.crashes = 2;
  CHECK(is(world.ask("GET", "/api/crash-insights"), 200, R"({"total_crashes":2,"recent":[
    {"agent_name":"w1","exit_code":3,"signal":null,"timestamp":1767225600,"uptime_secs":5,
     "category":"error","description":"exit status 3"},
    {"agent_name":"w2","exit_code":null,"signal":"SIGSEGV","timestamp":0,"uptime_secs":0,
     "category":"segfault","description":"killed by SIGSEGV: a fault of the program itself"}],
    "patterns":[{"category":"error","count":1,"agents":["w1"]},
     {"category":"segfault","count":1,"agents":["w2"]}],"health_score":90})"));
}

TEST_CASE("the same figures for Prometheus") {
  ApiWorld world;
  world.operations.add("w1").submitted = 3;
  world.operations.view.pending = 2;
  world.operations.view.node.connected = true;
  const auto reply = world.ask("GET", "/metrics");
  CHECK(reply.headers.get("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(has(reply,
            "# HELP relay_broker_pending_deliveries Messages accepted and not ended\n"
            "# TYPE relay_broker_pending_deliveries gauge\n"
            "relay_broker_pending_deliveries 2\n"));
  CHECK(has(reply, "relay_broker_agents{state=\"idle\"} 1\n"));
  CHECK(has(reply, "relay_broker_agents{state=\"exited\"} 0\n"));
  CHECK(has(reply,
            "# TYPE relay_broker_agent_submitted_total counter\n"
            "relay_broker_agent_submitted_total{agent=\"w1\"} 3\n"));
  CHECK(has(reply, "relay_broker_node_connected 1\n"));
}

TEST_CASE("the whole broker, for our own commands") {
  ApiWorld world;
  auto& view = world.operations.view;
  view.instance = "proj-1";
  view.pid = 99;
  view.workspace_id = "ws_1";
  view.node.tunnel = node_control::Tunnel::connected;
  view.node.last_error = Error(Code::connection_closed, "with nt_0123456789abcdef0123", "wait");
  world.operations.add("w1");
  const auto reply = world.ask("GET", "/api/broker");
  CHECK(reply.status == 200);
  CHECK(has(reply, R"("instance":"proj-1")"));
  CHECK(has(reply, R"("tunnel":"connected")"));
  CHECK(has(reply, R"("last_error":{"code":"connection_closed","message":"with )"));
  CHECK_FALSE(has(reply, "nt_0123456789abcdef0123"));
  CHECK_FALSE(has(reply, "rk_live_1"));
  CHECK(has(reply, R"("agents":[{"name":"w1",)"));
}

}  // namespace relay::broker
