#include "node_control/mailbox.hpp"

#include <doctest/doctest.h>

#include "unit/node_control/book_support.hpp"

namespace relay::node_control {
namespace {

using namespace std::chrono_literals;

Delivery ephemeral(const std::string& delivery_id) {
  return Delivery{"a1", "alpha", delivery_id, 0, "text"};
}

std::string done_ephemeral(Bench& b, const std::string& delivery_id) {
  return text_of(b.book.done(b.now, "a1", 0, delivery_id));
}

}  // namespace

TEST_CASE(
    "C9, defect 4: ephemeral messages go by delivery id, never by the message they are about") {
  Bench b;
  b.deliver(1);
  b.done(1);
  CHECK(b.deliver(ephemeral("evt_reacted_m1_a1")) == "surface 0");
  CHECK(b.deliver(ephemeral("evt_read_m1_a1")) == "surface 0");
  CHECK(b.deliver(ephemeral("evt_read_m1_a1")) == "ack alpha 1");
  CHECK(b.verdict == Verdict::duplicate);
  CHECK(done_ephemeral(b, "evt_read_m1_a1") == "ack alpha 1");
  CHECK(b.deliver(2) == "surface 2");
}

TEST_CASE("ephemeral messages are never held by a gap and never move the cursor") {
  Bench b;
  b.deliver(1);
  b.deliver(3);
  CHECK(b.deliver(ephemeral("e1")) == "surface 0");
  CHECK(done_ephemeral(b, "e1") == "");
  CHECK(b.book.cursor_of("a1") == 0);
}

TEST_CASE("512 ephemeral ids are remembered, apart from the sequenced ones") {
  Bench b;
  for (int i = 0; i < 513; ++i) {
    b.deliver(ephemeral("e" + std::to_string(i)));
    done_ephemeral(b, "e" + std::to_string(i));
  }
  CHECK(b.deliver(ephemeral("e1")) == "");
  CHECK(b.deliver(ephemeral("e0")) == "surface 0");
  CHECK(b.deliver(Delivery{"a1", "alpha", "e1", 1, ""}) == "surface 1");
}

TEST_CASE("a failed ephemeral message is dead, because the engine does not repeat it") {
  Bench b;
  b.deliver(ephemeral("e1"));
  CHECK(text_of(b.book.failed(b.now, "a1", 0, "e1")) == "dead 0");
  CHECK(text_of(b.book.failed(b.now, "a1", 0, "e1")) == "");
}

TEST_CASE("a failed injection is not acknowledged; the engine is asked and the order kept") {
  Bench b;
  b.deliver(1);
  b.deliver(2);
  CHECK(b.failed(1) == "");
  CHECK(b.failed(2) == "");
  CHECK(b.after(1s) == "resync");
  CHECK(b.deliver(1) == "surface 1");
  CHECK(b.deliver(2) == "surface 2");
  b.done(1);
  CHECK(b.done(2) == "ack alpha 2");
}

TEST_CASE("the engine is asked ever less often for a message that fails again and again") {
  Bench b;
  for (const Duration pause : {Duration(1s), Duration(2s), Duration(4s), Duration(8s),
                               Duration(16s), Duration(32s), Duration(60s), Duration(60s)}) {
    b.deliver(1);
    b.failed(1);
    REQUIRE(b.book.next_deadline());
    CHECK(*b.book.next_deadline() == b.now + pause);
    CHECK(b.after(pause) == "resync");
  }
  b.deliver(1);
  b.done(1);
  b.deliver(2);
  b.failed(2);
  CHECK(*b.book.next_deadline() == b.now + 1s);
}

TEST_CASE("a message that failed and then expired at the engine does not block the acks for ever") {
  Bench b;
  b.deliver(1);
  b.deliver(2);
  b.failed(1);
  CHECK(b.done(2) == "");
  CHECK(b.after(89s) == "resync");
  CHECK(b.after(1s) == "ack alpha 2");
}

TEST_CASE("outcomes of deliveries that are not open change nothing") {
  Bench b;
  b.deliver(1);
  CHECK(text_of(b.book.done(b.now, "a1", 1, "another id")) == "");
  CHECK(b.done(2) == "");
  CHECK(b.done(1, "nobody") == "");
  b.done(1);
  CHECK(b.done(1) == "");
  CHECK(b.failed(1) == "");
  CHECK(b.book.counters().stray_outcomes == 5);
}

TEST_CASE("a full mailbox does not take the newest, and asks for it when there is room") {
  MailboxPolicy policy;
  policy.most_frames = 4;
  Bench b(policy);
  for (std::uint64_t seq = 1; seq <= 4; ++seq) b.deliver(seq);
  CHECK(b.deliver(5) == "");
  CHECK(b.verdict == Verdict::queue_full);
  CHECK(b.done(1) == "ack alpha 1");
  CHECK(b.done(2) == "ack alpha 2, resync");
  CHECK(b.deliver(5) == "surface 5");
  CHECK(b.book.counters().queue_full == 1);
}

TEST_CASE("a full mailbox gives up a held message for a lower one") {
  MailboxPolicy policy;
  policy.most_frames = 3;
  Bench b(policy);
  b.deliver(1);
  b.deliver(3);
  b.deliver(4);
  CHECK(b.deliver(2) == "surface 2, surface 3");
  CHECK(b.deliver(4) == "");
  CHECK(b.verdict == Verdict::queue_full);
}

TEST_CASE(
    "a mailbox full of finished messages behind a hole takes more when the hole is given up") {
  MailboxPolicy policy;
  policy.most_frames = 3;
  Bench b(policy);
  b.deliver(1);
  b.done(1);
  b.deliver(3);
  b.after(5s);
  b.deliver(4);
  b.deliver(5);
  b.done(3);
  b.done(4);
  b.done(5);
  CHECK(b.deliver(6) == "");
  CHECK(b.verdict == Verdict::queue_full);
  CHECK(b.after(90s) == "ack alpha 5, resync");
  CHECK(b.deliver(6) == "surface 6");
}

namespace {

MailboxPolicy room_for_two() {
  MailboxPolicy policy;
  policy.most_frames = 2;
  return policy;
}

/// 4 and 5 are done, 2 and 3 have not come.
void fill_behind_a_hole(Bench& b) {
  b.deliver(1);
  b.done(1);
  b.deliver(4);
  b.after(5s);
  b.done(4);
  b.deliver(5);
  b.done(5);
}

}  // namespace

TEST_CASE("seed 90: a full mailbox takes the late message that its cursor waits for") {
  Bench b(room_for_two());
  fill_behind_a_hole(b);
  CHECK(b.deliver(2) == "late 2");
  CHECK(b.deliver(3) == "");
  CHECK(b.verdict == Verdict::queue_full);
  CHECK(b.done(2) == "ack alpha 2");
  CHECK(b.deliver(3) == "late 3");
  CHECK(b.done(3) == "ack alpha 5, resync");
}

TEST_CASE(
    "seed 193: a full mailbox takes the lowest late message although one below it is a hole") {
  Bench b(room_for_two());
  fill_behind_a_hole(b);
  CHECK(b.deliver(3) == "late 3");
  b.done(3);
  CHECK(b.after(90s) == "ack alpha 5");
}

TEST_CASE("a late message that was refused is not taken for a hole") {
  MailboxPolicy policy;
  policy.most_frames = 3;
  Bench b(policy);
  b.deliver(1);
  b.deliver(4);
  b.deliver(6);
  b.done(1);
  b.after(5s);
  b.done(4);
  b.done(6);
  b.deliver(7);
  b.now += 60s;
  CHECK(b.deliver(5) == "");
  CHECK(b.verdict == Verdict::queue_full);
  CHECK(b.after(30s) == "ack alpha 4");
  CHECK(b.done(7) == "");
  CHECK(b.deliver(5) == "late 5");
  CHECK(b.done(5) == "ack alpha 7, resync");
}

TEST_CASE("the bytes of a mailbox are bounded, but one message is always taken") {
  MailboxPolicy policy;
  policy.most_bytes = 10;
  Bench b(policy);
  CHECK(b.deliver(Delivery{"a1", "alpha", "a1-1", 1, std::string(100, 'x')}) == "surface 1");
  CHECK(b.deliver(Delivery{"a1", "alpha", "a1-2", 2, "x"}) == "");
  CHECK(b.verdict == Verdict::queue_full);
  CHECK(b.done(1) == "ack alpha 1, resync");
  CHECK(b.deliver(Delivery{"a1", "alpha", "a1-2", 2, "x"}) == "surface 2");
}

TEST_CASE("a restarted broker neither repeats nor loses") {
  Bench b;
  for (std::uint64_t seq = 1; seq <= 4; ++seq) b.deliver(seq);
  b.deliver(6);
  b.done(1);
  b.done(3);
  DeliveryBook next(b.book.state(), b.now);
  CHECK(text_of(next.connected(b.now)) == "ack alpha 1");
  const auto deliver = [&](std::uint64_t seq) {
    return text_of(next.deliver(b.now, frame("a1", "alpha", seq)).actions);
  };
  CHECK(deliver(2) == "");
  CHECK(deliver(3) == "ack alpha 1");
  CHECK(deliver(4) == "");
  CHECK(deliver(5) == "surface 5");
  CHECK(deliver(6) == "surface 6");
  CHECK(text_of(next.done(b.now, "a1", 2, "a1-2")) == "ack alpha 3");
  CHECK(text_of(next.done(b.now, "a1", 4, "a1-4")) == "ack alpha 4");
}

TEST_CASE("a state is one as long as nothing changes, and another after each change") {
  Bench b;
  (void)b.book.registered(b.now, "b1", "beta");
  const auto of = [&](std::size_t agent) { return b.book.state().live.at(agent).mailbox; };
  auto ada = of(0);
  auto bert = of(1);
  CHECK(ada.is(of(0)));
  // Each way in which one can change; the other agent's is never copied.
  const auto changed = [&] {
    const bool other = !ada.is(of(0)) && bert.is(of(1));
    ada = of(0);
    return other;
  };
  b.deliver(1);
  CHECK(changed());
  CHECK(ada->rows.size() == 1);
  b.done(1);
  CHECK(changed());
  CHECK(ada->cursor == 1);
  b.deliver(ephemeral("e1"));
  CHECK(changed());
  CHECK(ada->open_ephemeral.size() == 1);
  b.deliver(2);
  CHECK(changed());
  (void)b.book.failed(b.now, "a1", 2, "a1-2");
  CHECK(changed());
  CHECK(ada->rows.empty());
  (void)b.book.registered(b.now, "a1", "alpha", 7);
  CHECK(changed());
  CHECK(ada->cursor == 7);
  // Who has one may do with it what he likes.
  ada.edit().cursor = 99;
  CHECK(of(0)->cursor == 7);
}

TEST_CASE("a restarted broker keeps released ids, ephemeral ids and holes") {
  Bench b;
  b.deliver(ephemeral("e1"));
  b.deliver(1);
  b.done(1);
  b.deliver(3);
  b.after(5s);
  b.done(3);
  b.after(90s);
  (void)b.book.registered(b.now, "b1", "beta");
  b.deliver(frame("b1", "beta", 1));
  b.done(1, "b1");
  b.book.released("b1");
  DeliveryBook next(b.book.state(), b.now);
  (void)next.connected(b.now);
  CHECK(next.deliver(b.now, ephemeral("e1")).verdict == Verdict::duplicate);
  CHECK(text_of(next.done(b.now, "a1", 0, "e1")) == "ack alpha 3");
  CHECK(text_of(next.deliver(b.now, frame("a1", "alpha", 2)).actions) == "late 2");
  CHECK(next.deliver(b.now, frame("b1", "beta", 2)).verdict == Verdict::retired);
  CHECK(text_of(next.registered(b.now, "b1", "beta")) == "ack beta 1");
  CHECK(text_of(next.deliver(b.now, frame("b1", "beta", 2)).actions) == "surface 2");
}

TEST_CASE("an engine that counts an agent's messages anew is followed") {
  Bench b;
  for (std::uint64_t seq = 1; seq <= 3; ++seq) {
    b.deliver(seq);
    b.done(seq);
  }
  CHECK(b.deliver(Delivery{"a1", "alpha", "new-1", 1, ""}) == "renumbered, surface 1");
  CHECK(text_of(b.book.done(b.now, "a1", 1, "new-1")) == "ack alpha 1");
  CHECK(b.deliver(Delivery{"a1", "alpha", "new-2", 2, ""}) == "surface 2");
}

TEST_CASE("a finished delivery that comes under another number is not surfaced again") {
  Bench b;
  b.deliver(1);
  b.done(1);
  CHECK(b.deliver(Delivery{"a1", "alpha", "a1-1", 2, ""}) == "ack alpha 2");
  CHECK(b.verdict == Verdict::duplicate);
  CHECK(b.deliver(3) == "surface 3");
}

TEST_CASE("old repeats far below the cursor stay finished when the engine lost its cursor") {
  Bench b;
  for (std::uint64_t seq = 1; seq <= 3000; ++seq) {
    b.deliver(seq);
    b.done(seq);
  }
  for (const std::uint64_t seq : {std::uint64_t{1}, std::uint64_t{1500}, std::uint64_t{2999}}) {
    CHECK(b.deliver(seq) == "ack alpha 3000");
    CHECK(b.verdict == Verdict::stale);
  }
}

TEST_CASE("the highest possible number neither overflows nor makes deaf") {
  Bench b;
  b.deliver(1);
  b.deliver(~std::uint64_t{0});
  CHECK(b.after(5s) == "skipped 2-18446744073709551614, surface 18446744073709551615");
  CHECK(b.deliver(2) == "late 2");
  CHECK(b.after(90s) == "");
  CHECK(b.done(1) == "ack alpha 1");
  CHECK(b.done(2) == "ack alpha 18446744073709551614");
  CHECK(b.deliver(3) == "late 3");
}

TEST_CASE("10,000 open messages and 50 agents stay within their bound") {
  Bench b;
  for (int agent = 0; agent < 50; ++agent) {
    const std::string id = "n" + std::to_string(agent);
    (void)b.book.registered(b.now, id, id);
    for (std::uint64_t seq = 1; seq <= 200; ++seq) {
      REQUIRE(b.deliver(frame(id, id, seq)) == "surface " + std::to_string(seq));
    }
  }
  for (std::uint64_t seq = 1; seq <= 10'001; ++seq) b.deliver(seq);
  CHECK(b.verdict == Verdict::queue_full);
  CHECK(b.book.counters().queue_full == 1);
}

}  // namespace relay::node_control
