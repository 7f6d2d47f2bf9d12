#include "pty/keeper/ending.hpp"

#include <algorithm>

namespace relay::pty::keeper {
namespace {

using std::chrono::milliseconds;

/// Between walks while members may end by themselves; the end of a child of ours wakes us earlier.
constexpr Duration kPatientStep = milliseconds(50);
/// Between the two walks that have to be empty.
constexpr Duration kSecondLook = milliseconds(5);
/// Between killing walks: a program that forks without end is met by walking without rest.
constexpr Duration kBriskStep = milliseconds(1);
/// What still lives after so many killing walks waits in the kernel, where no signal helps.
constexpr unsigned kBriskWalks = 2000;

}  // namespace

Ending::Ending(Monotonic now, Duration grace)
    : deadline_(now + std::clamp(grace, Duration::zero(), kLongestGrace)), next_(now) {}

Ending::Act Ending::walked(Monotonic now, std::size_t members) {
  if (members == 0) {
    next_ = now + kSecondLook;
    return ++empty_walks_ >= 2 ? Act::gone : Act::ask;
  }
  empty_walks_ = 0;
  if (!kills_at(now)) {
    next_ = std::min(now + kPatientStep, deadline_);
    return Act::ask;
  }
  next_ = now + (++kill_walks_ < kBriskWalks ? kBriskStep : kPatientStep);
  return Act::kill;
}

void Ending::hurry(Monotonic now, Duration grace) {
  const Monotonic wanted = now + std::clamp(grace, Duration::zero(), kLongestGrace);
  deadline_ = std::min(deadline_, wanted);
  next_ = std::min(next_, now);
}

}  // namespace relay::pty::keeper
