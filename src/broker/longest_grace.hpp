#pragma once

#include "base/clock.hpp"

namespace relay::broker {

/// What a program gets at most between SIGTERM and SIGKILL when it is released, wherever it runs.
inline constexpr Duration kLongestGrace = std::chrono::seconds(60);

}  // namespace relay::broker
