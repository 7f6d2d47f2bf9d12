#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "pty/keeper/fence.hpp"
#include "pty/keeper/marks.hpp"
#include "pty/keeper/newcomers.hpp"
#include "pty/keeper/place.hpp"

namespace relay::pty::keeper {

/// What a dead keeper of a place has left: processes with one of its marks, wherever they are now,
/// and all in its fence. Never ourselves or an ancestor of ours, who may be one of its agents.
/// Needs the place's lock.
class Leftovers {
 public:
  /// Three, because some hide from one look: they live shorter than it takes.
  static constexpr int kQuietLooks = 3;

  explicit Leftovers(const Place& place);

  /// One look at every process, and before and after it at those who are just born. Each with a
  /// mark is killed when it is met, because some live shorter than it takes to read the table.
  void kill_once();
  /// Whether the last look has met anyone new or alive. The same dead, whom their parent does not
  /// collect, do not count again.
  [[nodiscard]] bool life() const { return life_; }

  /// Looks until so many in a row saw no life. False when there still was some after `at_most`, or
  /// when the same processes stay although they were killed: no signal helps with those that wait
  /// in the kernel.
  bool sweep(Duration at_most, int quiet_looks = kQuietLooks);
  /// The fence goes, if nobody is left in it.
  void take_fence_away() const;
  /// Why the last sweep failed: the same ones stayed. Otherwise new ones came.
  [[nodiscard]] bool stuck() const { return stuck_; }
  /// Who was alive at the last look.
  [[nodiscard]] const std::vector<pid_t>& alive() const { return alive_; }

 private:
  using Dead = std::set<std::pair<pid_t, std::uint64_t>>;

  void find_ancestors();
  /// Kills it if it wears the limit, or if its variable says so. Nobody else's variables are read
  /// unless they are `wanted`: that takes longer than some live.
  Sight strike(pid_t pid, bool wanted);
  /// Strikes whom it meets among those born after the counter stood there; whether it met one.
  bool hunt_from(pid_t born_before);

  SystemClock clock_;
  std::string name_;
  LimitMark mark_;
  PidCounter counter_;
  std::optional<Fence> fence_;
  std::set<pid_t> ancestors_;
  std::vector<pid_t> alive_;
  Dead dead_;
  bool life_ = false;
  bool stuck_ = false;
};

}  // namespace relay::pty::keeper
