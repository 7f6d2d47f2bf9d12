#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace relay::test {

/// "F9   figures" on standard output: a line below that row in the table of `./dev test faults`.
inline void figure(std::string_view row, const std::string& figures) {
  std::printf("%-4s %s\n", std::string(row).c_str(), figures.c_str());
  std::fflush(stdout);
}

/// The same for a figure that has a target. Nothing but the table holds it against that: no test
/// fails by the speed of its machine.
inline void figure(std::string_view row, const std::string& figures, double value, double most) {
  figure(row, figures + (value <= most ? "" : "  MISSED"));
}

}  // namespace relay::test
