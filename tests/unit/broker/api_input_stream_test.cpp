// Keys for a terminal over a WebSocket.
#include "api_world.hpp"

namespace relay::broker {
namespace {

using test::ApiWorld;
using test::hear;
using test::same_json;
using test::say;

constexpr const char* kStream = "/api/input/w1/stream";

asio::awaitable<void> expect_note(net::WebSocket* socket, std::string wanted) {
  const auto heard = co_await hear(socket);
  INFO(heard);
  const bool same = same_json(heard, wanted);
  CHECK(same);
}

std::string ack(int bytes) {
  return R"({"type":"pty_input_ack","name":"w1","bytes_written":)" + std::to_string(bytes) + "}";
}

std::string invalid(const std::string& message) {
  return R"({"type":"pty_input_error","code":"invalid_input","message":")" + message +
         R"(","retryable":false,"statusCode":400})";
}

asio::awaitable<void> type_all_kinds(ApiWorld* world) {
  const auto stream = co_await world->connect(kStream);
  auto* const socket = stream.get();
  co_await expect_note(socket, R"({"type":"pty_input_ready","name":"w1"})");
  co_await say(socket, "raw\r");
  co_await say(socket, R"( {"type":"pty_input","data":"h\u00e9"} )");
  co_await say(socket, R"({"type":"other"})");
  co_await say(socket, "{broken");
  const auto sent = co_await socket->send_binary("bin\x1b", 5s);
  CHECK(sent.has_value());
  co_await say(socket, R"({"type":"pty_input","data":""})");
  for (const int bytes : {4, 3, 16, 7, 4, 0}) co_await expect_note(socket, ack(bytes));
  const std::vector<std::string> typed{"w1: raw\r",   "w1: h\xc3\xa9", R"(w1: {"type":"other"})",
                                       "w1: {broken", "w1: bin\x1b",   "w1: "};
  CHECK(world->operations.typed == typed);
}

asio::awaitable<void> type_nonsense(ApiWorld* world) {
  const auto stream = co_await world->connect(kStream);
  auto* const socket = stream.get();
  co_await expect_note(socket, R"({"type":"pty_input_ready","name":"w1"})");
  co_await say(socket, R"({"type":"pty_input"})");
  co_await say(socket, R"({"type":"pty_input","data":7})");
  const auto sent = co_await socket->send_binary("\xff\xfe", 5s);
  CHECK(sent.has_value());
  co_await say(socket, "still here");
  co_await expect_note(socket, invalid("pty_input needs a string `data`"));
  co_await expect_note(socket, invalid("pty_input needs a string `data`"));
  co_await expect_note(socket, invalid("binary input must be UTF-8"));
  co_await expect_note(socket, ack(10));
}

asio::awaitable<void> type_faster_than_it_takes(ApiWorld* world) {
  auto& operations = world->operations;
  operations.hold_keys = true;
  const auto stream = co_await world->connect(kStream);
  auto* const socket = stream.get();
  co_await expect_note(socket, R"({"type":"pty_input_ready","name":"w1"})");
  co_await say(socket, "a");
  co_await say(socket, "bb");
  const bool came = co_await operations.keys_came.wait(10s);
  CHECK(came);
  // The second waits until the first is taken in.
  CHECK(operations.typed.size() == 1);
  operations.keys_go_on.notify();
  co_await expect_note(socket, ack(1));
  operations.hold_keys = false;
  operations.keys_go_on.notify();
  co_await expect_note(socket, ack(2));
}

asio::awaitable<void> be_refused(ApiWorld* world) {
  auto& operations = world->operations;
  const auto stream = co_await world->connect(kStream);
  auto* const socket = stream.get();
  co_await expect_note(socket, R"({"type":"pty_input_ready","name":"w1"})");
  operations.failure = Error(Code::queue_full, "it does not read");
  co_await say(socket, "x");
  co_await expect_note(socket, R"({"type":"pty_input_error","code":"pty_write_queue_full",)"
                               R"("message":"it does not read","retryable":true,)"
                               R"("statusCode":503})");
  operations.failure.reset();
  co_await say(socket, "x");
  co_await expect_note(socket, ack(1));
  operations.list.clear();
  co_await say(socket, "x");
  co_await expect_note(socket, R"({"type":"pty_input_error","code":"agent_not_found",)"
                               R"("message":"unknown worker 'w1'","retryable":false,)"
                               R"("statusCode":404})");
  const auto end = co_await hear(socket);
  CHECK(end == "end 1000");
}

