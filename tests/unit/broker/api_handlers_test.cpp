// The socket of programs that do actions of the engine.
#include "api_world.hpp"
#include "net/timeout.hpp"

namespace relay::broker {
namespace {

using test::ApiWorld;
using test::hear;
using test::same_json;
using test::say;

constexpr const char* kPlace = "/api/fleet/ws";

struct HandlerWorld : ApiWorld {
  HandlerWorld() {
    Handlers::Owner owner;
    owner.on_outcome = [this](const std::string& id, const ActionOutcome& outcome) {
      const auto* const error = std::get_if<std::string>(&outcome);
      outcomes.push_back(id + " " + (error ? *error : std::get<wire::Json>(outcome).text()));
    };
    operations.actions.owned_by(std::move(owner));
  }
  void invoke(const std::string& id, const std::string& name) {
    operations.actions.invoke(clock.now(), id, name, *wire::Json::parse(R"({"n":1})"));
  }
  std::vector<std::string> outcomes;
};

asio::awaitable<void> answered(net::WebSocket* socket, std::string frame, std::string wanted) {
  co_await say(socket, std::move(frame));
  const auto heard = co_await hear(socket);
  INFO(heard);
  const bool same = same_json(heard, wanted);
  CHECK(same);
}

std::string frame(const std::string& type, const std::string& payload) {
  return R"({"v":2,"type":")" + type + R"(","request_id":"r1","payload":)" + payload + "}";
}

std::string good(const std::string& result) {
  return R"({"v":2,"type":"ok","request_id":"r1","payload":{"result":)" + result + "}}";
}

std::string bad(const std::string& code, const std::string& message,
                const std::string& request = R"("r1")") {
  return R"({"v":2,"type":"error","request_id":)" + request + R"(,"payload":{"code":")" + code +
         R"(","message":")" + message + R"(","retryable":false}})";
}

asio::awaitable<void> do_actions(HandlerWorld* world) {
  const auto stream = co_await world->connect(kPlace);
  auto* const socket = stream.get();
  co_await answered(socket, frame("hello", R"({"client_name":"t","client_version":"1"})"),
                    good(R"({"broker_version":"1.2.3","protocol_version":2})"));
  world->operations.view.node.node_name = "builder-1";
  co_await answered(
      socket,
      frame("register_node", R"({"manifest":{"name":"other","capabilities":[)"
                             R"({"name":"build","kind":"run","metadata":{"with":"make"}}]}})"),
      good(R"({"registered":true,"node_name":"builder-1","supervised":false})"));
  co_await answered(socket, frame("register_handlers", R"({"names":["build","test"]})"),
                    good(R"({"handlers_live":true})"));
  const auto offered = world->operations.actions.offered();
  REQUIRE(offered.size() == 2);
  CHECK(offered[0].kind == "run");
  CHECK(offered[0].metadata->text() == R"({"with":"make"})");
  CHECK(offered[1].name == "test");

  world->invoke("inv_1", "build");
  const auto asked = co_await hear(socket);
  INFO(asked);
  const bool same =
      same_json(asked, R"({"v":2,"type":"invoke_handler","request_id":null,)"
                       R"("payload":{"invocation_id":"inv_1","name":"build","input":{"n":1}}})");
  CHECK(same);
  world->invoke("inv_2", "test");
  (void)co_await hear(socket);
  co_await answered(socket,
                    frame("handler_result", R"({"invocation_id":"inv_1","output":{"ok":[1]}})"),
                    good(R"({"completed":true})"));
  co_await answered(socket, frame("handler_result", R"({"invocation_id":"inv_1","output":null})"),
                    bad("unknown_invocation", "there is no action inv_1 under way here"));
  co_await answered(socket, frame("handler_result", R"({"invocation_id":"inv_2","error":"red"})"),
                    good(R"({"completed":true})"));
  CHECK(world->outcomes == std::vector<std::string>{R"(inv_1 {"ok":[1]})", "inv_2 red"});
  world->invoke("inv_3", "test");
  (void)co_await hear(socket);
  co_await answered(socket, frame("deregister_node", "{}"), good(R"({"deregistered":true})"));
  const auto end = co_await hear(socket);
  CHECK(end == "end 1000");
  CHECK(world->outcomes.back() == "inv_3 handler_unavailable");
}

asio::awaitable<void> talk_nonsense(ApiWorld* world) {
  const auto stream = co_await world->connect(kPlace);
  auto* const socket = stream.get();
  co_await answered(socket, R"({"v":1,"type":"hello"})",
                    bad("invalid_frame", R"(a frame is an object with \"v\":2)", "null"));
  co_await answered(socket, "[]",
                    bad("invalid_frame", R"(a frame is an object with \"v\":2)", "null"));
  co_await answered(socket, frame("dance", "{}"), bad("frame_failed", "unknown type 'dance'"));
  co_await answered(socket, frame("register_node", "{}"),
                    bad("frame_failed", "register_node needs a manifest"));
  co_await answered(
      socket, frame("handler_result", R"({"invocation_id":"i"})"),
      bad("frame_failed", "handler_result needs an invocation_id and either output or error"));
  co_await answered(socket, frame("register_handlers", R"({"names":["release"]})"),
                    bad("frame_failed", "'release' cannot be an action of yours"));
  co_await say(socket, "no json");
  const auto heard = co_await hear(socket);
  CHECK(heard.find("invalid_frame") != std::string::npos);
}

