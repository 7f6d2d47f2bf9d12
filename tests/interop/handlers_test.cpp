// Actions that a program of this machine does for the engine: the same life of such a program on
// our broker and on the published one, which reads and says the same on its socket.
#include <asio/io_context.hpp>
#include <chrono>
#include <csignal>
#include <doctest/doctest.h>
#include <filesystem>
#include <functional>

#include "base/random.hpp"
#include "net/ws_client.hpp"
#include "support/fake_engine_thread.hpp"
#include "support/loop.hpp"
#include "support/run_binary.hpp"
#include "support/temp_dir.hpp"
#include "wire/json.hpp"

namespace relay::test {
namespace {

constexpr const char* kHandlerKey = "br_00112233445566778899aabbccddeeff";

std::string value_at(const std::string& json, std::string_view pointer) {
  const auto document = wire::JsonDocument::parse(json, wire::kEngineLimits);
  if (!document) return "no JSON: " + json;
  const auto value = document->root().at(pointer);
  return value ? std::string(value->string().value_or(value->json().text())) : "absent";
}

asio::awaitable<std::string> next_message(net::WebSocket* socket) {
  auto message = co_await socket->receive(std::chrono::seconds(10));
  if (message) co_return std::move(message->payload);
  co_return "end: " + message.error().message;
}

asio::awaitable<std::unique_ptr<net::WebSocket>> join_fleet(net::WsClientOptions options,
                                                            Random* random) {
  auto outcome = co_await net::ws_connect(std::move(options), random);
  if (!outcome.connected) co_return nullptr;
  co_return std::make_unique<net::WebSocket>(std::move(outcome.connected->socket));
}

/// A program with a socket to its broker; every call blocks.
class Doer {
 public:
  explicit Doer(std::uint16_t port) {
    net::WsClientOptions options("ws://127.0.0.1:" + std::to_string(port) + "/api/fleet/ws");
    options.headers.add("X-API-Key", kHandlerKey);
    socket_ = run(io_, join_fleet(std::move(options), &random_));
    REQUIRE(socket_ != nullptr);
  }
  ~Doer() {
    if (socket_) socket_->abort();
  }
  void say(const std::string& type, const std::string& payload) {
    REQUIRE(socket_->try_send(R"({"v":2,"type":")" + type + R"(","request_id":"r","payload":)" +
                              payload + "}"));
  }
  std::string hear() { return run(io_, next_message(socket_.get())); }
  /// The next frame of that type; the published broker tells of other things as well.
  std::string hear(const std::string& type) {
    std::string frame;
    do {
      frame = hear();
    } while (!frame.starts_with("end: ") && value_at(frame, "/type") != type);
    return frame;
  }
  std::string asked(const std::string& type, const std::string& payload) {
    say(type, payload);
    return value_at(hear("ok"), "/payload/result");
  }
  void vanish() {
    socket_->abort();
    socket_.reset();
  }

