#pragma once

#include <cstdlib>

namespace relay::test {

/// The value of a number in the environment, for the long form of a test.
[[nodiscard]] inline int long_form(const char* variable, int usual) {
  const char* given = std::getenv(variable);
  return given == nullptr ? usual : std::atoi(given);
}

}  // namespace relay::test