asio::awaitable<void> vanish(HandlerWorld* world) {
  const auto stream = co_await world->connect(kPlace);
  auto* const socket = stream.get();
  co_await answered(socket, frame("register_handlers", R"({"names":["build"]})"),
                    good(R"({"handlers_live":true})"));
  world->invoke("inv_1", "build");
  (void)co_await hear(socket);
  socket->abort();
}

asio::awaitable<void> ask_for_agents(ApiWorld* world) {
  auto& operations = world->operations;
  const auto stream = co_await world->connect(kPlace);
  auto* const socket = stream.get();
  co_await say(socket, frame("spawn_agent", R"({"agent":{"name":"w2","cli":"cat -u"},)"
                                            R"("invocation_id":"inv_9","initial_task":"go"})"));
  const auto made = co_await hear(socket);
  INFO(made);
  CHECK(made.starts_with(R"({"v":2,"type":"ok","request_id":"r1")"));
  CHECK(made.find(R"("name":"w2")") != std::string::npos);
  REQUIRE(operations.spawned.size() == 1);
  CHECK(operations.spawned[0].invocation_id == "inv_9");
  CHECK(operations.spawned[0].task == "go");
  CHECK(operations.spawned[0].command == std::vector<std::string>{"cat", "-u"});
  co_await answered(socket, frame("send_input", R"({"name":"w1","data":"ls\r"})"),
                    good(R"({"name":"w1","bytes_written":3})"));
  co_await answered(socket, frame("subscribe_channels", R"({"name":"w1","channels":["dev"]})"),
                    good(R"({"name":"w1","channels":["general","dev"]})"));
  co_await answered(socket, frame("release_agent", R"({"name":"w1"})"),
                    good(R"({"success":true,"name":"w1"})"));
  CHECK(operations.released[0].name == "w1");
  operations.send_answer.event_id = "http_1";
  operations.send_answer.delivered = 1;
  co_await say(socket, frame("send_message", R"({"to":"w1","text":"hi"})"));
  const auto sent = co_await hear(socket);
  CHECK(sent.find(R"("event_id":"http_1")") != std::string::npos);
  co_await say(socket, frame("list_agents", "{}"));
  const auto list = co_await hear(socket);
  CHECK(list.find(R"("runtime":"pty")") != std::string::npos);
  co_await answered(socket, frame("send_input", R"({"name":"w3","data":"x"})"),
                    bad("agent_not_found", "no agent is called w3"));
  co_await answered(socket, frame("shutdown", "{}"), good(R"({"status":"shutting_down"})"));
  CHECK(operations.shut_downs == 1);
}

/// A call that waits keeps no result waiting, and there is an end of them.
asio::awaitable<void> call_many(HandlerWorld* world) {
  auto& operations = world->operations;
  const auto stream = co_await world->connect(kPlace);
  auto* const socket = stream.get();
  co_await answered(socket, frame("register_handlers", R"({"names":["build"]})"),
                    good(R"({"handlers_live":true})"));
  world->invoke("inv_1", "build");
  (void)co_await hear(socket);
  operations.hold_keys = true;
  for (int call = 0; call < 16; ++call) {
    co_await say(socket, frame("send_input", R"({"name":"w1","data":"x"})"));
  }
  co_await answered(socket, frame("send_input", R"({"name":"w1","data":"x"})"),
                    bad("queue_full", "16 calls are under way: wait for their answers"));
  co_await answered(socket, frame("handler_result", R"({"invocation_id":"inv_1","output":1})"),
                    good(R"({"completed":true})"));
  operations.hold_keys = false;
  operations.keys_go_on.notify();
  for (int call = 0; call < 16; ++call) {
    const auto heard = co_await hear(socket);
    const bool same = same_json(heard, good(R"({"name":"w1","bytes_written":1})"));
    CHECK(same);
  }
}

}  // namespace

TEST_CASE("a program does actions of the engine: it is told of each, and its results count") {
  HandlerWorld world;
  test::run(world.io, do_actions(&world));
  world.run_until_quiet();
}

TEST_CASE("frames that make no sense are refused, and the conversation goes on") {
  ApiWorld world;
  test::run(world.io, talk_nonsense(&world));
}

TEST_CASE("what a program was doing when it vanished is said to be undone") {
  HandlerWorld world;
  test::run(world.io, vanish(&world));
  world.run_until_quiet();
  CHECK(world.outcomes == std::vector<std::string>{"inv_1 handler_unavailable"});
  CHECK_FALSE(world.operations.actions.serves("build"));
}

TEST_CASE("on the same socket agents are started, typed to, listed and released") {
  ApiWorld world;
  world.operations.add("w1");
  test::run(world.io, ask_for_agents(&world));
}

TEST_CASE("calls that wait hold up no result, and are counted") {
  HandlerWorld world;
  world.operations.add("w1");
  test::run(world.io, call_many(&world));
}

}  // namespace relay::broker
