#pragma once

#include <doctest/doctest.h>
#include <string>

#include "support/figure.hpp"

namespace relay::test {

/// What meson takes for "skipped".
inline constexpr int kSkipped = 77;

/// Marks the case that runs: it proves nothing here. A program that has nothing but such cases
/// ends with `kSkipped` (support/doctest_main.cpp).
void mark_skipped();

/// The same, with why; the case returns then.
inline void skip(const std::string& why) {
  MESSAGE("skipped: " << why);
  mark_skipped();
}

/// The same for a case that a row of `./dev test faults` stands on: that row is no pass then.
inline void skip_row(std::string_view row, const std::string& why) {
  figure(row, "skipped: " + why);
  mark_skipped();
}

}  // namespace relay::test
