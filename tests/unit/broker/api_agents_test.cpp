// Spawn, list, release, model and channels on the wire.
#include "api_world.hpp"

namespace relay::broker {
namespace {

using test::ApiWorld;
using test::is;

}  // namespace

TEST_CASE("a spawn is answered with what has been started") {
  ApiWorld world;
  CHECK(is(world.ask("POST", "/api/spawn",
                     R"({"name":"w1","cli":"claude --verbose","model":"opus","channels":["dev"]})"),
           200, R"({"success":true,"name":"w1","runtime":"pty","model":"opus","sessionId":null,
    "pid":4711,"pre_registered":false,"warning":null,"agent_id":"agt_1","generation":"gen-1",
    "node":null})"));
  REQUIRE(world.operations.spawned.size() == 1);
  const auto& request = world.operations.spawned[0];
  CHECK(request.command == std::vector<std::string>{"claude", "--verbose"});
  CHECK(request.channels == std::vector<std::string>{"dev"});
  CHECK(request.source == SpawnSource::local_api);
}

TEST_CASE("a spawn without a name is refused before anything is asked") {
  ApiWorld world;
  const auto reply = world.ask("POST", "/api/spawn", R"({"cli":"claude"})");
  CHECK(reply.status == 400);
  CHECK(reply.body.starts_with(R"({"success":false,"error":"Missing required field: name")"));
  CHECK(world.operations.spawned.empty());
  CHECK(world.ask("POST", "/api/spawn", "nope").status == 400);
}

TEST_CASE("a spawn that fails says why, about whom, and as what") {
  ApiWorld world;
  const auto body = R"({"name":"w1","cli":"claude"})";
  world.operations.failure = Error(Code::name_conflict, "agent 'w1' already exists", "release it");
  CHECK(is(world.ask("POST", "/api/spawn", body), 409,
           R"({"success":false,"name":"w1","error":"agent 'w1' already exists",
    "code":"name_conflict","hint":"release it"})"));
  world.operations.failure = Error(Code::cli_not_found, "there is no program claude");
  CHECK(world.ask("POST", "/api/spawn", body).status == 500);
  world.operations.failure = Error(Code::unauthorized, "the engine refuses rk_live_0123456789ab");
  const auto refused = world.ask("POST", "/api/spawn", body);
  // Not 401: the caller's key was good. And no secret of anybody.
  CHECK(refused.status == 502);
  CHECK(refused.body.find("rk_live_0123456789ab") == std::string::npos);
  world.operations.failure = Error(Code::node_not_ready, "no connection");
  world.operations.failure->retry_after = std::chrono::milliseconds(1500);
  const auto later = world.ask("POST", "/api/spawn", body);
  CHECK(later.status == 503);
  CHECK(later.headers.get("Retry-After") == "2");
  CHECK(later.body.find(R"("retry_after_ms":1500)") != std::string::npos);
}

TEST_CASE("an agent in the list has the peer's fields, and ours behind them") {
  ApiWorld world;
  auto& agent = world.operations.add("w1");
  agent.model = "opus";
  agent.state = AgentState::blocked;
  agent.blocked_by = "trust";
  agent.quiet = std::chrono::milliseconds(1234);
  agent.last_activity += std::chrono::nanoseconds(5);
  agent.pending = 2;
  const std::string expected = R"({"name":"w1","runtime":"pty","provider":null,"cli":"claude",
    "model":"opus","sessionId":null,"team":null,"channels":["general"],"parent":null,"pid":4711,
    "workerPid":4711,"last_activity_ms":1234,"last_activity_at":"2026-01-01T00:00:00.000000005Z",
    "context_budget_pct":null,"current_state":"blocked_on_send","pending_messages":2,
    "runtime_kind":"pty","agent_id":"agt_w1","generation":"gen-w1","profile":"claude","cwd":"",
    "state":"blocked","blocked_by":"trust","exit":null,
    "started_at":"2026-01-01T00:00:00.000000000Z","delivery_mode":"auto_inject",
    "delivery_revision":0,"submitted":0,"typed":0,"unread":0,"dead":0,"restarts":0,"memory_bytes":0,
    "wrapped":false,"terminal":null})";
  CHECK(is(world.ask("GET", "/api/spawned"), 200, R"({"agents":[)" + expected + "]}"));
}

