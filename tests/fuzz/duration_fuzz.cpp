// A duration that is accepted is not negative, and its written form is read back as the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/duration.hpp"
#include "fuzz/targets.hpp"

namespace relay::fuzz::duration {

int run(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto parsed = relay::parse_duration(input);
  if (!parsed) return 0;
  if (*parsed < relay::Duration::zero()) std::abort();
  const auto again = relay::parse_duration(relay::format_duration(*parsed));
  if (!again || *again != *parsed) std::abort();
  return 0;
}

}  // namespace relay::fuzz::duration
