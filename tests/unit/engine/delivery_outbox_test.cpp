#include "engine/delivery_outbox.hpp"

#include <deque>
#include <doctest/doctest.h>
#include <map>
#include <set>
#include <utility>

#include "base/random.hpp"
#include "support/long_form.hpp"

namespace relay::engine {
namespace {

using namespace std::chrono_literals;
using Numbers = std::vector<std::uint64_t>;

Monotonic at(Duration time) {
  return Monotonic(1000s + time);
}

Numbers numbers(const std::vector<DeliveryOutbox::Frame>& frames) {
  Numbers found;
  for (const auto& frame : frames) found.push_back(frame.number);
  return found;
}

/// The published broker, as measured: a cursor for each agent in memory; it takes the number behind
/// it, answers all else with the cursor, and knows what it has shown until its process ends.
/// Whether it looks at other frames while it types one is not known: `serial` or not.
struct PublishedBroker {
  using Frame = DeliveryOutbox::Frame;

  std::uint64_t cursor = 0;
  std::set<std::uint64_t> seen;
  std::map<std::uint64_t, int> shown;
  std::deque<std::uint64_t> answers;
  bool serial = true;
  std::optional<Frame> typing;
  std::deque<Frame> behind;

  void take(const Frame& frame) {
    const bool is_next = !seen.contains(frame.seq) && frame.number == cursor + 1;
    if (typing && (serial || is_next)) {
      behind.push_back(frame);
    } else if (is_next) {
      typing = frame;
    } else {
      answers.push_back(cursor);
    }
  }
  /// What it types is shown, or could not be; what has waited for that comes next.
  void finish(bool typing_fails = false) {
    if (!typing) return;
    if (!typing_fails) {
      ++shown[typing->seq];
      seen.insert(typing->seq);
      cursor = typing->number;
      answers.push_back(cursor);
    }
    typing.reset();
    auto waiting = std::move(behind);
    behind.clear();
    for (const auto& frame : waiting) take(frame);
  }
  void take_and_finish(const Frame& frame) {
    take(frame);
    while (typing) finish();
  }
  /// Another connection: what it types goes on, what waits behind that is lost.
  void reconnect() {
    answers.clear();
    behind.clear();
  }
  void restart() {
    cursor = 0;
    seen.clear();
    typing.reset();
    reconnect();
  }
};

}  // namespace

TEST_CASE("durable: the sequence of the mailbox goes out, and what is acknowledged is done") {
  DeliveryOutbox outbox(Numbering::durable);
  for (const std::uint64_t seq : {3U, 4U, 7U}) outbox.add(seq);
  CHECK(numbers(outbox.take(at(0s))) == Numbers{3, 4, 7});
  CHECK(outbox.take(at(1s)).empty());
  CHECK(outbox.acked(4, at(1s)) == 4);
  CHECK(outbox.acked(3, at(1s)) == 3);  // the store keeps the larger one
  CHECK(outbox.acked(0, at(1s)) == std::nullopt);
  CHECK_FALSE(outbox.idle());
  CHECK(outbox.acked(7, at(2s)) == 7);
  CHECK(outbox.idle());
  CHECK_FALSE(outbox.next());
}

TEST_CASE("durable: a node that stays silent gets it again on the same socket, later each time") {
  DeliveryOutbox outbox(Numbering::durable);
  outbox.add(1);
  CHECK(outbox.take(at(0s)).size() == 1);
  CHECK(outbox.next() == at(90s));
  CHECK(outbox.take(at(89s)).empty());
  CHECK(numbers(outbox.take(at(90s))) == Numbers{1});
  CHECK(outbox.next() == at(90s + 180s));
  CHECK(outbox.take(at(270s)).size() == 1);
  CHECK(outbox.acked(1, at(271s)) == 1);
  outbox.add(2);
  CHECK(outbox.take(at(300s)).size() == 1);
  CHECK(outbox.next() == at(390s));
}

TEST_CASE("durable: what was settled elsewhere is not sent, and a window is not overrun") {
  DeliveryOutbox outbox(Numbering::durable);
  for (std::uint64_t seq = 1; outbox.wants_more(); ++seq) outbox.add(seq);
  CHECK(outbox.last() == 64);
  outbox.settled(1);
  CHECK(outbox.wants_more());
  CHECK(outbox.take(at(0s)).front().number == 2);
}

TEST_CASE(
    "durable: it says behind which row it wants to read, and takes back what did not go out") {
  DeliveryOutbox outbox(Numbering::durable);
  CHECK(outbox.wants(at(0s)) == 0);
  outbox.read(0, {2, 3, 5}, true);
  CHECK(outbox.wants(at(0s)) == 1);
  auto frames = outbox.take(at(0s));
  CHECK(numbers(frames) == Numbers{2, 3, 5});
  CHECK(outbox.wants(at(0s)) == 5);
  outbox.not_sent(frames[2]);
  outbox.not_sent(frames[1]);
  CHECK(outbox.has_unsent());
  CHECK(outbox.wants(at(1s)) == 2);
  // 3 was settled meanwhile, and 6 is new.
  outbox.read(2, {5, 6}, true);
  CHECK(numbers(outbox.take(at(1s))) == Numbers{5, 6});
  CHECK_FALSE(outbox.has_unsent());
  CHECK(outbox.wants(at(89s)) == 6);
  CHECK(outbox.wants(at(90s)) == 1);
  // Of a reading that was cut short only what it has covered is known.
  outbox.read(1, {2}, false);
  CHECK(numbers(outbox.take(at(90s))) == Numbers{2, 5, 6});
}

TEST_CASE("what did not go out is no frame that is answered") {
  DeliveryOutbox outbox(Numbering::own);
  outbox.read(0, {7, 8}, true);
  auto question = outbox.take(at(0s));
  REQUIRE(question.size() == 1);
  CHECK(outbox.wants(at(0s)) == std::nullopt);
  outbox.not_sent(question[0]);
  CHECK(outbox.wants(at(0s)) == 6);
  question = outbox.take(at(0s));
  REQUIRE(question.size() == 1);
  CHECK(outbox.acked(0, at(0s)) == std::nullopt);
  auto frames = outbox.take(at(0s));
  CHECK(numbers(frames) == Numbers{1, 2});
  outbox.not_sent(frames[1]);
  CHECK(outbox.acked(1, at(0s)) == 7);
  CHECK(numbers(outbox.take(at(0s))) == Numbers{2});
  CHECK(outbox.acked(2, at(0s)) == 8);
}

TEST_CASE("a broker that counts by itself is asked where it is, and gets what follows") {
  PublishedBroker broker;
  broker.cursor = 4;
  DeliveryOutbox outbox(Numbering::own);
  for (const std::uint64_t seq : {21U, 22U, 25U}) outbox.add(seq);
  const auto question = outbox.take(at(0s));
  REQUIRE(question.size() == 1);
  CHECK(question[0].question);
  CHECK(question[0].seq == 21);
  CHECK(question[0].number == 1099511627776U);
  CHECK(outbox.take(at(1s)).empty());
  broker.take_and_finish(question[0]);
  CHECK(outbox.acked(broker.answers.back(), at(1s)) == std::nullopt);
  const auto frames = outbox.take(at(1s));
  CHECK(numbers(frames) == Numbers{5, 6, 7});
  CHECK(outbox.acked(5, at(2s)) == 21);
  CHECK(outbox.acked(7, at(2s)) == 25);
  CHECK(outbox.idle());
  outbox.add(26);
  CHECK(numbers(outbox.take(at(3s))) == Numbers{8});
}

TEST_CASE("after the agent's process has changed, numbers begin where the broker says") {
  DeliveryOutbox outbox(Numbering::own);
  outbox.add(9);
  CHECK(outbox.take(at(0s)).size() == 1);
  CHECK_FALSE(outbox.acked(3, at(0s)));
  CHECK(numbers(outbox.take(at(0s))) == Numbers{4});
  outbox.restarted();
  const auto question = outbox.take(at(1s));
  REQUIRE(question.size() == 1);
  CHECK(question[0].question);
  CHECK_FALSE(outbox.acked(3, at(1s)));  // of the frame before
  CHECK(outbox.take(at(1s)).empty());
  CHECK_FALSE(outbox.acked(0, at(1s)));
  CHECK(numbers(outbox.take(at(1s))) == Numbers{1});
}

TEST_CASE("a broker that has lost its cursor without a word gets all again") {
  DeliveryOutbox outbox(Numbering::own);
  outbox.add(5);
  outbox.add(6);
  (void)outbox.take(at(0s));
  (void)outbox.acked(4, at(0s));
  CHECK(numbers(outbox.take(at(0s))) == Numbers{5, 6});
  CHECK_FALSE(outbox.acked(0, at(1s)));
  const auto again = outbox.take(at(1s));
  REQUIRE(again.size() == 1);
  CHECK(again[0].question);
}

TEST_CASE("an event's answer is no refusal") {
  DeliveryOutbox outbox(Numbering::own);
  outbox.add(1);
  (void)outbox.take(at(0s));
  (void)outbox.acked(0, at(0s));
  CHECK(numbers(outbox.take(at(0s))) == Numbers{1});
  outbox.event_sent();
  CHECK_FALSE(outbox.acked(0, at(1s)));
  CHECK(outbox.next() == at(90s));
  CHECK(outbox.acked(1, at(2s)) == 1);
}

TEST_CASE("a row settled elsewhere keeps its number until the broker has answered") {
  DeliveryOutbox outbox(Numbering::own);
  outbox.add(1);
  (void)outbox.take(at(0s));
  (void)outbox.acked(0, at(0s));
  CHECK(numbers(outbox.take(at(0s))) == Numbers{1});
  outbox.settled(1);
  outbox.add(2);
  CHECK(numbers(outbox.take(at(1s))) == Numbers{2});
  CHECK(outbox.acked(1, at(2s)) == 1);
  CHECK(outbox.acked(2, at(2s)) == 2);
}

TEST_CASE("what the broker has shown already is acknowledged, not sent for ever") {
  PublishedBroker broker;
  broker.cursor = 1;
  broker.seen.insert(7);
  DeliveryOutbox outbox(Numbering::own);
  outbox.add(7);
  std::optional<std::uint64_t> done;
  Monotonic now = at(0s);
  for (int round = 0; round < 20 && !done; ++round) {
    for (const auto& frame : outbox.take(now)) broker.take_and_finish(frame);
    while (!broker.answers.empty() && !done) {
      done = outbox.acked(broker.answers.front(), now);
      broker.answers.pop_front();
    }
    if (const auto next = outbox.next(); next && *next > now) now = *next;
  }
  CHECK(done == 7);
  CHECK(broker.shown.empty());
  CHECK(now - at(0s) < 30s);
}

TEST_CASE("a row that was shown already holds up those behind it once, not each of them") {
  DeliveryOutbox outbox(Numbering::own);
  PublishedBroker broker;
  broker.cursor = 12;
  broker.seen = {12};
  for (std::uint64_t seq = 12; seq < 20; ++seq) outbox.add(seq);
  Duration time = 0s;
  for (; !outbox.idle() && time < 60s; time += 1s) {
    for (auto frames = outbox.take(at(time)); !frames.empty(); frames = outbox.take(at(time))) {
      for (const auto& frame : frames) broker.take_and_finish(frame);
      for (const auto answer : std::exchange(broker.answers, {})) {
        (void)outbox.acked(answer, at(time));
      }
    }
  }
  CHECK(time < 12s);
  CHECK(broker.shown.size() == 7);
  for (const auto& [seq, times] : broker.shown) CHECK(times == 1);
}

TEST_CASE("a client that acknowledges whatever it is sent is taken at its word") {
  DeliveryOutbox outbox(Numbering::own);
  outbox.add(3);
  outbox.add(4);
  CHECK(outbox.take(at(0s)).size() == 1);
  CHECK(outbox.acked(DeliveryOutbox::kQuestion, at(0s)) == 3);
  CHECK(numbers(outbox.take(at(0s))) == Numbers{4});
  CHECK(outbox.acked(4, at(0s)) == 4);
}

TEST_CASE("the answer to a second question acknowledges nothing more") {
  DeliveryOutbox outbox(Numbering::own);
  for (const std::uint64_t seq : {3U, 4U, 5U}) outbox.add(seq);
  CHECK(outbox.take(at(0s)).size() == 1);
  CHECK(outbox.take(at(15s)).size() == 1);
  CHECK(outbox.acked(DeliveryOutbox::kQuestion, at(16s)) == 3);
  CHECK_FALSE(outbox.acked(DeliveryOutbox::kQuestion, at(16s)));
  CHECK(numbers(outbox.take(at(17s))) == Numbers{4, 5});
}

TEST_CASE("a question without an answer is asked again; a frame that never was is waited for") {
  DeliveryOutbox outbox(Numbering::own);
  outbox.event_sent();
  outbox.event_sent();
  outbox.add(1);
  CHECK(outbox.take(at(0s)).size() == 1);
  CHECK(outbox.take(at(14s)).empty());
  CHECK(outbox.take(at(15s)).size() == 1);
  CHECK_FALSE(outbox.acked(6, at(16s)));
  CHECK(outbox.take(at(17s)).empty());
  CHECK(outbox.next() == at(18s));
  CHECK(numbers(outbox.take(at(18s))) == Numbers{7});
}

// Every schedule of lost answers, failed typing, reconnects, restarts and reads elsewhere: what the
// store calls acknowledged was shown or settled elsewhere, nothing is shown twice but after a
// restart of the broker, and in the end all is shown.
namespace {

class Schedule {
 public:
  explicit Schedule(std::uint64_t seed) : random_(seed) { broker_.serial = random_.below(2) == 0; }

