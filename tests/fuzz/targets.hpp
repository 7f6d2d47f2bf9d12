// The fuzz targets of this folder. Each has a namespace of its own, so that all are one program:
// `run` takes an input and returns 0, or ends the process when something does not hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace relay::fuzz {

using Run = int(const std::uint8_t* data, std::size_t size);

// X(name) of each that is in this program, from the table in meson.build.
#define RELAY_FUZZ_DECLARE(name) \
  namespace name {               \
  Run run;                       \
  }
#define X RELAY_FUZZ_DECLARE
#include RELAY_FUZZ_NAMES
#undef X
#undef RELAY_FUZZ_DECLARE

/// The target of that name; null when there is none.
[[nodiscard]] inline Run* target(std::string_view name) {
#define X(each) \
  if (name == #each) return each::run;
#include RELAY_FUZZ_NAMES
#undef X
  return nullptr;
}

}  // namespace relay::fuzz
