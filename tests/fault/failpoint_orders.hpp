#pragma once

#include <atomic>
#include <cstdint>

namespace relay::test {

/// In a file that the test and the broker under test have mapped: the broker is killed when it
/// comes to `point` for the `hits`-th time from now on. All zero: it lives.
struct FailpointOrders {
  std::atomic<std::uint32_t> point{0};
  std::atomic<std::uint32_t> hits{0};
};

/// Where `relay-broker-faults` looks for the name of that file.
inline constexpr const char* kFailpointVariable = "RELAY_BROKER_FAILPOINTS";

}  // namespace relay::test