 private:
  asio::io_context io_;
  SeededRandom random_{7};
  std::unique_ptr<net::WebSocket> socket_;
};

struct Story {
  std::vector<std::string> lines;
  void tell(const std::string& what, const std::string& said) {
    lines.push_back(what + ": " + said);
  }
};

/// What came back for an invocation, at the engine.
std::string outcome_of(FakeEngineThread& engine, const std::string& id) {
  for (;;) {
    const Record frame = engine.next_frame("action.result");
    if (frame.string("/invocation_id") != id) continue;
    const std::string error = frame.string("/error");
    return error.empty() ? "output " + frame.json("/output") : "error " + error;
  }
}

Story life_on(const std::filesystem::path& binary) {
  const TempDir temp;
  FakeEngineThread engine;
  const auto directory = temp / "project";
  std::filesystem::create_directory(directory);
  os::Environment environment = temp.environment();
  environment.set("RELAYCAST_BASE_URL", engine.url());
  environment.set("AGENT_RELAY_WORKSPACE_KEY", FakeState::kWorkspaceKey);
  environment.set("RELAY_BROKER_API_KEY", kHandlerKey);
  environment.set("AGENT_RELAY_BROKER_LOG", "off");
  environment.set("AGENT_RELAY_TELEMETRY_DISABLED", "1");
  os::Command command({binary.string(), "init", "--instance-name", "doer", "--persist"},
                      environment);
  command.working_directory = directory;
  RunningProgram broker(std::move(command));
  broker.wait_for("API listening on http://127.0.0.1:");
  broker.wait_for("\n");
  const auto at = broker.out().rfind(':') + 1;
  const auto port = static_cast<std::uint16_t>(std::stoi(broker.out().substr(at)));
  const std::string node = engine.next_frame("node.register").string("/name");
  engine.settle(node);
  const auto invoke = [&](const std::string& action) {
    return engine.call([&](FakeEngine& e) { return e.invoke(node, action, R"({"n":1})"); });
  };

  Story story;
  Doer doer(port);
  doer.say("hello", R"({"client_name":"t","client_version":"1"})");
  story.tell("protocol", value_at(doer.hear("ok"), "/payload/result/protocol_version"));
  doer.say("register_node", R"({"manifest":{"name":")" + node +
                                R"(","capabilities":[{"name":"dance","kind":"run"}]}})");
  story.tell("register_node", value_at(doer.hear("ok"), "/payload/result/registered"));
  const Record manifest = engine.next_frame("node.register");
  story.tell(
      "said to the engine",
      manifest.text.find(R"("name":"dance","kind":"run")") != std::string::npos ? "yes" : "no");
  story.tell("register_handlers",
             doer.asked("register_handlers", R"({"names":["dance","spawn:mine"]})"));

  const std::string first = invoke("dance");
  const std::string asked = doer.hear("invoke_handler");
  story.tell("asked", value_at(asked, "/payload/name") + " " + value_at(asked, "/payload/input") +
                          " " + value_at(asked, "/request_id"));
  CHECK(value_at(asked, "/payload/invocation_id") == first);
  story.tell("handler_result", doer.asked("handler_result", R"({"invocation_id":")" + first +
                                                                R"(","output":{"danced":true}})"));
  story.tell("result", outcome_of(engine, first));
  doer.say("handler_result", R"({"invocation_id":")" + first + R"(","output":1})");
  story.tell("twice", value_at(doer.hear("error"), "/payload/code"));

  const std::string second = invoke("spawn:mine");
  story.tell("asked", value_at(doer.hear("invoke_handler"), "/payload/name"));
  (void)doer.asked("handler_result", R"({"invocation_id":")" + second + R"(","error":"no room"})");
  story.tell("result", outcome_of(engine, second));

  doer.say("dance", "{}");
  story.tell("unknown type", value_at(doer.hear("error"), "/payload/code"));

  const std::string third = invoke("dance");
  (void)doer.hear("invoke_handler");
  doer.vanish();
  story.tell("vanished", outcome_of(engine, third));
  story.tell("nobody there", outcome_of(engine, invoke("dance")));
  broker.signal(SIGTERM);
  (void)broker.wait_end();
  return story;
}

}  // namespace

TEST_CASE("a program that does actions of the engine: on our broker as on the published one") {
  const std::vector<std::string> wanted{
      "protocol: 2",
      "register_node: true",
      "said to the engine: yes",
      R"(register_handlers: {"handlers_live":true})",
      R"(asked: dance {"n":1} null)",
      R"(handler_result: {"completed":true})",
      R"(result: output {"danced":true})",
      "twice: unknown_invocation",
      "asked: spawn:mine",
      "result: error no room",
      "unknown type: frame_failed",
      "vanished: error handler_unavailable",
      "nobody there: error handler_unavailable",
  };
  CHECK(life_on(relay_broker()).lines == wanted);
  const std::filesystem::path peer = std::filesystem::path(INTEROP_DIR) /
                                     "node_modules/@agent-relay/broker-linux-x64/bin/"
                                     "agent-relay-broker";
  if (!std::filesystem::exists(peer)) {
    MESSAGE("skipped: the published broker is not installed (./dev interop does that)");
    return;
  }
  CHECK(life_on(peer).lines == wanted);
}

}  // namespace relay::test
