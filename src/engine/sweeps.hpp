#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <vector>

#include "base/clock.hpp"

namespace relay::engine {

/// What has to be looked at now and then, because nothing happens that would say so.
enum class Sweep {
  nodes,        // silent ones are lost
  invocations,  // those whose time is over
  deliveries,   // mailboxes with messages that are over
  presence,     // agents that nobody has seen
  retention,    // what is old enough to go
};

/// An agent that nobody has seen for this long is offline.
inline constexpr Duration kAgentSilence = std::chrono::minutes(5);
/// What has ended is kept this long.
inline constexpr Duration kSettledKept = std::chrono::hours(24 * 90);
/// What happened in a workspace with a log is kept this long.
inline constexpr Duration kEventsKept = std::chrono::hours(24 * 30);
/// Rows that one sweep of old things removes at a time: some milliseconds of the writer's.
inline constexpr std::size_t kRetentionBatch = 200;
inline constexpr int kRetentionBatches = 5;
/// Mailboxes and invocations that one sweep looks at: the next one does the rest.
inline constexpr std::size_t kSweepBatch = 500;

/// Which sweep is when. Each is due for the first time one period after the start: what was left by
/// the process before has a chance to come back first. One that found as much as it may take at a
/// time is due again at once.
class Sweeps {
 public:
  explicit Sweeps(Monotonic start);

  [[nodiscard]] static Duration period(Sweep sweep);

  /// Those that are due, each once until its next time.
  [[nodiscard]] std::vector<Sweep> due(Monotonic now);
  [[nodiscard]] Monotonic next() const;
  /// It was not done with all.
  void again(Sweep sweep, Monotonic now);

 private:
  static constexpr std::size_t kCount = 5;
  std::array<Monotonic, kCount> at_;
};

}  // namespace relay::engine
