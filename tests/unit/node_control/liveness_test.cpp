#include "node_control/liveness.hpp"

#include <doctest/doctest.h>
#include <string>

namespace relay::node_control {
namespace {

using namespace std::chrono_literals;

std::string text_of(const Liveness::Steps& steps) {
  std::string text;
  for (const auto& step : steps) {
    if (!text.empty()) text += ", ";
    switch (step.action) {
      case LivenessAction::heartbeat: text += "heartbeat"; break;
      case LivenessAction::ping: text += "ping"; break;
      case LivenessAction::inventory: text += "inventory " + std::to_string(step.question); break;
      case LivenessAction::drop:
        text += step.because == DeadBecause::no_answer    ? "drop no_answer"
                : step.because == DeadBecause::silent     ? "drop silent"
                : step.because == DeadBecause::black_hole ? "drop black_hole"
                                                          : "drop";
        break;
    }
  }
  return text;
}

/// Runs the timers one after the other up to a time and writes down what they did and when.
struct Line {
  explicit Line(LivenessPolicy policy = {}) : liveness(policy) { note(liveness.connected(now)); }

  void note(const Liveness::Steps& steps) {
    if (steps.empty()) return;
    const auto at = (now - start) / 1s;
    log += (log.empty() ? "" : "; ") + std::to_string(at) + " " + text_of(steps);
    for (const auto& step : steps) {
      if (step.action == LivenessAction::inventory) asked = step.question;
      if (step.action == LivenessAction::heartbeat) ++heartbeats;
      if (step.action == LivenessAction::drop) dropped = now;
    }
  }
  void run(Duration time, bool engine_answers, bool pongs) {
    const Monotonic until = now + time;
    while (true) {
      if (engine_answers) liveness.answered(now, asked);
      const auto deadline = liveness.next_deadline();
      if (!deadline || *deadline > until) break;
      REQUIRE(*deadline >= now);
      now = *deadline;
      if (pongs) liveness.received(now, false);
      note(liveness.on_time(now));
      if (!engine_answers && !dropped) {
        REQUIRE(liveness.next_deadline());
        REQUIRE(*liveness.next_deadline() > now);
      }
    }
    now = until;
  }

  Monotonic start{1000s};
  Monotonic now{1000s};
  Liveness liveness;
  std::string log;
  std::uint64_t asked = 0;
  int heartbeats = 0;
  std::optional<Monotonic> dropped;
};

}  // namespace

TEST_CASE("inventory and heartbeat come at once, also for an empty node") {
  Line line;
  CHECK(line.log == "0 inventory 1, heartbeat");
}

TEST_CASE("heartbeats come every 12 s") {
  Line line;
  line.run(120s, true, true);
  CHECK(line.heartbeats == 11);
  CHECK_FALSE(line.dropped);
}

TEST_CASE("the inventory is repeated every 60 s while the engine talks") {
  Line line;
  for (int i = 0; i < 121; ++i) {
    line.liveness.answered(line.now, line.asked);
    line.run(1s, false, false);
  }
  CHECK(line.asked == 3);
  CHECK_FALSE(line.dropped);
}

TEST_CASE("a quiet engine is asked after 7 s and stays connected when it answers") {
  Line line;
  line.liveness.answered(line.now, 1);
  line.run(7s, false, false);
  CHECK(line.log == "0 inventory 1, heartbeat; 7 inventory 2");
  line.run(3600s, true, false);
  CHECK_FALSE(line.dropped);
}

TEST_CASE("an engine that answers pings but nothing else is noticed within 15 s") {
  Line line;
  line.run(100s, true, true);
  const Monotonic died = line.now;
  line.run(60s, false, true);
  REQUIRE(line.dropped);
  CHECK(*line.dropped - died <= 15s);
  CHECK(line.log.ends_with("drop silent"));
}

TEST_CASE("an engine that talks but does not answer is noticed 15 s after the question") {
  Line line;
  for (int i = 0; i < 20; ++i) {
    line.run(1s, false, false);
    line.liveness.received(line.now, true);
  }
  REQUIRE(line.dropped);
  CHECK(*line.dropped - line.start == 15s);
  CHECK(line.log.ends_with("drop no_answer"));
}

TEST_CASE(
    "an answer to a later question answers the earlier ones, an answer to an earlier one not "
    "the later") {
  Line line;
  line.note(line.liveness.sync_now(line.now));
  line.liveness.answered(line.now, 1);
  line.run(10s, false, false);
  CHECK_FALSE(line.dropped);
  line.liveness.answered(line.now, 1);
  line.run(5s, false, false);
  CHECK(line.log.ends_with("drop no_answer"));
  Line other;
  other.note(other.liveness.sync_now(other.now));
  other.liveness.answered(other.now, 2);
  other.run(14s, false, false);
  CHECK_FALSE(other.dropped);
}

TEST_CASE("without any received frame for 48 s the connection is dropped whatever the questions") {
  LivenessPolicy policy;
  policy.ask_after = 1h;
  policy.answer_within = 2h;
  Line line(policy);
  line.run(100s, false, false);
  REQUIRE(line.dropped);
  CHECK(*line.dropped - line.start == 48s);
  CHECK(line.log.ends_with("drop black_hole"));
}

TEST_CASE("after a pause of our own the engine is asked before it is called dead") {
  Line line;
  line.liveness.answered(line.now, 1);
  line.now += 30s;
  CHECK(text_of(line.liveness.on_time(line.now)) == "inventory 2, heartbeat, ping");
  line.now += 7s;
  CHECK(text_of(line.liveness.on_time(line.now)) == "");
}

TEST_CASE("nothing is due without a connection, and a drop is said once") {
  Line line;
  line.run(100s, false, false);
  REQUIRE(line.dropped);
  CHECK_FALSE(line.liveness.next_deadline());
  CHECK(line.liveness.on_time(line.now + 100s).empty());
  CHECK(line.liveness.sync_now(line.now).empty());
  CHECK(line.liveness.heartbeat_now(line.now).empty());
}

TEST_CASE("a heartbeat on demand moves the next one") {
  Line line;
  line.liveness.answered(line.now, 1);
  line.now += 6s;
  CHECK(text_of(line.liveness.heartbeat_now(line.now)) == "heartbeat");
  line.liveness.answered(line.now, 1);
  line.now += 6s;
  CHECK(text_of(line.liveness.on_time(line.now)) == "");
}

}  // namespace relay::node_control
