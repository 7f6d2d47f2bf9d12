#include "support/wait_until.hpp"

#include <algorithm>
#include <stdexcept>
#include <thread>

#include "base/clock.hpp"

namespace relay::test {
namespace {

using namespace std::chrono_literals;

constexpr Duration kShortestRest = 2ms;
constexpr Duration kLongestRest = 50ms;

}  // namespace

void wait_until(const std::function<bool()>& holds, const std::string& what, Duration at_most,
                const std::function<std::string()>& shown) {
  const SystemClock clock;
  const Monotonic end = clock.now() + at_most;
  for (;;) {
    const Monotonic begun = clock.now();
    if (holds()) return;
    const Monotonic looked = clock.now();
    if (looked > end) {
      throw std::runtime_error("never: " + what + (shown ? "; " + shown() : std::string()));
    }
    std::this_thread::sleep_for(std::clamp<Duration>(looked - begun, kShortestRest, kLongestRest));
  }
}

}  // namespace relay::test
