#include "pty/keeper/leftovers.hpp"

#include <algorithm>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

#include "os/system_random.hpp"
#include "pty/keeper/process_table.hpp"

namespace relay::pty::keeper {
namespace {

using std::chrono::milliseconds;

constexpr Duration kBetweenLooks = milliseconds(1);
/// Among strangers who fork without a pause one look ends after this. A chain of ours has gone
/// through a hundred processes by then, or waits for a processor and can be seen.
constexpr Duration kHuntAtMost = milliseconds(100);
/// The last so many may still be alive when the first look begins.
constexpr pid_t kNewest = 16;
/// What was killed and is still there after this waits in the kernel.
constexpr Duration kStuckAfter = milliseconds(1000);

LimitMark mark_of(const Place& place) {
  os::SystemRandom random;
  return {place.directory.string(), random};
}

}  // namespace

Leftovers::Leftovers(const Place& place)
    : name_(place_name(place.directory.string())),
      mark_(mark_of(place)),
      fence_(Fence::left_at(place)) {
  find_ancestors();
}

void Leftovers::find_ancestors() {
  ancestors_ = ancestors_now(::getpid());
}

Sight Leftovers::strike(pid_t pid, bool wanted) {
  if (ancestors_.count(pid) != 0) return Sight::nobody;
  const auto limit = read_hard_limit(pid);
  if (!limit) return Sight::nobody;
  if (mark_.same_place(*limit)) {
    const bool killed = kill_with_group(pid, [&] { return read_hard_limit(pid) == limit; });
    return killed ? Sight::alive : Sight::dead;
  }
  // Without privilege nobody who wore a mark can get back to no limit.
  if (!wanted && *limit == RLIM_INFINITY) return Sight::nobody;
  const auto ours = [&] { return read_variable(pid, kKeeperVariable) == name_; };
  if (!ours()) return Sight::nobody;
  return kill_with_group(pid, ours) ? Sight::alive : Sight::dead;
}

bool Leftovers::hunt_from(pid_t born_before) {
  const Monotonic until = clock_.now() + kHuntAtMost;
  return hunt(
      born_before, [&] { return counter_.last(); }, [&](pid_t pid) { return strike(pid, false); },
      [&] { return clock_.now() >= until; });
}

void Leftovers::kill_once() {
  if (fence_) fence_->kill();
  const auto born_before = counter_.last();
  // First those who are quick: reading a table full of the dead that they leave takes a while. Whom
  // this meets the table shows too.
  if (born_before) hunt_from(*born_before - kNewest);
  std::vector<pid_t> alive;
  Dead dead;
  for_each_pid([&](pid_t pid) {
    const Sight sight = strike(pid, true);
    if (sight == Sight::alive) alive.push_back(pid);
    if (sight != Sight::dead) return;
    if (const auto row = read_process(pid)) dead.emplace(pid, row->started);
  });
  const bool met = born_before && hunt_from(*born_before);
  const bool fenced = fence_ && !fence_->empty();
  if (fenced) {
    for (const pid_t pid : fence_->members()) {
      if (std::find(alive.begin(), alive.end(), pid) == alive.end()) alive.push_back(pid);
    }
  }
  const bool new_dead = !std::includes(dead_.begin(), dead_.end(), dead.begin(), dead.end());
  life_ = met || fenced || !alive.empty() || new_dead;
  alive_ = std::move(alive);
  dead_ = std::move(dead);
}

bool Leftovers::sweep(Duration at_most, int quiet_looks) {
  find_ancestors();
  const Monotonic start = clock_.now();
  Monotonic changed = start;
  std::vector<pid_t> before;
  for (int quiet = 0;;) {
    kill_once();
    quiet = life_ ? 0 : quiet + 1;
    if (quiet == quiet_looks) break;
    const Monotonic now = clock_.now();
    if (alive_ != before || alive_.empty()) changed = now;
    before = alive_;
    stuck_ = now - changed >= kStuckAfter;
    if (stuck_ || now - start >= at_most) return false;
    std::this_thread::sleep_for(kBetweenLooks);
  }
  take_fence_away();
  return true;
}

void Leftovers::take_fence_away() const {
  if (fence_) fence_->remove();
}

}  // namespace relay::pty::keeper
