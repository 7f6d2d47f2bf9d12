#include "node_control/delivery_book.hpp"

#include <doctest/doctest.h>

#include "unit/node_control/book_support.hpp"

namespace relay::node_control {
namespace {
using namespace std::chrono_literals;
}

TEST_CASE("messages in order are surfaced once each and acknowledged when done") {
  Bench b;
  CHECK(b.deliver(1) == "surface 1");
  CHECK(b.deliver(2) == "surface 2");
  CHECK(b.done(1) == "ack alpha 1");
  CHECK(b.done(2) == "ack alpha 2");
  CHECK_FALSE(b.book.next_deadline());
}

TEST_CASE("the cursor moves only over what is done without a break") {
  Bench b;
  for (std::uint64_t seq = 1; seq <= 3; ++seq) b.deliver(seq);
  CHECK(b.done(3) == "");
  CHECK(b.done(2) == "");
  CHECK(b.book.cursor_of("a1") == 0);
  CHECK(b.done(1) == "ack alpha 3");
}

TEST_CASE("repeats after a reconnect are not surfaced again") {
  Bench b;
  b.deliver(1);
  b.deliver(2);
  b.done(1);
  b.book.disconnected();
  CHECK(text_of(b.book.connected(b.now)) == "ack alpha 1");
  CHECK(b.deliver(2) == "");
  CHECK(b.verdict == Verdict::duplicate);
  CHECK(b.deliver(1) == "ack alpha 1");
  CHECK(b.verdict == Verdict::stale);
  CHECK(b.done(2) == "ack alpha 2");
}

TEST_CASE("a reordered message is held, the engine asked, and the order kept") {
  Bench b;
  b.deliver(1);
  CHECK(b.deliver(3) == "resync");
  CHECK(b.verdict == Verdict::held);
  CHECK(b.deliver(4) == "");
  CHECK(b.deliver(2) == "surface 2, surface 3, surface 4");
}

TEST_CASE("a missing number never makes an agent deaf: after 5 s the engine is followed") {
  Bench b;
  b.deliver(1);
  b.done(1);
  b.deliver(4);
  REQUIRE(b.book.next_deadline());
  CHECK(*b.book.next_deadline() == b.now + 5s);
  CHECK(b.after(4999ms) == "");
  CHECK(b.after(1ms) == "skipped 2-3, surface 4");
  CHECK(b.deliver(5) == "surface 5");
  CHECK(b.book.counters().skipped == 1);
}

TEST_CASE("several gaps that are known at the same time are skipped at the same time") {
  Bench b;
  b.deliver(1);
  b.deliver(3);
  b.deliver(5);
  b.deliver(7);
  CHECK(b.after(500ms) == "resync");
  CHECK(b.after(4500ms) ==
        "skipped 2-2, surface 3, skipped 4-4, surface 5, skipped 6-6, surface 7");
}

TEST_CASE("seed 1040: a second gap is asked for although the first one is a hole for good") {
  Bench b;
  b.deliver(1);
  CHECK(b.deliver(3) == "resync");
  b.now += 2s;
  CHECK(b.deliver(5) == "resync");
  CHECK(b.deliver(6) == "");
}

TEST_CASE("a skipped number is acknowledged only 90 s later, when the engine had its chance") {
  Bench b;
  b.deliver(1);
  b.done(1);
  b.deliver(3);
  b.after(5s);
  CHECK(b.done(3) == "");
  CHECK(b.after(89s) == "");
  CHECK(b.after(1s) == "ack alpha 3");
  CHECK(b.book.cursor_of("a1") == 3);
}

TEST_CASE("a skipped number that comes after all is surfaced, marked as late") {
  Bench b;
  b.deliver(1);
  b.deliver(3);
  b.after(5s);
  CHECK(b.deliver(2) == "late 2");
  b.done(1);
  b.done(3);
  CHECK(b.done(2) == "ack alpha 3");
  CHECK(b.book.counters().late == 1);
}

TEST_CASE("a skipped number that comes after its hole was acknowledged is still surfaced, once") {
  Bench b;
  b.deliver(1);
  b.done(1);
  b.deliver(4);
  b.after(5s);
  b.done(4);
  CHECK(b.after(90s) == "ack alpha 4");
  CHECK(b.deliver(3) == "late 3");
  CHECK(b.deliver(3) == "");
  CHECK(b.done(3) == "");
  CHECK(b.deliver(3) == "ack alpha 4");
  CHECK(b.verdict == Verdict::stale);
  CHECK(b.deliver(2) == "late 2");
}

TEST_CASE("no wait runs while there is no connection") {
  Bench b;
  b.deliver(1);
  b.deliver(3);
  b.book.disconnected();
  CHECK_FALSE(b.book.next_deadline());
  CHECK(b.after(1h) == "");
  (void)b.book.connected(b.now);
  CHECK(b.after(4s) == "");
  CHECK(b.deliver(2) == "surface 2, surface 3");
}

TEST_CASE("the cursor starts where the engine says the agent is acknowledged") {
  Bench b;
  (void)b.book.registered(b.now, "b1", "beta", 41);
  CHECK(b.deliver(frame("b1", "beta", 42)) == "surface 42");
  CHECK(b.deliver(frame("b1", "beta", 41)) == "ack beta 41");
  CHECK(b.done(42, "b1") == "ack beta 42");
}

TEST_CASE("the engine's older cursor never takes ours back; it is told ours again") {
  Bench b;
  b.deliver(1);
  b.deliver(2);
  b.done(1);
  b.done(2);
  CHECK(text_of(b.book.registered(b.now, "a1", "alpha", 0)) == "ack alpha 2");
  CHECK(b.deliver(1) == "ack alpha 2");
  CHECK(b.verdict == Verdict::stale);
}

TEST_CASE("what the engine has acknowledged by other ways is not waited for") {
  Bench b;
  b.deliver(1);
  b.deliver(4);
  CHECK(text_of(b.book.registered(b.now, "a1", "alpha", 3)) == "surface 4");
  CHECK(b.done(1) == "");
  CHECK(b.done(4) == "ack alpha 4");
}

TEST_CASE("defect 1: an agent whose first message has a high number is not deaf") {
  Bench b;
  CHECK(b.deliver(7) == "resync");
  CHECK(b.verdict == Verdict::held);
  CHECK(b.deliver(6) == "");
  CHECK(b.after(1s) == "surface 6, surface 7");
  CHECK(b.deliver(8) == "surface 8");
  b.done(6);
  b.done(7);
  CHECK(b.done(8) == "ack alpha 8");
}

TEST_CASE(
    "seed 417714: the engine is asked for what is below an adopted start before that is fixed") {
  Bench b;
  (void)b.book.registered(b.now, "b1", "beta");
  CHECK(b.deliver(7) == "resync");
  b.now += 100ms;
  CHECK(b.deliver(frame("b1", "beta", 5)) == "");
  CHECK(b.after(400ms) == "resync");
  CHECK(b.deliver(frame("b1", "beta", 4)) == "");
  CHECK(b.after(1s) == "surface 7, surface 4, surface 5");
}

TEST_CASE("a message below an adopted start is surfaced late, not lost") {
  Bench b;
  b.deliver(7);
  CHECK(b.after(1s) == "surface 7");
  CHECK(b.deliver(6) == "late 6");
}

TEST_CASE(
    "moves 15090: a late message that was open at the release comes again after the respawn") {
  Bench b;
  b.deliver(2);
  b.after(5s);
  CHECK(b.deliver(1) == "late 1");
  b.book.released("a1");
  (void)b.book.registered(b.now, "a1", "alpha");
  CHECK(b.deliver(1) == "late 1");
}

TEST_CASE("an adopted start is not acknowledged before something is done") {
  Bench b;
  b.deliver(7);
  b.after(1s);
  b.book.disconnected();
  CHECK(text_of(b.book.connected(b.now)) == "");
  CHECK(b.done(7) == "ack alpha 7");
}

TEST_CASE("a message for an unknown agent ends as one dead letter and is acknowledged") {
  Bench b;
  CHECK(b.deliver(frame("x9", "ghost", 1)) == "dead 1, ack ghost 1");
  CHECK(b.verdict == Verdict::unknown_agent);
  CHECK(b.deliver(frame("x9", "ghost", 1)) == "ack ghost 1");
  CHECK(b.deliver(frame("x9", "ghost", 2)) == "dead 2, ack ghost 2");
  CHECK(b.book.counters().unknown_agent == 2);
}

TEST_CASE("messages that overtake the registration wait for it") {
  Bench b;
  b.book.spawn_started("beta");
  CHECK(b.deliver(frame("b1", "beta", 1)) == "");
  CHECK(b.verdict == Verdict::held_for_spawn);
  b.deliver(frame("b1", "beta", 2));
  CHECK(text_of(b.book.registered(b.now, "b1", "beta")) == "surface 1, surface 2");
}

TEST_CASE("what waited for a spawn under another id is refused without an ack") {
  Bench b;
  b.book.spawn_started("beta");
  b.deliver(frame("b1", "beta", 1));
  CHECK(text_of(b.book.registered(b.now, "b2", "beta")) == "");
  CHECK(b.book.counters().identity_rejected == 1);
}

TEST_CASE("what waited for a spawn that failed is left to the engine") {
  Bench b;
  b.book.spawn_started("beta");
  b.deliver(frame("b1", "beta", 1));
  CHECK(text_of(b.book.spawn_failed(b.now, "beta")) == "resync");
  CHECK(b.deliver(frame("b1", "beta", 1)) == "dead 1, ack beta 1");
}

TEST_CASE("what waits for a spawn is bounded") {
  Bench b;
  b.book.spawn_started("beta");
  for (std::uint64_t seq = 1; seq <= 1000; ++seq) b.deliver(frame("b1", "beta", seq));
  CHECK(b.verdict == Verdict::held_for_spawn);
  CHECK(b.deliver(frame("b1", "beta", 1001)) == "");
  CHECK(b.verdict == Verdict::queue_full);
}

TEST_CASE("a frame whose name belongs to another id here is neither surfaced nor acknowledged") {
  Bench b;
  CHECK(b.deliver(frame("x9", "alpha", 1)) == "");
  CHECK(b.verdict == Verdict::identity_rejected);
  (void)b.book.registered(b.now, "b1", "beta");
  CHECK(b.deliver(frame("a1", "beta", 1)) == "");
  CHECK(b.verdict == Verdict::identity_rejected);
}

TEST_CASE("a frame without an agent id goes by the name") {
  Bench b;
  CHECK(b.deliver(Delivery{"", "alpha", "d1", 1, ""}) == "surface 1");
  CHECK(text_of(b.book.done(b.now, "a1", 1, "d1")) == "ack alpha 1");
}

TEST_CASE("frames without a delivery id are told apart by their number") {
  Bench b;
  CHECK(b.deliver(Delivery{"a1", "alpha", "", 1, ""}) == "surface 1");
  CHECK(b.deliver(Delivery{"a1", "alpha", "", 2, ""}) == "surface 2");
  CHECK(b.deliver(Delivery{"a1", "alpha", "", 2, ""}) == "");
  CHECK(b.deliver(Delivery{"a1", "alpha", "", 0, ""}) == "surface 0");
  CHECK(b.deliver(Delivery{"a1", "alpha", "", 0, ""}) == "surface 0");
}

TEST_CASE("an agent that the engine renamed keeps its place and is acknowledged by the new name") {
  Bench b;
  b.deliver(1);
  CHECK(b.deliver(frame("a1", "omega", 2)) == "renamed alpha omega, surface 2");
  CHECK(b.done(1) == "ack omega 1");
  CHECK(text_of(b.book.registered(b.now, "a1", "sigma")) == "ack sigma 1");
  CHECK(b.deliver(frame("a1", "sigma", 3)) == "surface 3");
}

TEST_CASE("two agents can swap their names without losing their place") {
  Bench b;
  (void)b.book.registered(b.now, "b1", "beta");
  b.deliver(frame("a1", "alpha", 1));
  b.deliver(frame("b1", "beta", 1));
  (void)b.book.registered(b.now, "a1", "beta");
  CHECK(b.done(1, "b1") == "");
  CHECK(text_of(b.book.registered(b.now, "b1", "alpha")) == "ack alpha 1");
  CHECK(b.done(1, "a1") == "ack beta 1");
}

TEST_CASE("a released agent's messages are neither surfaced nor acknowledged") {
  Bench b;
  b.deliver(1);
  b.book.released("a1");
  CHECK(b.deliver(2) == "");
  CHECK(b.verdict == Verdict::retired);
  CHECK_FALSE(b.book.cursor_of("a1"));
}

TEST_CASE("release and respawn under the same id goes on where it was") {
  Bench b;
  b.deliver(1);
  b.deliver(2);
  b.deliver(3);
  b.done(1);
  b.done(3);
  b.book.released("a1");
  CHECK(text_of(b.book.registered(b.now, "a1", "alpha")) == "ack alpha 1");
  CHECK(b.deliver(2) == "late 2");
  CHECK(b.deliver(3) == "ack alpha 1");
  CHECK(b.verdict == Verdict::duplicate);
  CHECK(b.done(2) == "ack alpha 3");
}

TEST_CASE("what is missing is not given up while no inventory asks for it") {
  Bench b;
  b.deliver(1);
  b.done(1);
  b.deliver(3);
  CHECK(b.after(5s) == "skipped 2-2, surface 3");
  b.done(3);
  // Its program has ended with an earlier broker, say.
  b.book.listed(b.now, {});
  CHECK(b.after(1h) == "");
  CHECK(!b.book.next_deadline());
  b.book.listed(b.now, {"a1"});
  CHECK(b.after(89s) == "");
  CHECK(b.after(1s) == "ack alpha 3");
}

TEST_CASE("seed 37730: what was open at the release is not taken for a hole after the respawn") {
  Bench b;
  b.deliver(1);
  b.deliver(2);
  b.done(2);
  b.book.released("a1");
  b.now += 100s;
  CHECK(text_of(b.book.registered(b.now, "a1", "alpha")) == "");
  CHECK(b.deliver(1) == "late 1");
  CHECK(b.done(1) == "ack alpha 2");
}

TEST_CASE("an outcome that is reported after the release still counts") {
  Bench b;
  b.deliver(1);
  b.book.released("a1");
  CHECK(b.done(1) == "");
  CHECK(text_of(b.book.registered(b.now, "a1", "alpha")) == "ack alpha 1");
}

TEST_CASE("a name that moves to a new id retires the old one and never acknowledges for it") {
  Bench b;
  b.deliver(1);
  (void)b.book.registered(b.now, "b1", "alpha");
  CHECK(b.done(1, "a1") == "");
  CHECK(b.deliver(frame("a1", "alpha", 2)) == "");
  CHECK(b.verdict == Verdict::retired);
  CHECK(b.deliver(frame("b1", "alpha", 1)) == "surface 1");
  CHECK(b.done(1, "b1") == "ack alpha 1");
}

TEST_CASE("at most 512 released ids are remembered; a forgotten one starts as a new one") {
  Bench b;
  b.deliver(1);
  b.done(1);
  b.book.released("a1");
  for (int i = 0; i < 512; ++i) {
    const std::string id = "n" + std::to_string(i);
    (void)b.book.registered(b.now, id, id);
    b.book.released(id);
  }
  CHECK(b.book.state().retired.size() == 512);
  (void)b.book.registered(b.now, "a1", "alpha");
  b.deliver(5);
  CHECK(b.after(1s) == "surface 5");
}

}  // namespace relay::node_control
