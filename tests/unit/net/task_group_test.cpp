#include "net/task_group.hpp"

#include <doctest/doctest.h>

#include "net/channel.hpp"
#include "net/timeout.hpp"
#include "support/loop.hpp"

namespace relay::net {
namespace {

using namespace std::chrono_literals;

/// Counts the living, so that a test sees when a coroutine frame is gone.
struct AliveFlag {
  explicit AliveFlag(int* count_in) : count(count_in) { ++*count; }
  ~AliveFlag() { --*count; }
  AliveFlag(const AliveFlag&) = delete;
  AliveFlag& operator=(const AliveFlag&) = delete;
  int* count;
};

asio::awaitable<void> sleeper(int* alive) {
  const AliveFlag counted(alive);
  for (;;) co_await pause(1h);
}

asio::awaitable<void> thrower(Duration after) {
  co_await pause(after);
  throw std::logic_error("broken");
}

asio::awaitable<void> finish(TaskGroup* group) {
  co_await shielded();
  group->cancel();
  co_await group->join();
}

asio::awaitable<void> join_shielded(TaskGroup* group) {
  co_await shielded();
  co_await group->join();
}

}  // namespace

TEST_CASE("cancel ends every task and join returns when the last is gone") {
  asio::io_context io;
  int alive = 0;
  TaskGroup group(io.get_executor());
  for (int i = 0; i < 10; ++i) group.spawn(sleeper(&alive));
  io.poll();
  CHECK(alive == 10);
  test::run(io, finish(&group));
  CHECK(alive == 0);
  CHECK(group.size() == 0);
}

TEST_CASE("a task cancelled before its first step ends as well") {
  asio::io_context io;
  int alive = 0;
  TaskGroup group(io.get_executor());
  group.spawn(sleeper(&alive));
  test::run(io, finish(&group));
  CHECK(alive == 0);
}

TEST_CASE("a task that breaks stops the others, and join throws what it threw") {
  asio::io_context io;
  int alive = 0;
  TaskGroup group(io.get_executor());
  group.spawn(sleeper(&alive));
  group.spawn(thrower(1ms));
  CHECK_THROWS_AS(test::run(io, join_shielded(&group)), std::logic_error);
  CHECK(alive == 0);
}

TEST_CASE("nothing starts after cancel") {
  asio::io_context io;
  int alive = 0;
  TaskGroup group(io.get_executor());
  group.cancel();
  group.spawn(sleeper(&alive));
  io.poll();
  CHECK(alive == 0);
  CHECK(group.size() == 0);
}

TEST_CASE("an event that is destroyed under its waiter wakes it") {
  asio::io_context io;
  auto event = std::make_unique<Event>(io.get_executor());
  auto waiting = event->wait(1h);
  bool woken = false;
  asio::co_spawn(io, std::move(waiting),
                 [&](std::exception_ptr, bool notified) { woken = notified; });
  io.poll();
  event.reset();
  io.restart();
  io.run_for(1s);
  CHECK(woken);
}

}  // namespace relay::net
