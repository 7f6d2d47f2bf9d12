// Cancels, ends and breaks coroutines at every place where they can be suspended. What these tests
// look for is found by the sanitizers, and by frames that are left over.
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <doctest/doctest.h>
#include <stdexcept>

#include "base/random.hpp"
#include "net/channel.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"
#include "support/loop.hpp"

namespace relay::net {
namespace {

using namespace std::chrono_literals;

constexpr int kRounds = 10'000;

/// Counts living coroutine frames.
class Alive {
 public:
  explicit Alive(int* count) : count_(count) { ++*count_; }
  ~Alive() { --*count_; }
  Alive(const Alive&) = delete;
  Alive& operator=(const Alive&) = delete;

 private:
  int* count_;
};

/// Lets the loop turn this often: the point in time at which something happens.
asio::awaitable<void> turns(std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) co_await asio::post(asio::use_awaitable);
}

enum class End { value, error, exception };

asio::awaitable<Result<int>> work(int* alive, std::uint64_t after, End end, bool stubborn) {
  const Alive counted(alive);
  if (stubborn) co_await shielded();
  co_await turns(after);
  if (end == End::exception) throw std::logic_error("broken");
  if (end == End::error) co_return fail(Code::forbidden, "no");
  co_return 7;
}

asio::awaitable<void> timed(int* alive, int* ended, std::uint64_t after, End end, bool stubborn,
                            Duration at_most) {
  auto inner = work(alive, after, end, stubborn);
  try {
    const auto got = co_await with_timeout(std::move(inner), at_most, "work");
    CHECK((got ? *got == 7
               : got.error().code == Code::forbidden || got.error().code == Code::timeout));
  } catch (const std::logic_error&) {
    CHECK(end == End::exception);
  }
  ++*ended;
}

asio::awaitable<void> nested(int* alive, int* ended, std::uint64_t after, Duration at_most) {
  auto inner = work(alive, after, End::value, false);
  auto middle = with_timeout(std::move(inner), at_most, "inner");
  auto outer = with_timeout(std::move(middle), at_most, "outer");
  (void)co_await std::move(outer);
  ++*ended;
}

asio::awaitable<void> stop(TaskGroup* group) {
  co_await shielded();
  group->cancel();
  co_await group->join();
}

asio::awaitable<void> race_timeouts(int* alive) {
  const auto executor = co_await asio::this_coro::executor;
  SeededRandom random(17);
  int ended = 0;
  for (int i = 0; i < kRounds; ++i) {
    TaskGroup group(executor);
    const auto after = random.below(6);
    const auto at_most = std::chrono::microseconds(random.below(3) * 4);
    if (random.below(4) == 0) {
      group.spawn(nested(alive, &ended, after, at_most));
    } else {
      const auto end = static_cast<End>(random.below(3));
      group.spawn(timed(alive, &ended, after, end, random.below(4) == 0, at_most));
    }
    co_await turns(random.below(8));
    co_await stop(&group);
    REQUIRE(*alive == 0);
  }
  CHECK(ended > kRounds / 10);
}

asio::awaitable<void> produce(int* alive, Channel<std::string>* channel, std::uint64_t count) {
  const Alive counted(alive);
  for (std::uint64_t i = 0; i < count; ++i) {
    auto sent = co_await channel->send(std::to_string(i), 1h);
    if (!sent) co_return;
  }
}

asio::awaitable<void> consume(int* alive, Channel<std::string>* channel, std::uint64_t* next) {
  const Alive counted(alive);
  for (;;) {
    auto got = co_await channel->receive(1h);
    if (!got) co_return;
    CHECK(*got == std::to_string(*next));
    ++*next;
  }
}

asio::awaitable<void> race_channels(int* alive) {
  const auto executor = co_await asio::this_coro::executor;
  SeededRandom random(23);
  std::uint64_t received = 0;
  for (int i = 0; i < kRounds; ++i) {
    Channel<std::string> channel(executor, 1 + random.below(2));
    TaskGroup group(executor);
    std::uint64_t next = 0;
    group.spawn(produce(alive, &channel, 1 + random.below(5)));
    group.spawn(consume(alive, &channel, &next));
    co_await turns(random.below(12));
    if (random.below(2) == 0) channel.close();
    co_await turns(random.below(3));
    co_await stop(&group);
    REQUIRE(*alive == 0);
    received += next;
  }
  CHECK(received > kRounds);
}

asio::awaitable<void> await_event(int* alive, Event* event, int* woken) {
  const Alive counted(alive);
  if (co_await event->wait(1h)) ++*woken;
}

asio::awaitable<void> race_events(int* alive) {
  const auto executor = co_await asio::this_coro::executor;
  SeededRandom random(29);
  int woken = 0;
  for (int i = 0; i < kRounds; ++i) {
    auto event = std::make_unique<Event>(executor);
    TaskGroup group(executor);
    for (int j = 0; j < 3; ++j) group.spawn(await_event(alive, event.get(), &woken));
    co_await turns(1 + random.below(3));
    const auto what = random.below(3);
    if (what == 0) event->notify();
    if (what == 1) event.reset();
    co_await turns(random.below(3));
    co_await stop(&group);
    REQUIRE(*alive == 0);
  }
  CHECK(woken > kRounds);
}

asio::awaitable<void> throw_after(int* alive, std::uint64_t count) {
  const Alive counted(alive);
  co_await turns(count);
  throw std::logic_error("broken");
}

asio::awaitable<void> run_for(int* alive, std::uint64_t count) {
  const Alive counted(alive);
  co_await turns(count);
}

asio::awaitable<void> join(TaskGroup* group) {
  co_await shielded();
  co_await group->join();
}

asio::awaitable<void> race_groups(int* alive) {
  const auto executor = co_await asio::this_coro::executor;
  SeededRandom random(31);
  int broken = 0;
  for (int i = 0; i < kRounds; ++i) {
    TaskGroup group(executor);
    for (std::uint64_t j = 0; j < 3; ++j) group.spawn(run_for(alive, random.below(6)));
    const bool breaks = random.below(2) == 0;
    if (breaks) group.spawn(throw_after(alive, random.below(4)));
    co_await turns(random.below(6));
    try {
      if (random.below(2) == 0) {
        co_await stop(&group);
      } else {
        co_await join(&group);
      }
    } catch (const std::logic_error&) {
      CHECK(breaks);
      ++broken;
    }
    REQUIRE(*alive == 0);
    REQUIRE(group.size() == 0);
  }
  CHECK(broken > kRounds / 10);
}

void race(asio::awaitable<void> (*what)(int*)) {
  asio::io_context io;
  int alive = 0;
  test::run(io, what(&alive), 120s);
  CHECK(alive == 0);
}

}  // namespace

TEST_CASE("with_timeout, cancelled, late, done or broken at any turn, leaves nothing behind") {
  race(race_timeouts);
}

TEST_CASE(
    "a channel whose ends are cancelled or closed at any turn keeps order and leaks nothing") {
  race(race_channels);
}

TEST_CASE("an event that is notified, destroyed or abandoned at any turn wakes and leaks nothing") {
  race(race_events);
}

TEST_CASE("a task group that is cancelled, joined or broken at any turn ends with no task left") {
  race(race_groups);
}

}  // namespace relay::net
