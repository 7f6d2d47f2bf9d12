#include "net/timeout.hpp"

#include <doctest/doctest.h>

#include "net/channel.hpp"
#include "support/loop.hpp"

namespace relay::net {
namespace {

using namespace std::chrono_literals;

asio::awaitable<Result<int>> forever() {
  co_await pause(1h);
  co_return 1;
}
asio::awaitable<Result<int>> at_once() {
  co_return 7;
}
asio::awaitable<Result<int>> fails() {
  co_return fail(Code::forbidden, "no");
}
asio::awaitable<Result<int>> throws() {
  throw std::logic_error("broken");
  co_return 1;
}

}  // namespace

TEST_CASE("with_timeout hands a value and an error through at once") {
  asio::io_context io;
  CHECK(*test::run(io, with_timeout(at_once(), 1h, "work")) == 7);
  const auto refused = test::run(io, with_timeout(fails(), 1h, "work"));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == Code::forbidden);
}

TEST_CASE("with_timeout throws on what its work throws, without waiting for the time") {
  asio::io_context io;
  CHECK_THROWS_AS((void)test::run(io, with_timeout(throws(), 1h, "work")), std::logic_error);
}

TEST_CASE("with_timeout ends work that takes too long and says what it was") {
  asio::io_context io;
  const auto late = test::run(io, with_timeout(forever(), 5ms, "waiting for the reply"));
  REQUIRE_FALSE(late.has_value());
  CHECK(late.error().code == Code::timeout);
  CHECK(late.error().message == "waiting for the reply: no end within 0.005 s");
  io.restart();
  CHECK(io.poll() == 0);  // nothing of the work is left on the loop
}

TEST_CASE("a channel keeps order, is bounded, and counts what it refused") {
  asio::io_context io;
  Channel<int> channel(io.get_executor(), 2);
  int one = 1, two = 2, three = 3;
  CHECK(channel.try_send(one));
  CHECK(channel.try_send(two));
  CHECK_FALSE(channel.try_send(three));
  CHECK(three == 3);
  CHECK(channel.refused() == 1);
  CHECK(test::run(io, channel.send(4, 1ms)).error().code == Code::queue_full);
  CHECK(*test::run(io, channel.receive(1s)) == 1);
  CHECK(*test::run(io, channel.receive(1s)) == 2);
  CHECK(test::run(io, channel.receive(1ms)).error().code == Code::timeout);
  int five = 5;
  CHECK(channel.try_send(five));
  channel.close();
  CHECK(*test::run(io, channel.receive(1s)) == 5);
  CHECK(test::run(io, channel.receive(1s)).error().code == Code::connection_closed);
}

}  // namespace relay::net
