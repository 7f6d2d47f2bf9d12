#include "base/backoff.hpp"

#include <algorithm>

namespace relay {

Backoff::Backoff(Duration first, Duration most, Duration healthy_after, Random& random)
    : first_(first), most_(most), healthy_after_(healthy_after), ceiling_(first), random_(random) {}

Duration Backoff::next() {
  const auto ceiling = static_cast<std::uint64_t>(ceiling_.count());
  ceiling_ = std::min(most_, ceiling_ * 2);
  return Duration(static_cast<Duration::rep>(random_.below(ceiling) + 1));
}

void Backoff::lived(Duration for_how_long) {
  if (for_how_long >= healthy_after_) reset();
}

}  // namespace relay
