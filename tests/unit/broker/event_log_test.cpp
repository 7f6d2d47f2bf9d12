#include "broker/event_log.hpp"

#include <asio/io_context.hpp>
#include <doctest/doctest.h>

#include "support/loop.hpp"

namespace relay::broker {
namespace {

using namespace std::chrono_literals;

/// A log, and what was seen of it in short: "1 2 e" for two durable events and an ephemeral one.
struct Log {
  asio::io_context io;
  EventLog log{io.get_executor()};

  void add(int times = 1) {
    for (int i = 0; i < times; ++i) {
      log.add("agent_idle", [](JsonWriter& out) { out.field("name", "w1"); });
    }
  }
  void add_ephemeral(int times = 1) {
    for (int i = 0; i < times; ++i) {
      log.add_ephemeral("worker_stream", [](JsonWriter& out) { out.field("chunk", "x"); });
    }
  }
  std::string next(EventLog::Watcher& watcher) {
    const auto events = test::run(io, watcher.next(0s));
    return events ? spell(*events) : std::string(name_of(events.error().code));
  }
  static std::string spell(const std::vector<EventLog::Event>& events) {
    std::string text;
    for (const auto& event : events) {
      if (!text.empty()) text += ' ';
      text += event.seq == 0 ? "e" : std::to_string(event.seq);
    }
    return text;
  }
};

asio::awaitable<void> add_later(EventLog* log) {
  log->add("agent_idle", [](JsonWriter&) {});
  co_return;
}

}  // namespace

TEST_CASE("durable events are numbered from 1 and kept, ephemeral ones are not") {
  Log world;
  world.add();
  world.add_ephemeral();
  world.add();
  const auto replay = world.log.since(0);
  REQUIRE(replay.events.size() == 2);
  CHECK(replay.events[0].json == R"({"kind":"agent_idle","seq":1,"name":"w1"})");
  CHECK(replay.events[1].seq == 2);
  CHECK(world.log.last() == 2);
  CHECK(Log::spell(world.log.since(1).events) == "2");
  CHECK(world.log.since(2).events.empty());
}

TEST_CASE("a replay has a gap when what was asked for is lost, and only then") {
  Log world;
  CHECK_FALSE(world.log.since(0).gap);
  CHECK(world.log.since(0).oldest == 0);
  world.add(1000);
  // Nothing has been lost yet, though the oldest is not 0.
  CHECK_FALSE(world.log.since(0).gap);
  CHECK(world.log.since(0).oldest == 1);
  world.add(5);
  CHECK(world.log.since(0).gap);
  CHECK(world.log.since(0).oldest == 6);
  CHECK(world.log.since(0).events.size() == 1000);
  CHECK(world.log.since(4).gap);
  CHECK_FALSE(world.log.since(5).gap);
  CHECK_FALSE(world.log.since(1005).gap);
  // A number of another life of the broker.
  CHECK(world.log.since(1006).gap);
  CHECK(world.log.since(1006).events.empty());
  CHECK(world.log.since(UINT64_MAX).gap);
}

TEST_CASE("large events push the oldest out before there are 1000") {
  Log world;
  const std::string body(std::size_t{1} << 20U, 'x');
  for (int i = 0; i < 20; ++i) {
    world.log.add("relay_inbound", [&](JsonWriter& out) { out.field("body", body); });
  }
  const auto replay = world.log.since(0);
  CHECK(replay.gap);
  CHECK(replay.events.size() == 15);
  CHECK(replay.events.back().seq == 20);
}

TEST_CASE("a watcher sees what comes after it, in order, each once") {
  Log world;
  world.add();
  world.add_ephemeral();
  EventLog::Watcher watcher(world.log);
  CHECK(world.next(watcher) == "timeout");
  world.add_ephemeral();
  world.add();
  world.add_ephemeral(2);
  world.add();
  CHECK(world.next(watcher) == "e 2 e e 3");
  CHECK(world.next(watcher) == "timeout");
  CHECK(watcher.missed() == 0);
}

TEST_CASE("a watcher that starts in the past sees the kept ones first") {
  Log world;
  EventLog::Watcher other(world.log);
  world.add(3);
  world.add_ephemeral();
  EventLog::Watcher watcher(world.log, 1);
  world.add_ephemeral();
  world.add();
  // The ephemeral event from before it came is not its business.
  CHECK(world.next(watcher) == "2 3 e 4");
  EventLog::Watcher ahead(world.log, 99);
  world.add();
  CHECK(world.next(ahead) == "5");
  CHECK(watcher.missed() + ahead.missed() == 0);
}

TEST_CASE("a watcher that is too slow is told how much it missed") {
  Log world;
  EventLog::Watcher watcher(world.log);
  world.add();
  world.add_ephemeral(512 + 7);
  CHECK(world.next(watcher).starts_with("1 e e"));
  CHECK(watcher.missed() == 7);
  world.add(1000 + 3);
  std::string all;
  for (std::string text = world.next(watcher); text != "timeout"; text = world.next(watcher)) {
    all += text + ' ';
  }
  CHECK(watcher.missed() == 7 + 3);
  CHECK(all.find(" 5 ") != std::string::npos);
  CHECK(all.find(" 4 ") == std::string::npos);
  CHECK(all.ends_with(" 1004 "));
}

TEST_CASE("one call returns 64 events at most, and fewer when they are large") {
  Log world;
  EventLog::Watcher watcher(world.log, 0);
  world.add(100);
  CHECK(test::run(world.io, watcher.next(0s))->size() == 64);
  CHECK(test::run(world.io, watcher.next(0s))->size() == 36);
  const std::string chunk(std::size_t{200} << 10U, 'x');
  for (int i = 0; i < 3; ++i) {
    world.log.add_ephemeral("worker_stream", [&](JsonWriter& out) { out.field("chunk", chunk); });
  }
  CHECK(test::run(world.io, watcher.next(0s))->size() == 2);
}

TEST_CASE("ephemeral events cost nothing while nobody watches") {
  Log world;
  int written = 0;
  world.log.add_ephemeral("worker_stream", [&](JsonWriter&) { ++written; });
  CHECK(written == 0);
  {
    const EventLog::Watcher watcher(world.log);
    world.log.add_ephemeral("worker_stream", [&](JsonWriter&) { ++written; });
  }
  CHECK(written == 1);
  EventLog::Watcher late(world.log);
  CHECK(world.next(late) == "timeout");
}

TEST_CASE("a watcher that waits is woken") {
  Log world;
  EventLog::Watcher watcher(world.log);
  asio::co_spawn(world.io, add_later(&world.log), [](std::exception_ptr) {});
  const auto events = test::run(world.io, watcher.next(10s));
  REQUIRE(events.has_value());
  CHECK(Log::spell(*events) == "1");
}

}  // namespace relay::broker