asio::awaitable<void> call_nobody(ApiWorld* world) {
  const auto stream = co_await world->connect("/api/input/w%202/stream");
  co_await expect_note(stream.get(), R"({"type":"pty_input_error","code":"agent_not_found",)"
                                     R"("message":"unknown worker 'w 2'","retryable":false,)"
                                     R"("statusCode":404})");
  const auto end = co_await hear(stream.get());
  CHECK(end == "end 1000");
}

std::string drivers(const std::string& list) {
  return R"({"type":"pty_drivers","name":"w1","drivers":[)" + list + "]}";
}

asio::awaitable<void> drive_together(ApiWorld* world) {
  auto& operations = world->operations;
  auto first = co_await world->connect(std::string(kStream) + "?driver=ann%40pts%2F1");
  co_await expect_note(first.get(), R"({"type":"pty_input_ready","name":"w1"})");
  co_await expect_note(first.get(), drivers(R"("ann@pts/1")"));
  const auto sent = co_await first->send_binary("\xff\x1b", 5s);
  CHECK(sent.has_value());
  co_await expect_note(first.get(), ack(2));
  CHECK(operations.typed.back() == "w1: \xff\x1b");

  const auto second = co_await world->connect(std::string(kStream) + "?driver=bob");
  co_await expect_note(first.get(), drivers(R"("ann@pts/1","bob")"));
  co_await expect_note(second.get(), R"({"type":"pty_input_ready","name":"w1"})");
  co_await expect_note(second.get(), drivers(R"("ann@pts/1","bob")"));
  // Who drives no terminal hears nothing of it, and is nobody.
  const auto third = co_await world->connect(kStream);
  co_await expect_note(third.get(), R"({"type":"pty_input_ready","name":"w1"})");
  co_await say(third.get(), "x");
  co_await expect_note(third.get(), ack(1));

  // One who goes away leaves the size to others, without a word.
  first->abort();
  co_await expect_note(second.get(), drivers(R"("bob")"));
  REQUIRE(operations.sizes.size() == 1);
  CHECK(operations.sizes[0].viewer == "ann@pts/1");
  CHECK(operations.sizes[0].release);
  CHECK(operations.humans_done == 0);
  co_await second->close(1000, "");
}

}  // namespace

TEST_CASE("who drives a terminal hears of the others; with the last one messages may go on") {
  ApiWorld world;
  world.operations.add("w1");
  test::run(world.io, drive_together(&world));
  world.run_until_quiet();
  CHECK(world.operations.humans_done == 1);
  CHECK(world.operations.sizes.size() == 2);
  CHECK(world.ask("GET", std::string(kStream) + "?driver=" + std::string(129, 'x')).status == 400);
}

TEST_CASE("text, pty_input and binary are keys, each answered in its order") {
  ApiWorld world;
  world.operations.add("w1");
  test::run(world.io, type_all_kinds(&world));
}

TEST_CASE("what is no input is refused, and the stream stays open") {
  ApiWorld world;
  world.operations.add("w1");
  test::run(world.io, type_nonsense(&world));
}

TEST_CASE("keys wait for those before them") {
  ApiWorld world;
  world.operations.add("w1");
  test::run(world.io, type_faster_than_it_takes(&world));
}

TEST_CASE("a stream outlives a program that does not read, not one that is gone") {
  ApiWorld world;
  world.operations.add("w1");
  test::run(world.io, be_refused(&world));
  world.run_until_quiet();
}

TEST_CASE("a stream to nobody says so and ends") {
  ApiWorld world;
  test::run(world.io, call_nobody(&world));
}

}  // namespace relay::broker
