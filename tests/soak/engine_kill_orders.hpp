#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace relay::test {

/// Moments on a message's way through the engine, in their order.
enum class KillAt : std::uint32_t {
  nowhere,
  /// The operation has begun; nothing of it is in the file.
  before_write,
  /// Half of a page of the log is.
  half_written,
  /// All of it is, and nobody has waited for the disk.
  before_sync,
  /// It is committed, and nobody has been told.
  committed,
  /// The answer is made; what follows from it is on its way to others.
  before_answer,
  /// The client has the answer; nothing else has happened since.
  answered,
  count,
};

inline constexpr std::array<const char*, 7> kKillNames{
    "at any time",    "before a write",   "in the middle of a write", "before a sync",
    "once committed", "before an answer", "behind an answer"};

/// In a file that the soak and the engine have mapped: where the engine is to be killed.
struct KillOrders {
  std::atomic<KillAt> at{KillAt::nowhere};
  /// So many times it passes there unharmed.
  std::atomic<std::int32_t> passes{0};
};

/// Where the library looks for the name of that file.
inline constexpr const char* kKillVariable = "SOAK_KILL_ORDERS";

}  // namespace relay::test
