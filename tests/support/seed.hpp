#pragma once

#include <cstdlib>

namespace relay::test {

/// Where what a test draws at random begins. A test says the same each time for the same sources;
/// a long form looks elsewhere each time, for which `./dev soak` sets RELAY_BROKER_SEED.
inline unsigned seed() {
  const char* given = std::getenv("RELAY_BROKER_SEED");
  return given == nullptr ? 1 : static_cast<unsigned>(std::strtoul(given, nullptr, 10));
}

}  // namespace relay::test