TEST_CASE("the peer has three states, and no pid before a program is ready") {
  ApiWorld world;
  auto& agent = world.operations.add("w1");
  const auto says = [&](AgentState state, const std::string& what) {
    agent.state = state;
    return world.ask("GET", "/api/spawned").body.find(what) != std::string::npos;
  };
  CHECK(says(AgentState::starting, R"("current_state":"working")"));
  CHECK(says(AgentState::starting, R"("pid":null,"workerPid":4711)"));
  CHECK(says(AgentState::working, R"("current_state":"working")"));
  CHECK(says(AgentState::idle, R"("current_state":"idle")"));
  agent.pid = 0;
  agent.exit = os::ExitStatus::signalled(9);
  CHECK(says(AgentState::ending, R"("current_state":"working")"));
  CHECK(says(AgentState::exited, R"("current_state":"idle")"));
  CHECK(says(AgentState::exited, R"("pid":null,"workerPid":null)"));
  CHECK(says(AgentState::exited, R"("exit":{"signal":"SIGKILL"})"));
}

TEST_CASE("a release succeeds for names that are not here, and says so") {
  ApiWorld world;
  world.operations.add("w1");
  CHECK(is(world.ask("DELETE", "/api/spawned/w1", R"({"reason":"done","grace_ms":100})"), 200,
           R"({"success":true,"name":"w1","known":true,"had_exited":false,"dropped":0})"));
  CHECK(
      is(world.ask("DELETE", "/api/spawned/nobody%20here"), 200,
         R"({"success":true,"name":"nobody here","known":false,"had_exited":false,"dropped":0})"));
  REQUIRE(world.operations.released.size() == 2);
  CHECK(world.operations.released[0].reason == "done");
  CHECK(world.operations.released[0].grace == std::chrono::milliseconds(100));
  CHECK_FALSE(world.operations.released[0].delete_identity);
  CHECK(world.operations.released[1].name == "nobody here");

  world.operations.failure = Error(Code::agent_not_found, "no agent is called w2");
  CHECK(world.ask("DELETE", "/api/spawned/w2").status == 200);
  world.operations.failure = Error(Code::timeout, "it does not end");
  CHECK(is(world.ask("DELETE", "/api/spawned/w1"), 500,
           R"({"success":false,"name":"w1","error":"it does not end","code":"timeout"})"));
}

TEST_CASE("a model is set for an agent that is here") {
  ApiWorld world;
  world.operations.add("w1");
  CHECK(is(world.ask("POST", "/api/spawned/w1/model", R"({"model":" opus ","timeoutMs":100})"), 200,
           R"({"name":"w1","model":"opus","success":true})"));
  CHECK(world.operations.models == std::vector<std::string>{"w1: opus"});
  const auto blank = world.ask("POST", "/api/spawned/w1/model", R"({"model":" "})");
  CHECK(blank.status == 400);
  CHECK(blank.body.starts_with(R"({"success":false,)"));
  CHECK(world.ask("POST", "/api/spawned/w1/model", "{}").status == 422);
  CHECK(is(
      world.ask("POST", "/api/spawned/w2/model", R"({"model":"opus"})"), 404,
      R"({"success":false,"name":"w2","error":"unknown worker 'w2'","code":"agent_not_found"})"));
}

TEST_CASE("channels are answered as they are after the change") {
  ApiWorld world;
  world.operations.add("w1");
  const auto body = R"({"channels":["dev"]})";
  CHECK(is(world.ask("POST", "/api/spawned/w1/subscribe", body), 200,
           R"({"name":"w1","channels":["general","dev"]})"));
  CHECK(is(world.ask("POST", "/api/spawned/w1/unsubscribe", R"({"channels":["general"]})"), 200,
           R"({"name":"w1","channels":["dev"]})"));
  CHECK(is(world.ask("POST", "/api/spawned/w2/subscribe", body), 404,
           R"({"code":"agent_not_found","message":"unknown worker 'w2'"})"));
  CHECK(world.ask("POST", "/api/spawned/w1/subscribe", R"({"channels":"dev"})").status == 422);
  CHECK(world.ask("POST", "/api/spawned/w1/subscribe", R"({"channels":[1]})").status == 422);
  CHECK(world.ask("POST", "/api/spawned/w1/subscribe", "{}").status == 422);
}

}  // namespace relay::broker
