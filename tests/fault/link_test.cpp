// F5, F6: a network that cuts, slows and swallows, between a real broker and its engine. With
// RELAY_BROKER_SILENCE in the environment also what takes as long as a silence is borne.
#include <array>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <thread>

#include "fault/bad_link.hpp"
#include "fault/fault_world.hpp"
#include "support/fake_engine_thread.hpp"
#include "support/skipped.hpp"

namespace relay::test {
namespace {

using namespace std::chrono_literals;

struct LinkWorld : FaultWorld {
  LinkWorld() { environment.set("RELAY_BROKER_ENGINE", link.url()); }

  /// A broker over the link, connected.
  void serve_connected() {
    serve();
    (void)engine->next_note("node connected", kPatience);
  }
  void send_whole(int size) { dm("ada", fmt::format("#{}# ", ++sent) + std::string(size, 'h')); }
  /// Every message is acknowledged, and was read once and in its order.
  void check_all_read() {
    wait_until([&] { return acked("ada") == static_cast<std::uint64_t>(sent); },
               "all are acknowledged");
    wait_until([&] { return inputs("ada").size() >= static_cast<std::size_t>(sent); },
               "all are read");
    const auto read = inputs("ada");
    REQUIRE(read.size() == static_cast<std::size_t>(sent));
    for (int i = 0; i < sent; ++i) {
      CHECK(read[static_cast<std::size_t>(i)].find(fmt::format("#{}# hh", i + 1)) !=
            std::string::npos);
    }
  }
  /// Waits until the node has connected once more; in seconds since then.
  double wait_connected(Monotonic since) {
    (void)engine->next_note("node connected", kPatience);
    return seconds(SystemClock().now() - since);
  }
  /// A broker, and an agent that has read something over the link.
  void serve_reader() {
    serve_connected();
    spawn("ada", "paste");
    send_whole(100);
    check_all_read();
  }
  /// Waits until the node has given the connection up; in seconds.
  double wait_given_up() {
    const auto from = SystemClock().now();
    wait_until([&] { return link.left() > 0; }, "the node gives the connection up");
    return seconds(SystemClock().now() - from);
  }

  BadLink link{engine->port()};
  int sent = 0;
};

/// With it a case also waits for what takes long: a silence that is borne.
bool has_time_for_silence() {
  return long_form("RELAY_BROKER_SILENCE", 0) != 0;
}

}  // namespace

TEST_CASE_FIXTURE(LinkWorld, "F5: cut in the middle of a frame, or closed slowly") {
  double slowest = 0;
  const std::array ends{LinkEnd::reset, LinkEnd::close, LinkEnd::slow_close};
  for (const LinkEnd end_of_link : ends) {
    CAPTURE(static_cast<int>(end_of_link));
    // A broker that has just begun: its first wait is the shortest.
    serve_connected();
    if (sent == 0) spawn("ada", "paste");
    send_whole(500);
    check_all_read();
    link.cut_after(300, end_of_link);
    const int cuts = link.cuts();
    send_whole(500);
    wait_until([&] { return link.cuts() == cuts + 1; }, "the link is cut");
    Monotonic healed = SystemClock().now();
    // The node hears of it a second later.
    if (end_of_link == LinkEnd::slow_close) healed += 1s;
    slowest = std::max(slowest, wait_connected(healed));
    check_all_read();
    end(SIGKILL);
  }
  figure("F5",
         fmt::format("reset, closed and closed slowly behind byte 300 of a frame: 0 of {} messages "
                     "lost or doubled, connected again after {:.2f} s at most (at most 2)",
                     sent, slowest),
         slowest, 2);
}

TEST_CASE_FIXTURE(LinkWorld, "F5: cut again within a minute") {
  if (!has_time_for_silence())
    return skip_row("F5", "a second cut: RELAY_BROKER_SILENCE gives time");
  serve_reader();
  const auto first_cut = SystemClock().now();
  const auto heal = [&] {
    link.cut_after(300, LinkEnd::reset);
    const int cuts = link.cuts();
    send_whole(500);
    wait_until([&] { return link.cuts() == cuts + 1; }, "the link is cut");
    return wait_connected(SystemClock().now());
  };
  const double first = heal();
  check_all_read();
  const double second = heal();
  check_all_read();
  figure("F5",
         fmt::format("cut twice within {:.1f} s: connected again after {:.2f} s, the second time "
                     "after {:.2f} s (at most 2), 0 of {} messages lost",
                     seconds(SystemClock().now() - first_cut), first, second, sent),
         second, 2);
}

TEST_CASE_FIXTURE(LinkWorld, "F5: one byte at a time, 10 kB/s, 30 ms late") {
  link.pace({1, 10'000, 30ms});
  const auto began = SystemClock().now();
  serve_connected();
  spawn("ada", "paste");
  for (int i = 0; i < 3; ++i) send_whole(1'000);
  check_all_read();
  figure("F5", fmt::format("1 B at a time, 10 kB/s, 30 ms late: up and {} messages of 1 kB read "
                           "once in {:.1f} s, {} connection asked for",
                           sent, seconds(SystemClock().now() - began), link.tries()));
}

TEST_CASE_FIXTURE(LinkWorld, "F5: half open, then nobody there: few tries, nothing lost") {
  if (!has_time_for_silence()) return skip_row("F5", "half open: RELAY_BROKER_SILENCE gives time");
  serve_reader();
  link.freeze(true);
  send_whole(100);
  const double noticed = wait_given_up();
  link.refuse(true);
  link.freeze(false);
  const int before = link.tries();
  const auto away = 15s;
  std::this_thread::sleep_for(away);
  const double rate = (link.tries() - before) / seconds(away);
  link.refuse(false);
  const double healed = wait_connected(SystemClock().now());
  check_all_read();
  figure("F5",
         fmt::format("half open: noticed after {:.1f} s; then {:.2f} tries/s for {:.0f} s (at "
                     "most 1), connected {:.1f} s after the heal, 0 of {} messages lost",
                     noticed, rate, seconds(away), healed, sent),
         rate, 1);
}

TEST_CASE_FIXTURE(LinkWorld, "F6: pongs of an engine that is dead behind them do not count") {
  if (!has_time_for_silence()) return skip_row("F6", "RELAY_BROKER_SILENCE gives time");
  serve_reader();
  const auto from = SystemClock().now();
  engine->call([](FakeEngine& e) {
    e.socket().set_mode(FakeNodeSocket::Mode::mute);
    return 0;
  });
  const double noticed = wait_given_up();
  (void)wait_connected(from);
  send_whole(100);
  check_all_read();
  figure("F6",
         fmt::format("an engine that answers pings and nothing else: given up after {:.1f} s "
                     "(at most 15)",
                     noticed),
         noticed, 15);
}

}  // namespace relay::test
