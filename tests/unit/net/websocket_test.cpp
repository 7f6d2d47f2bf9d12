#include "net/websocket.hpp"

#include <doctest/doctest.h>
#include <thread>

#include "net/task_group.hpp"
#include "net/timeout.hpp"
#include "support/flaky_stream.hpp"
#include "support/loop.hpp"
#include "support/sanitized.hpp"
#include "support/stream_pair.hpp"
#include "support/ws_wire.hpp"

namespace relay::net {
namespace {

using namespace std::chrono_literals;
using test::ws_frame;

class Sockets {
 public:
  Sockets(WebSocket near_in, WebSocket far_in) : near(std::move(near_in)), far(std::move(far_in)) {}
  WebSocket near;
  WebSocket far;
};

Random& masks() {
  static SeededRandom random(7);
  return random;
}

asio::awaitable<Sockets> connect(WsOptions options) {
  auto pair = co_await test::connect_pair();
  auto near = WebSocket::client(std::move(pair.near), {}, options, masks());
  auto far = WebSocket::server(std::move(pair.far), {}, options);
  co_return Sockets(std::move(near), std::move(far));
}

/// In memory: how much a kernel goes on taking for a peer that does not read is its own affair.
asio::awaitable<Sockets> connect_in_memory(WsOptions options) {
  test::FlakyPair pair(co_await asio::this_coro::executor);
  auto near = WebSocket::client(std::move(pair.near), {}, options, masks());
  auto far = WebSocket::server(std::move(pair.far), {}, options);
  co_return Sockets(std::move(near), std::move(far));
}

asio::awaitable<void> echo(WebSocket* socket) {
  for (;;) {
    auto message = co_await socket->receive(1h);
    if (!message) co_return;
    auto sent = co_await socket->send(std::move(message->payload), 1h);
    if (!sent) co_return;
  }
}

asio::awaitable<void> hold(WebSocket* socket, Result<WsMessage>* last) {
  *last = co_await socket->receive(1h);
}

asio::awaitable<void> ended(TaskGroup* group) {
  co_await shielded();
  group->cancel();
  co_await group->join();
}

asio::awaitable<void> echo_and_close() {
  const auto executor = co_await asio::this_coro::executor;
  auto sockets = co_await connect(WsOptions());
  TaskGroup group(executor);
  group.spawn(echo(&sockets.far));
  for (const std::size_t size : {0, 1, 200, 65536, 1048576, 4194304}) {
    const std::string text(size, 'a');
    auto sent = co_await sockets.near.send(text, 5s);
    REQUIRE(sent.has_value());
    auto back = co_await sockets.near.receive(5s);
    REQUIRE(back.has_value());
    CHECK(back->is_text);
    CHECK(back->payload == text);
  }
  for (int i = 0; i < 1000; ++i) REQUIRE(sockets.near.try_send(std::to_string(i)).has_value());
  for (int i = 0; i < 1000; ++i) {
    auto back = co_await sockets.near.receive(5s);
    REQUIRE(back.has_value());
    CHECK(back->payload == std::to_string(i));
  }
  const auto large = sockets.near.try_send(std::string(4194305, 'a'));
  CHECK(large.error().code == Code::too_large);
  const auto nothing = co_await sockets.near.receive(2ms);
  CHECK(nothing.error().code == Code::timeout);
  co_await sockets.near.close(1000, "done");
  CHECK(sockets.near.end()->cause == WsCause::we_closed);
  CHECK(sockets.near.end()->code == 1000);
  CHECK(sockets.far.end()->cause == WsCause::peer_closed);
  CHECK(sockets.far.end()->code == 1000);
  CHECK(sockets.far.end()->reason == "done");
  CHECK(sockets.near.try_send("late").error().code == Code::connection_closed);
  co_await ended(&group);
}

asio::awaitable<void> close_under_reader() {
  const auto executor = co_await asio::this_coro::executor;
  auto sockets = co_await connect(WsOptions());
  TaskGroup group(executor);
  Result<WsMessage> near_last = fail(Code::internal_error, "not ended");
  group.spawn(hold(&sockets.near, &near_last));
  group.spawn(echo(&sockets.far));
  co_await pause(1ms);
  co_await sockets.near.close(4001, "restart");
  co_await shielded();
  co_await group.join();
  CHECK(near_last.error().code == Code::connection_closed);
  CHECK(near_last.error().message == "the WebSocket is closed (4001)");
  CHECK(sockets.far.end()->code == 4001);
}

/// A peer that writes one message of 9 MB and reads only then.
asio::awaitable<std::string> write_nine_megabytes(Stream* stream) {
  const std::string huge = ws_frame(0x82, std::string(9'000'000, 'x'), true);
  co_await stream->write(huge);
  co_return co_await test::read_all(stream);
}

asio::awaitable<void> oversized() {
  const auto executor = co_await asio::this_coro::executor;
  auto pair = co_await test::connect_pair();
  auto server = WebSocket::server(std::move(pair.far), {}, WsOptions());
  TaskGroup group(executor);
  Result<WsMessage> last = fail(Code::internal_error, "not ended");
  group.spawn(hold(&server, &last));
  const auto heard = co_await write_nine_megabytes(pair.near.get());
  pair.near->close();
  CHECK(heard == std::string("\x88\x0f\x03\xf1", 4) + "frame too big");
  co_await shielded();
  co_await group.join();
  CHECK(last.error().code == Code::too_large);
  CHECK(server.end()->cause == WsCause::too_large);
}

asio::awaitable<void> peer_does_not_read() {
  WsOptions options;
  options.queued_most = 1U << 20U;
  auto sockets = co_await connect_in_memory(options);
  const std::string block(65536, 'x');
  std::size_t taken = 0;
  Result<void> sent;
  while ((sent = sockets.far.try_send(block))) {
    taken += block.size();
    REQUIRE(sockets.far.queued() <= options.queued_most);
    co_await pause(0ms);
  }
  CHECK(sent.error().code == Code::queue_full);
  CHECK(taken > options.queued_most / 2);
  const std::size_t queued = sockets.far.queued();
  sockets.far.ping();
  CHECK(sockets.far.queued() == queued);
  const auto waited = co_await sockets.far.send(block, 5ms);
  CHECK(waited.error().code == Code::queue_full);
  // Room comes back when the peer reads.
  auto first = co_await sockets.near.receive(5s);
  CHECK(first->payload == block);
  for (std::size_t got = block.size(); got < taken; got += block.size()) {
    auto next = co_await sockets.near.receive(5s);
    REQUIRE(next.has_value());
  }
  CHECK(sockets.far.queued() == 0);
}

asio::awaitable<void> binary_waits_as_text_does() {
  WsOptions options;
  options.queued_most = 1U << 20U;
  auto sockets = co_await connect_in_memory(options);
  const std::string block(65536, '\xff');
  while (sockets.far.try_send_binary(block)) co_await pause(0ms);
  const auto waited = co_await sockets.far.send_binary(block, 5ms);
  CHECK(waited.error().code == Code::queue_full);
  auto first = co_await sockets.near.receive(5s);
  CHECK_FALSE(first->is_text);
  CHECK(first->payload == block);
}

asio::awaitable<void> peer_never_reads() {
  WsOptions options;
  options.queued_most = 1U << 20U;
  options.dead_after = 50ms;
  test::FlakyPair pair(co_await asio::this_coro::executor);
  auto server = WebSocket::server(std::move(pair.far), {}, options);
  const std::string block(65536, 'x');
  while (server.try_send(block)) co_await pause(0ms);
  CHECK(!server.end().has_value());
  for (int i = 0; i < 1000 && !server.end(); ++i) co_await pause(5ms);
  REQUIRE(server.end().has_value());
  CHECK(server.end()->cause == WsCause::silent);
  CHECK(server.queued() == 0);
}

asio::awaitable<void> pings_while_not_reading() {
  const auto executor = co_await asio::this_coro::executor;
  test::FlakyPair pair(executor);
  WsOptions options;
  options.queued_most = 1U << 20U;
  auto server = WebSocket::server(std::move(pair.far), {}, options);
  const std::string block(65536, 'x');
  while (server.try_send(block)) co_await pause(0ms);
  TaskGroup group(executor);
  Result<WsMessage> last = fail(Code::internal_error, "not ended");
  group.spawn(hold(&server, &last));
  std::string pings;
  for (int i = 0; i < 2000; ++i) pings += ws_frame(0x89, std::to_string(i), true);
  co_await pair.near->write(pings);
  const std::size_t before = server.queued();
  co_await pause(5ms);
  CHECK(server.queued() <= before);
  co_await pair.near->write(ws_frame(0x88, "", true));
  const auto heard = co_await test::read_all(pair.near.get());
  pair.near->close();
  // Only the newest ping is answered, before the close frame.
  CHECK(heard.find("\x8a") != std::string::npos);
  CHECK(heard.substr(heard.size() - 8) ==
        std::string("\x8a\x04", 2) + "1999" + std::string("\x88\0", 2));
  co_await shielded();
  co_await group.join();
}

asio::awaitable<void> silent_peer() {
  WsOptions options;
  options.ping_every = 20ms;
  options.dead_after = 80ms;
  auto pair = co_await test::connect_pair();
  auto server = WebSocket::server(std::move(pair.far), {}, options);
  Result<WsMessage> got = fail(Code::timeout, "");
  // Short waits add up to one long silence.
  for (int i = 0; i < 1000 && got.error().code == Code::timeout; ++i) {
    got = co_await server.receive(10ms);
  }
  CHECK(server.end()->cause == WsCause::silent);
  const auto heard = co_await test::read_all(pair.near.get());
  CHECK(heard.substr(0, 2) == std::string("\x89\0", 2));
}

asio::awaitable<void> live_peer() {
  const auto executor = co_await asio::this_coro::executor;
  WsOptions options;
  options.ping_every = 20ms;
  options.dead_after = 600ms;
  auto sockets = co_await connect(options);
  TaskGroup group(executor);
  group.spawn(echo(&sockets.far));
  const auto nothing = co_await sockets.near.receive(900ms);
  CHECK(nothing.error().code == Code::timeout);
  co_await ended(&group);
}

/// A process that is stopped, or its machine, for longer than a peer may be silent.
asio::awaitable<void> stand_still(Duration time) {
  co_await pause(1ms);
  std::this_thread::sleep_for(time);
}

asio::awaitable<void> asked_after_a_stop() {
  const auto executor = co_await asio::this_coro::executor;
  WsOptions options;
  options.ping_every = 100ms;
  options.dead_after = 150ms;
  auto sockets = co_await connect(options);
  TaskGroup group(executor);
  group.spawn(echo(&sockets.far));
  group.spawn(stand_still(200ms));
  const auto nothing = co_await sockets.near.receive(250ms);
  CHECK(nothing.error().code == Code::timeout);
  co_await ended(&group);
}

asio::awaitable<void> asked_and_heard() {
  const auto executor = co_await asio::this_coro::executor;
  WsOptions options;
  options.close_within = 20ms;
  auto pair = co_await test::connect_pair();
  auto server = WebSocket::server(std::move(pair.far), {}, options);
  TaskGroup group(executor);
  Result<WsMessage> last = fail(Code::internal_error, "not ended");
  group.spawn(hold(&server, &last));
  const Monotonic before = server.last_heard();
  CHECK(before <= SystemClock().now());
  co_await pause(1ms);
  server.ping();
  const auto asked = co_await test::read_all(pair.near.get(), 2);
  CHECK(asked == std::string("\x89\0", 2));
  // Asking is not hearing; a pong is.
  CHECK(server.last_heard() == before);
  co_await pair.near->write(ws_frame(0x8a, "", true));
  for (int i = 0; i < 2000 && server.last_heard() == before; ++i) co_await pause(5ms);
  CHECK(server.last_heard() > before);
  co_await server.close(1000, "");
  server.ping();
  const auto rest = co_await test::read_all(pair.near.get());
  CHECK(rest == std::string("\x88\x02\x03\xe8", 4));
  co_await shielded();
  co_await group.join();
}

asio::awaitable<void> lost_peer() {
  auto sockets = co_await connect(WsOptions());
  sockets.near.abort();
  const auto got = co_await sockets.far.receive(5s);
  CHECK(got.error().code == Code::connection_closed);
  CHECK(sockets.far.end()->cause == WsCause::lost);
  CHECK(sockets.far.end()->code == 1006);
}

asio::awaitable<void> deaf_to_close() {
  WsOptions options;
  options.close_within = 20ms;
  auto pair = co_await test::connect_pair();
  auto server = WebSocket::server(std::move(pair.far), {}, options);
  co_await server.close(1001, "going");
  CHECK(server.end()->cause == WsCause::we_closed);
  const auto heard = co_await test::read_all(pair.near.get());
  CHECK(heard == std::string("\x88\x07\x03\xe9", 4) + "going");
}

asio::awaitable<void> cancelled_receive() {
  auto sockets = co_await connect(WsOptions());
  for (int i = 0; i < 100; ++i) {
    auto waiting = sockets.near.receive(1h);
    const auto got = co_await with_timeout(std::move(waiting), i % 3 * 100us, "receive");
    CHECK(!got.has_value());
  }
  CHECK(!sockets.near.end().has_value());
  REQUIRE(sockets.far.try_send("still there").has_value());
  const auto got = co_await sockets.near.receive(5s);
  CHECK(got->payload == "still there");
}

}  // namespace

TEST_CASE("messages go both ways in order, of every size, until the close") {
  asio::io_context io;
  test::run(io, echo_and_close());
  io.poll();
  CHECK(io.stopped());  // no timer keeps the loop
}

TEST_CASE("close ends the receive that is under way") {
  asio::io_context io;
  test::run(io, close_under_reader());
}

TEST_CASE("the sender of a message over the limit gets close code 1009, every time") {
  const int rounds = test::kSanitized ? 5 : 20;
  for (int i = 0; i < rounds; ++i) {
    asio::io_context io;
    test::run(io, oversized());
  }
}

TEST_CASE("a peer that does not read fills its queue, never the memory, until it reads") {
  asio::io_context io;
  test::run(io, peer_does_not_read());
}

TEST_CASE("a binary message waits for room as a text does") {
  asio::io_context io;
  test::run(io, binary_waits_as_text_does());
}

TEST_CASE("a peer that never reads is dead in the end") {
  asio::io_context io;
  test::run(io, peer_never_reads());
}

TEST_CASE("pings of a peer that does not read cost nothing but the newest") {
  asio::io_context io;
  test::run(io, pings_while_not_reading());
}

TEST_CASE("a silent peer is pinged and then dead") {
  asio::io_context io;
  test::run(io, silent_peer());
}

TEST_CASE("a peer that answers pings lives") {
  asio::io_context io;
  test::run(io, live_peer());
}

TEST_CASE("a peer that nobody asked, since this process stood still, is asked first") {
  asio::io_context io;
  test::run(io, asked_after_a_stop());
}

TEST_CASE("a ping on demand; its pong, and nothing of ours, counts as heard") {
  asio::io_context io;
  test::run(io, asked_and_heard());
}

TEST_CASE("a connection that breaks is told from one that is closed") {
  asio::io_context io;
  test::run(io, lost_peer());
}

TEST_CASE("close does not wait for ever") {
  asio::io_context io;
  test::run(io, deaf_to_close());
}

TEST_CASE("a receive that is cancelled loses nothing") {
  asio::io_context io;
  test::run(io, cancelled_receive());
}

}  // namespace relay::net
