#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "broker/spawn_request.hpp"

namespace relay::broker {

/// A program that ran this long was no failure of its start.
inline constexpr Duration kHealthyRun = std::chrono::seconds(60);

/// What happens after a program has ended by itself. Pure.
struct RestartDecision {
  /// Start another one after this; nothing: never again.
  std::optional<Duration> after;
  std::uint32_t failures_in_row = 0;
  /// Why never again: "not_asked_for", "too_many_restarts", "too_many_failures".
  std::string_view reason;
};
[[nodiscard]] RestartDecision decide_restart(const RestartRule& rule, std::uint32_t restarts,
                                             std::uint32_t failures_in_row, Duration ran,
                                             bool success);

}  // namespace relay::broker