  void run() {
    for (int i = 0; i < 150; ++i) step(random_.below(26));
    // Then nothing bad happens any more.
    for (int i = 0; i < 4000 && !(outbox_.idle() && outbox_.last() >= written_); ++i) {
      send();
      settle_all();
      if (const auto next = outbox_.next(); next && *next > now_) now_ = *next;
    }
    for (std::uint64_t seq = 1; seq <= written_; ++seq) {
      const int times = broker_.shown[seq];
      if (times == 0 && !settled_.contains(seq)) FAIL_CHECK("never shown: " << seq);
      if (times > 1 && !restarted_) FAIL_CHECK("shown " << times << " times: " << seq);
    }
  }

 private:
  void step(std::uint64_t what) {
    if (what < 4) {
      ++written_;
    } else if (what < 10) {
      if (!wire_.empty()) {
        broker_.take(wire_.front());
        wire_.pop_front();
      }
    } else if (what < 14) {
      broker_.finish(random_.below(12) == 0);
      typing_for_ = {};
    } else if (what < 21) {
      hear_one();
    } else if (what < 23) {
      if (written_ > cursor_) {
        const auto seq = cursor_ + 1 + random_.below(written_ - cursor_);
        if (settled_.insert(seq).second) outbox_.settled(seq);
      }
    } else if (what == 23) {
      pass(std::chrono::seconds(random_.below(200)));
    } else if (what == 24) {
      broker_.reconnect();
      wire_.clear();
      outbox_.restarted();
    } else if (random_.below(3) == 0) {
      broker_.restart();
      restarted_ = true;
      wire_.clear();
      outbox_.restarted();
    }
    send();
  }

