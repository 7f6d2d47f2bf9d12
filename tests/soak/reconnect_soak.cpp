// Connect, cut at a random byte, heal, over and over: RELAY_BROKER_CYCLES of them, else 200. Time
// is the test's own, so the waits are the real policy's and cost nothing. What has to hold: no
// message is lost or doubled, memory stays flat, the engine is tried rarely while it is down, and a
// short cut after a healthy time is over in less than 2 s.
#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <fstream>
#include <malloc.h>
#include <unistd.h>

#include "session_world.hpp"
#include "support/long_form.hpp"
#include "support/sanitized.hpp"

namespace relay::node_control {
namespace {

using Scenario = asio::awaitable<void>;

std::size_t cycles_wanted() {
  return test::long_form<std::size_t>("RELAY_BROKER_CYCLES", 200);
}

std::size_t resident_kib() {
  ::malloc_trim(0);
  std::ifstream file("/proc/self/statm");
  std::size_t size = 0;
  std::size_t resident = 0;
  file >> size >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) / 1024;
}

double seconds(Duration time) {
  return std::chrono::duration<double>(time).count();
}

/// What is measured, and how the messages are followed.
struct Soak {
  explicit Soak(SessionWorld& world) : w(world) {}

  SessionWorld& w;
  SeededRandom random{23};
  std::uint64_t sent = 0;
  std::uint64_t next_seq = 1;
  std::uint64_t tries_while_down = 0;
  Duration down{};
  Duration longest_heal{};
  std::size_t first_rss = 0;

  /// Every message came once and in its order; they are finished and forgotten.
  void take_deliveries() {
    for (const auto& delivery : w.broker.deliveries) {
      REQUIRE(delivery.seq == next_seq);
      ++next_seq;
      w.done(delivery);
    }
    w.broker.deliveries.clear();
  }

  void forget() {
    w.engine.transcript().forget();
    w.broker.notes.clear();
    w.broker.tunnels.clear();
    w.broker.order.clear();
  }

  void send() {
    w.engine.dm("bob", "ada", "hello");
    ++sent;
  }

  Scenario down_now();
  Scenario heal();
  Scenario cut();
  Scenario outage();
};

Scenario Soak::down_now() {
  std::function<bool()> waits = [this] { return w.session->status().next_try_in.has_value(); };
  co_await w.broker.until(std::move(waits), "the connection is noticed to be gone");
}

/// The engine is well again: how long until the node is connected, on the test's clock.
Scenario Soak::heal() {
  w.engine.clear_scripts();
  const auto since = w.clock.now();
  while (!w.session->status().connected) {
    const Duration wait = w.session->status().next_try_in.value_or(0s);
    co_await w.jump(wait);
    down += wait;
    ++tries_while_down;
    co_await w.settle_try();
  }
  longest_heal = std::max(longest_heal, w.clock.now() - since);
}

/// One of the ways in which a connection ends, at a random byte of what the engine sends.
Scenario Soak::cut() {
  const std::size_t at = random.below(200);
  switch (random.below(6)) {
    case 0: w.engine.socket().reset(); break;
    case 1: w.engine.socket().cut(); break;
    case 2: w.engine.socket().close(1001, "going away"); break;
    case 3:
      w.engine.outgoing("deliver", FrameScript::cut_after(at), 1);
      send();
      break;
    case 4:
      w.engine.outgoing("reply:inventory.sync", FrameScript::cut_after(at), 1);
      w.session->inventory_changed();
      break;
    default: w.engine.socket().send_bytes(std::string(1 + at, '\xff')); break;
  }
  co_await down_now();
  // The next handshake may be cut too.
  if (random.below(4) != 0) co_return;
  w.engine.answer("GET /v1/node/ws", HttpScript::standard().cut_after(random.below(150)), 1);
  const Duration wait = w.session->status().next_try_in.value_or(0s);
  co_await w.jump(wait);
  down += wait;
  ++tries_while_down;
  co_await w.settle_try();
}

/// An engine that is away for ten minutes.
Scenario Soak::outage() {
  w.engine.down();
  co_await down_now();
  const auto end = w.clock.now() + 10min;
  while (w.clock.now() < end) {
    const Duration wait = w.session->status().next_try_in.value_or(0s);
    co_await w.jump(wait);
    down += wait;
    ++tries_while_down;
    co_await w.settle_try();
  }
  w.engine.up();
}

Scenario soak_reconnects(SessionWorld& w) {
  const std::size_t wanted = cycles_wanted();
  Soak soak(w);
  // No time passes within a connection, so that liveness has nothing to say about it.
  w.options.liveness.ask_after = 24h;
  w.options.liveness.answer_within = 25h;
  w.options.liveness.black_hole_after = 48h;
  co_await w.up();
  (void)co_await w.agent("ada");
  Duration longest_short_cut{};
  for (std::size_t cycle = 1; cycle <= wanted; ++cycle) {
    soak.send();
    // A healthy time; nobody is woken for it.
    w.clock.advance(61s);
    if (cycle % 100 == 0) {
      co_await soak.outage();
      co_await soak.heal();
    } else {
      co_await soak.cut();
      soak.longest_heal = {};
      co_await soak.heal();
      longest_short_cut = std::max(longest_short_cut, soak.longest_heal);
    }
    co_await w.settle();
    soak.take_deliveries();
    soak.forget();
    if (cycle == std::max<std::size_t>(wanted / 10, 1)) soak.first_rss = resident_kib();
  }
  std::function<bool()> all = [&] {
    soak.take_deliveries();
    return soak.next_seq == soak.sent + 1 && w.engine.state().agent("ada").acked_seq == soak.sent;
  };
  co_await w.broker.until(std::move(all), "every message came and was acknowledged");
  const std::size_t last_rss = resident_kib();
  const double rate =
      static_cast<double>(soak.tries_while_down) / std::max(1.0, seconds(soak.down));
  fmt::print(
      "soak reconnect: {} cycles, {} connections, {} messages once and in order\n"
      "  resident {} KiB after a tenth, {} KiB at the end\n"
      "  while down {:.0f} s and {} tries: {:.3f} tries/s\n"
      "  longest time from the heal of a short cut to the connection: {:.2f} s\n",
      wanted, w.session->status().counters.connections, soak.sent, soak.first_rss, last_rss,
      seconds(soak.down), soak.tries_while_down, rate, seconds(longest_short_cut));
  CHECK(w.session->status().counters.connections >= wanted + 1);
  if (!test::kSanitized) CHECK(last_rss < soak.first_rss + 8 * 1024);
  CHECK(rate <= 1.0);
  CHECK(longest_short_cut < 2s);
  CHECK(w.session->status().agents == 1);
}

}  // namespace

TEST_CASE_FIXTURE(SessionWorld, "reconnect: cut at a random byte and healed, many times over") {
  const auto began = SystemClock().now();
  run(soak_reconnects, std::chrono::hours(2));
  const auto took = SystemClock().now() - began;
  fmt::print("  {:.1f} ms for each cycle\n",
             seconds(took) * 1000 / static_cast<double>(cycles_wanted()));
}

}  // namespace relay::node_control
