// A terminal's output over a WebSocket, for who attaches to it.
#include "api_world.hpp"

namespace relay::broker {
namespace {

using test::ApiWorld;
using test::hear;
using test::same_json;

asio::awaitable<void> expect_text(net::WebSocket* socket, std::string wanted) {
  const auto heard = co_await hear(socket);
  INFO(heard);
  const bool same = same_json(heard, wanted);
  CHECK(same);
}

/// "position: bytes" of the next binary message.
asio::awaitable<std::string> hear_output(net::WebSocket* socket) {
  const auto message = co_await socket->receive(10s);
  REQUIRE(message.has_value());
  REQUIRE_FALSE(message->is_text);
  REQUIRE(message->payload.size() > 8);
  std::uint64_t position = 0;
  for (const char byte : message->payload.substr(0, 8)) {
    position = position << 8U | static_cast<unsigned char>(byte);
  }
  co_return std::to_string(position) + ": " + message->payload.substr(8);
}

asio::awaitable<void> attach(ApiWorld* world) {
  world->operations.print("before");
  const auto stream = co_await world->connect("/api/output/w1");
  auto* const socket = stream.get();
  co_await expect_text(socket,
                       R"({"type":"output_ready","name":"w1","generation":"gen-w1","cursor":6})");
  const auto screen = co_await hear(socket);
  CHECK(screen.starts_with(R"({"type":"output_screen","cut":false,"cursor":6,"rows":24,"cols":80,)"
                           R"("screen":"G)"));
  world->operations.print("\x1b[1mnow");
  const auto now = co_await hear_output(socket);
  CHECK(now == "6: \x1b[1mnow");
  world->operations.list.front().exit = os::ExitStatus::exited(3);
  world->operations.end_program();
  co_await expect_text(socket, R"({"type":"output_end","name":"w1","cursor":13,)"
                               R"("exit":"exit status 3","status":3})");
  const auto end = co_await hear(socket);
  CHECK(end == "end 1000");
}

asio::awaitable<void> go_on_at_a_cursor(ApiWorld* world) {
  world->operations.print("0123456789");
  const auto stream = co_await world->connect("/api/output/w1?cursor=4");
  auto* const socket = stream.get();
  co_await expect_text(socket,
                       R"({"type":"output_ready","name":"w1","generation":"gen-w1","cursor":4})");
  const auto rest = co_await hear_output(socket);
  CHECK(rest == "4: 456789");
}

asio::awaitable<void> come_too_late(ApiWorld* world) {
  world->operations.print(std::string(100'000, 'x'));
  const auto stream = co_await world->connect("/api/output/w1?cursor=0");
  auto* const socket = stream.get();
  co_await expect_text(socket,
                       R"({"type":"output_ready","name":"w1","generation":"gen-w1","cursor":0})");
  const auto screen = co_await hear(socket);
  CHECK(screen.starts_with(
      R"({"type":"output_screen","cut":true,"cursor":100000,"rows":24,"cols":80,)"));
  world->operations.print("on");
  const auto on = co_await hear_output(socket);
  CHECK(on == "100000: on");
}

asio::awaitable<void> attach_to_nobody(ApiWorld* world) {
  for (const auto* path : {"/api/output/w2", "/api/output/w2?cursor=0"}) {
    const auto stream = co_await world->connect(path);
    co_await expect_text(stream.get(), R"({"type":"output_error","code":"agent_not_found",)"
                                       R"("message":"unknown worker 'w2'","retryable":false,)"
                                       R"("statusCode":404})");
    const auto end = co_await hear(stream.get());
    CHECK(end == "end 1000");
  }
}

asio::awaitable<void> detach(ApiWorld* world) {
  const auto stream = co_await world->connect("/api/output/w1");
  const auto ready = co_await hear(stream.get());
  CHECK(ready.starts_with(R"({"type":"output_ready")"));
  co_await stream->close(1000, "detached");
  CHECK(stream->end()->code == 1000);
}

}  // namespace

TEST_CASE("who attaches sees the screen and what comes after it, until the program ends") {
  ApiWorld world;
  world.operations.add("w1");
  test::run(world.io, attach(&world));
}

TEST_CASE("who comes back goes on where it was") {
  ApiWorld world;
  world.operations.add("w1");
  test::run(world.io, go_on_at_a_cursor(&world));
}

TEST_CASE("who comes back too late gets a new picture") {
  ApiWorld world;
  world.operations.add("w1");
  test::run(world.io, come_too_late(&world));
}

TEST_CASE("an attachment to nobody, and one that ends") {
  ApiWorld world;
  test::run(world.io, attach_to_nobody(&world));
  world.operations.add("w1");
  test::run(world.io, detach(&world));
  world.run_until_quiet();
  CHECK(world.ask("GET", "/api/output/w1?cursor=-1").status == 400);
}

}  // namespace relay::broker
