#pragma once

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

namespace relay::test {

/// The value of a number in the environment, for the long form of a test. Throws when it is none: a
/// slip would make the long form a short one.
template <class Number = int>
[[nodiscard]] Number long_form(const char* variable, Number usual) {
  const char* given = std::getenv(variable);
  if (given == nullptr) return usual;
  const char* end = given + std::strlen(given);
  Number value{};
  const auto read = std::from_chars(given, end, value);
  if (read.ec != std::errc() || read.ptr != end) {
    throw std::runtime_error(std::string(variable) + " is no number: " + given);
  }
  return value;
}

}  // namespace relay::test