  void send() {
    const auto first = std::max(cursor_, outbox_.last());
    for (auto seq = first + 1; seq <= written_ && outbox_.wants_more(); ++seq) {
      if (!settled_.contains(seq)) outbox_.add(seq);
    }
    for (const auto& frame : outbox_.take(now_)) wire_.push_back(frame);
  }
  void hear_one() {
    if (broker_.answers.empty()) return;
    const auto acked = outbox_.acked(broker_.answers.front(), now_);
    broker_.answers.pop_front();
    if (!acked) return;
    for (auto seq = cursor_ + 1; seq <= *acked; ++seq) {
      const bool fine = settled_.contains(seq) || broker_.shown[seq] > 0;
      if (!fine) FAIL_CHECK("acknowledged and never shown: " << seq);
    }
    cursor_ = std::max(cursor_, *acked);
  }
  /// All that takes no typing is done at once.
  void settle_quick() {
    for (; !wire_.empty(); wire_.pop_front()) broker_.take(wire_.front());
    while (!broker_.answers.empty()) hear_one();
  }
  void settle_all() {
    settle_quick();
    for (; broker_.typing; settle_quick()) broker_.finish();
  }
  /// A row is a minute in typing at most, with what waits behind it.
  void pass(Duration time) {
    settle_quick();
    if (broker_.typing && typing_for_ + time > 60s) settle_all();
    typing_for_ = broker_.typing ? typing_for_ + time : Duration();
    now_ += time;
  }

  SeededRandom random_;
  PublishedBroker broker_;
  DeliveryOutbox outbox_{Numbering::own};
  Monotonic now_ = at(0s);
  std::uint64_t written_ = 0;
  std::uint64_t cursor_ = 0;
  std::set<std::uint64_t> settled_;
  std::deque<DeliveryOutbox::Frame> wire_;
  Duration typing_for_{};
  bool restarted_ = false;
};

}  // namespace

TEST_CASE("whatever happens, the published broker shows each message once") {
  const int seeds = test::long_form("RELAY_BROKER_SEEDS", 3000);
  for (int seed = 0; seed < seeds; ++seed) {
    CAPTURE(seed);
    Schedule(static_cast<std::uint64_t>(seed)).run();
  }
}

}  // namespace relay::engine
