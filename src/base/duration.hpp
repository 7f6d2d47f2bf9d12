#pragma once

#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace relay {

/// A length of time as people write it: "10m", "1h30m", "500ms", "1.5s". Units are d, h, m, s, ms,
/// us and ns, from large to small, each at most once; only the last number may have a fraction (up
/// to nine digits). A plain "0" is allowed, any other number needs its unit. Never negative.
[[nodiscard]] Result<Duration> parse_duration(std::string_view text);

/// The shortest text with whole numbers that `parse_duration` reads back as the same length:
/// "1h30m", "1s500ms", "0s". Negative lengths have a "-" in front (and are not read back).
[[nodiscard]] std::string format_duration(Duration length);

}  // namespace relay
