// Every sequence of a few events, not a sample of them: three messages of one agent.
// RELAY_BROKER_WALK=7 walks longer sequences than the normal test.
#include <array>
#include <doctest/doctest.h>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "support/long_form.hpp"
#include "unit/node_control/book_support.hpp"

namespace relay::node_control {
namespace {

using namespace std::chrono_literals;

enum class Move {
  deliver1,
  deliver2,
  deliver3,
  done,
  failed,
  wait,
  long_wait,
  reconnect,
  restart,
  respawn
};
constexpr int kMoves = 10;

/// Plays moves and keeps what must never happen: two of one message open or done, an ack for a
/// message that is with the injector.
class Walk {
 public:
  Walk() : book_(std::make_unique<DeliveryBook>()) {
    take(book_->connected(now_));
    take(book_->registered(now_, "a1", "alpha"));
  }

  void play(Move move) {
    switch (move) {
      case Move::deliver1:
      case Move::deliver2:
      case Move::deliver3: return deliver(static_cast<std::uint64_t>(move) + 1);
      case Move::done: return end(true);
      case Move::failed: return end(false);
      case Move::wait: return pass(5s);
      case Move::long_wait: return pass(90s);
      case Move::reconnect: book_->disconnected(); return take(book_->connected(now_));
      case Move::restart:
        book_ = std::make_unique<DeliveryBook>(book_->state(), now_);
        return take(book_->connected(now_));
      case Move::respawn:
        book_->released("a1");
        open_.clear();
        return take(book_->registered(now_, "a1", "alpha"));
    }
  }

  /// The engine repeats what it takes for unacknowledged, the injector works: all three end.
  void heal() {
    for (int round = 0; round < 3; ++round) {
      for (std::uint64_t seq = 1; seq <= 3; ++seq) {
        // What is not done is repeated although an ack may have passed over it.
        if (seq > acked_ || !done_.contains(seq)) deliver(seq);
      }
      pass(5s);
      while (!open_.empty()) end(true);
      pass(90s);
    }
    if (done_.size() != 3) problem_ = "deaf";
    if (book_->cursor_of("a1") != 3) problem_ = "the cursor stays behind";
  }

  [[nodiscard]] const std::optional<std::string>& problem() const { return problem_; }

 private:
  void deliver(std::uint64_t seq) { take(book_->deliver(now_, frame("a1", "alpha", seq)).actions); }

  void end(bool well) {
    if (open_.empty()) return;
    const std::uint64_t seq = *open_.begin();
    open_.erase(open_.begin());
    const std::string id = "a1-" + std::to_string(seq);
    if (well) {
      done_.insert(seq);
      take(book_->done(now_, "a1", seq, id));
      return;
    }
    const auto actions = book_->failed(now_, "a1", seq, id);
    // A dead letter is an end as well.
    if (!all<DeadLetter>(actions).empty()) done_.insert(seq);
    take(actions);
  }

  void pass(Duration time) {
    now_ += time;
    take(book_->on_time(now_));
    if (const auto next = book_->next_deadline(); next && *next <= now_) {
      problem_ = "a deadline that is over stays";
    }
  }

  void take(const std::vector<DeliveryAction>& actions) {
    for (const auto& surfaced : all<Surface>(actions)) {
      const auto seq = surfaced.delivery.seq;
      if (done_.contains(seq) || !open_.insert(seq).second) problem_ = "surfaced twice";
      const bool behind =
          (!open_.empty() && *open_.rbegin() > seq) || (!done_.empty() && *done_.rbegin() > seq);
      if (behind && !surfaced.late) problem_ = "out of order and not marked as late";
    }
    for (const auto& ack : all<Ack>(actions)) {
      if (ack.up_to_seq < acked_) problem_ = "an ack that goes back";
      // What comes late is below what was acknowledged already.
      const auto first = open_.upper_bound(acked_);
      if (first != open_.end() && *first <= ack.up_to_seq) {
        problem_ = "an ack for a message that is with the injector";
      }
      acked_ = ack.up_to_seq;
    }
  }

  Monotonic now_{1000s};
  std::unique_ptr<DeliveryBook> book_;
  std::set<std::uint64_t> open_;
  std::set<std::uint64_t> done_;
  std::uint64_t acked_ = 0;
  std::optional<std::string> problem_;
};

}  // namespace

TEST_CASE("every sequence of events ends with each message surfaced once and nobody deaf") {
  const int length = test::long_form("RELAY_BROKER_WALK", 5);
  std::uint64_t sequences = 1;
  for (int i = 0; i < length; ++i) sequences *= kMoves;
  for (std::uint64_t number = 0; number < sequences; ++number) {
    Walk walk;
    std::string played;
    std::uint64_t rest = number;
    for (int i = 0; i < length; ++i, rest /= kMoves) {
      played += static_cast<char>('0' + rest % kMoves);
      walk.play(static_cast<Move>(rest % kMoves));
    }
    walk.heal();
    if (walk.problem()) FAIL("moves " << played << ": " << *walk.problem());
  }
}

}  // namespace relay::node_control
