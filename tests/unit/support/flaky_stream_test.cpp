#include "support/flaky_stream.hpp"

#include <asio/error.hpp>
#include <doctest/doctest.h>
#include <string>

#include "net/task_group.hpp"
#include "net/timeout.hpp"
#include "net/websocket.hpp"
#include "support/loop.hpp"
#include "support/stream_pair.hpp"

namespace relay::test {
namespace {

using namespace std::chrono_literals;

asio::awaitable<void> write_all(net::Stream* stream, std::string bytes, net::IoResult* result) {
  *result = co_await stream->write(bytes);
}

asio::awaitable<std::string> read_once(net::Stream* stream, std::size_t room = 100) {
  std::string buffer(room, '\0');
  const auto got = co_await stream->read_some(buffer);
  if (got.error == asio::error::eof) co_return "[eof]";
  if (got.error == asio::error::operation_aborted) co_return "[aborted]";
  if (!got.ok()) co_return "[" + got.error.message() + "]";
  co_return buffer.substr(0, got.bytes);
}

asio::awaitable<void> keep_read(net::Stream* stream, std::string* got) {
  *got = co_await read_once(stream);
}

asio::awaitable<void> play_good() {
  FlakyPair pair(co_await asio::this_coro::executor, 8);
  net::TaskGroup group(co_await asio::this_coro::executor);
  net::IoResult written(std::error_code(), 0);
  // More than the buffer: the writer waits for the reader.
  group.spawn(write_all(pair.near.get(), "0123456789abcdef", &written));
  const auto all = co_await read_all(pair.far.get(), 16);
  CHECK(all == "0123456789abcdef");
  co_await group.join();
  CHECK(written.bytes == 16);
  std::string buffer(4, '\0');
  CHECK(net::would_block(pair.far->try_read(buffer).error));
  CHECK(pair.near->try_write(std::string(20, 'x')).bytes == 8);
  CHECK(net::would_block(pair.near->try_write(std::string("y")).error));
  co_await pair.near->shutdown_send();
  const auto rest = co_await read_once(pair.far.get());
  CHECK(rest == "xxxxxxxx");
  const auto end = co_await read_once(pair.far.get());
  CHECK(end == "[eof]");
  // The other direction is still open.
  CHECK(pair.far->try_write(std::string("back")).bytes == 4);
  const auto back = co_await read_once(pair.near.get());
  CHECK(back == "back");
}

TEST_CASE("without faults it is a pair of sockets") {
  asio::io_context io;
  run(io, play_good());
}

asio::awaitable<void> play_chunks() {
  FlakyPair pair(co_await asio::this_coro::executor);
  pair.near_faults->chunk = 2;
  net::TaskGroup group(co_await asio::this_coro::executor);
  net::IoResult written(std::error_code(), 0);
  group.spawn(write_all(pair.near.get(), "abcde", &written));
  std::string parts;
  for (int i = 0; i < 3; ++i) parts += co_await read_once(pair.far.get()) + "|";
  CHECK(parts == "ab|cd|e|");
  co_await group.join();
  pair.near_faults->chunk = Faults::kNever;
  pair.far_faults->chunk = 1;
  co_await pair.near->write(std::string("xy"));
  const auto first = co_await read_once(pair.far.get());
  CHECK(first == "x");
}

TEST_CASE("writes and reads are split") {
  asio::io_context io;
  run(io, play_chunks());
}

asio::awaitable<void> play_cut() {
  FlakyPair pair(co_await asio::this_coro::executor);
  pair.near_faults->cut_after = 3;
  const auto written = co_await pair.near->write(std::string("abcde"));
  CHECK(net::is_errno(written.error, std::errc::connection_reset));
  CHECK(written.bytes == 3);
  const auto got = co_await read_once(pair.far.get());
  CHECK(got == "abc");
  const auto end = co_await read_once(pair.far.get());
  CHECK(end == "[Connection reset by peer]");
  const auto back = co_await pair.far->write(std::string("x"));
  CHECK(net::is_errno(back.error, std::errc::connection_reset));
}

TEST_CASE("a cut lets so many bytes through and breaks both ways") {
  asio::io_context io;
  run(io, play_cut());
}

asio::awaitable<void> play_stall() {
  FlakyPair pair(co_await asio::this_coro::executor);
  pair.near_faults->stall_after = 3;
  net::TaskGroup group(co_await asio::this_coro::executor);
  net::IoResult written(std::error_code(), 0);
  group.spawn(write_all(pair.near.get(), "abcde", &written));
  const auto got = co_await read_once(pair.far.get());
  CHECK(got == "abc");
  std::string later;
  group.spawn(keep_read(pair.far.get(), &later));
  co_await net::pause(1ms);
  CHECK(later.empty());
  CHECK(group.size() == 2);
  pair.resume();
  co_await group.join();
  CHECK(later == "de");
  CHECK(written.bytes == 5);
}

TEST_CASE("a stalled writer waits until it is resumed") {
  asio::io_context io;
  run(io, play_stall());
}

asio::awaitable<void> play_errors() {
  FlakyPair pair(co_await asio::this_coro::executor);
  pair.near_faults->fail_write = 2;
  pair.near_faults->error = std::make_error_code(std::errc::io_error);
  const auto good = co_await pair.near->write(std::string("a"));
  CHECK(good.ok());
  const auto bad = co_await pair.near->write(std::string("b"));
  CHECK(net::is_errno(bad.error, std::errc::io_error));
  pair.far_faults->fail_read = 2;
  const auto first = co_await read_once(pair.far.get());
  CHECK(first == "a");
  const auto second = co_await read_once(pair.far.get());
  CHECK(second == "[Connection reset by peer]");
}

TEST_CASE("the nth call fails") {
  asio::io_context io;
  run(io, play_errors());
}

asio::awaitable<void> play_close() {
  FlakyPair pair(co_await asio::this_coro::executor);
  net::TaskGroup group(co_await asio::this_coro::executor);
  std::string got;
  group.spawn(keep_read(pair.near.get(), &got));
  co_await net::pause(1ms);
  pair.near->cancel();
  co_await group.join();
  CHECK(got == "[aborted]");
  got.clear();
  co_await pair.far->write(std::string("still there"));
  const auto next = co_await read_once(pair.near.get());
  CHECK(next == "still there");
  pair.far->close();
  const auto end = co_await read_once(pair.near.get());
  CHECK(end == "[eof]");
  const auto broken = co_await pair.near->write(std::string("x"));
  CHECK(net::is_errno(broken.error, std::errc::broken_pipe));
  FlakyPair other(co_await asio::this_coro::executor);
  group.spawn(keep_read(other.near.get(), &got));
  co_await net::pause(1ms);
  other.near->close();
  co_await group.join();
  CHECK(got == "[aborted]");
}

TEST_CASE("cancel ends the waits, close ends the connection") {
  asio::io_context io;
  run(io, play_close());
}

asio::awaitable<void> echo(net::WebSocket* socket) {
  for (;;) {
    auto message = co_await socket->receive(1h);
    if (!message) co_return;
    const auto sent = co_await socket->send(std::move(message->payload), 1h);
    if (!sent) co_return;
  }
}

/// The product's own WebSocket over a pair, a few bytes at a time.
asio::awaitable<void> play_websocket() {
  static SeededRandom random(1);
  const auto executor = co_await asio::this_coro::executor;
  FlakyPair pair(executor, 100);
  pair.near_faults->chunk = 7;
  pair.far_faults->chunk = 3;
  const auto faults = pair.near_faults;
  auto near = net::WebSocket::client(std::move(pair.near), {}, net::WsOptions(), random);
  auto far = net::WebSocket::server(std::move(pair.far), {}, net::WsOptions());
  net::TaskGroup group(executor);
  group.spawn(echo(&far));
  for (const std::size_t size : {0, 1, 200, 5000}) {
    const std::string text(size, 'a');
    const auto sent = co_await near.send(text, 5s);
    REQUIRE(sent.has_value());
    const auto back = co_await near.receive(5s);
    REQUIRE(back.has_value());
    CHECK(back->payload == text);
  }
  // The peer's frame ends in its middle.
  faults->cut_after = faults->sent + 4;
  (void)near.try_send("cut off");
  const auto end = co_await near.receive(5s);
  CHECK_FALSE(end.has_value());
  CHECK(near.end()->cause == net::WsCause::lost);
  co_await net::shielded();
  co_await group.join();
  CHECK(far.end()->cause == net::WsCause::lost);
}

TEST_CASE("a WebSocket works over it, in pieces, and sees the cut") {
  asio::io_context io;
  run(io, play_websocket());
}

}  // namespace
}  // namespace relay::test
