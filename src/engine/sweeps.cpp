#include "engine/sweeps.hpp"

#include <algorithm>

namespace relay::engine {

Duration Sweeps::period(Sweep sweep) {
  using std::chrono::seconds;
  switch (sweep) {
    case Sweep::nodes:
    case Sweep::invocations:
    case Sweep::deliveries: return seconds(15);
    case Sweep::presence: return seconds(60);
    case Sweep::retention: return seconds(600);
  }
  return seconds(60);
}

Sweeps::Sweeps(Monotonic start) {
  for (std::size_t i = 0; i < kCount; ++i) at_[i] = start + period(static_cast<Sweep>(i));
}

std::vector<Sweep> Sweeps::due(Monotonic now) {
  std::vector<Sweep> found;
  for (std::size_t i = 0; i < kCount; ++i) {
    if (at_[i] > now) continue;
    const auto sweep = static_cast<Sweep>(i);
    found.push_back(sweep);
    // A machine that slept does not make up for it.
    at_[i] = now + period(sweep);
  }
  return found;
}

Monotonic Sweeps::next() const {
  return *std::min_element(at_.begin(), at_.end());
}

void Sweeps::again(Sweep sweep, Monotonic now) {
  at_[static_cast<std::size_t>(sweep)] = now;
}

}  // namespace relay::engine
