#include "base/clock.hpp"

#include <stdexcept>

namespace relay {

Monotonic SystemClock::now() const {
  return std::chrono::steady_clock::now();
}

Wall SystemClock::wall() const {
  return std::chrono::system_clock::now();
}

void FakeClock::advance(Duration by) {
  if (by < Duration::zero()) throw std::logic_error("FakeClock: time does not run backwards");
  now_ += by;
  wall_ += by;
}

std::int64_t unix_ms(Wall when) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(when.time_since_epoch()).count();
}

}  // namespace relay
