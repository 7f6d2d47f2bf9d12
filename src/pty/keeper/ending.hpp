#pragma once

#include <cstddef>

#include "base/clock.hpp"

namespace relay::pty::keeper {

/// The grace of sessions that nobody gave one: those whose leader has ended, and all when the
/// keeper ends without a broker.
inline constexpr Duration kUsualGrace = std::chrono::seconds(2);
/// Longest grace that is taken; a longer one is cut.
inline constexpr Duration kLongestGrace = std::chrono::minutes(10);

/// When to do what to the tree of one session that has to end. Pure: it is told how many members
/// each walk has found, and says what to do to them and when to walk again.
class Ending {
 public:
  Ending(Monotonic now, Duration grace);

  enum class Act {
    /// Ask those that have not been asked yet (SIGTERM).
    ask,
    /// SIGKILL, at once, also those that appear while the table is read.
    kill,
    /// Nothing is left. Two walks in a row have seen it, because one can miss a process that
    /// was born while it read.
    gone,
  };

  /// What the next walk at `now` has to do to members while it meets them.
  [[nodiscard]] bool kills_at(Monotonic now) const { return now >= deadline_; }
  /// After a walk at `now` that has found so many members alive.
  Act walked(Monotonic now, std::size_t members);
  /// When to walk again.
  [[nodiscard]] Monotonic next() const { return next_; }
  /// Somebody wants it sooner: the earlier end counts.
  void hurry(Monotonic now, Duration grace);

 private:
  Monotonic deadline_;
  Monotonic next_;
  unsigned empty_walks_ = 0;
  unsigned kill_walks_ = 0;
};

}  // namespace relay::pty::keeper
