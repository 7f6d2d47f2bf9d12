#pragma once

#include <chrono>
#include <cstdint>

namespace relay {

using Duration = std::chrono::nanoseconds;
using Monotonic = std::chrono::time_point<std::chrono::steady_clock, Duration>;
using Wall = std::chrono::time_point<std::chrono::system_clock, Duration>;

/// Where every decision gets the time from. `now` never goes back and is what deadlines are made
/// of; `wall` is what people and the engine read and may jump.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Monotonic now() const = 0;
  [[nodiscard]] virtual Wall wall() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Monotonic now() const override;
  [[nodiscard]] Wall wall() const override;
};

/// Milliseconds since 1970, as timestamps are said on the wire.
[[nodiscard]] std::int64_t unix_ms(Wall when);

/// A clock that a test moves by hand. Starts at 1 000 s and at 2026-01-01T00:00:00Z.
class FakeClock final : public Clock {
 public:
  [[nodiscard]] Monotonic now() const override { return now_; }
  [[nodiscard]] Wall wall() const override { return wall_; }

  /// Time passes: both clocks go on.
  void advance(Duration by);
  /// Someone sets the machine's clock: only `wall` jumps, by this much and in either direction.
  void jump_wall(Duration by) { wall_ += by; }

 private:
  Monotonic now_{std::chrono::seconds(1000)};
  Wall wall_{std::chrono::seconds(1767225600)};
};

}  // namespace relay
