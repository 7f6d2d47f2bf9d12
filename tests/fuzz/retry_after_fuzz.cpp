// A Retry-After is understood or not; what comes out is never negative nor more than a day.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "fuzz/targets.hpp"
#include "net/retry.hpp"

namespace relay::fuzz::retry_after {

int run(const std::uint8_t* data, std::size_t size) {
  using namespace std::chrono_literals;
  const std::string_view value(reinterpret_cast<const char*>(data), size);
  const auto parsed = relay::net::parse_retry_after(value, relay::Wall(1767225600s));
  if (parsed && (*parsed < 0s || *parsed > 24h)) std::abort();
  return 0;
}

}  // namespace relay::fuzz::retry_after
