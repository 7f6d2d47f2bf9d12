#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "base/random.hpp"
#include "os/environment.hpp"

namespace relay::pty::keeper {

/// How a process is known to belong to a session, whatever became of its parents.
///
/// There are two marks. The environment names the session and the keeper's place, for everyone to
/// see; a program can clear it. The second is a resource limit that nothing needs: the hard
/// RLIMIT_RTTIME, in microseconds of real-time scheduling without a pause, has a number of some
/// 70,000 years in which keeper and session are written. It is inherited over fork, exec, setsid
/// and a cleared environment, everyone may read it, and without privilege it can only be lowered.

inline constexpr std::string_view kSessionVariable = "RELAY_BROKER_SESSION";
inline constexpr std::string_view kKeeperVariable = "RELAY_BROKER_KEEPER";

/// The number of a session within its keeper, from 1.
using SessionNumber = std::uint32_t;
inline constexpr SessionNumber kMostSessionsEver = (1U << 24U) - 1;

/// The mark of one keeper: 24 bits for its place, so that the next keeper there knows what this one
/// has left behind, and 13 random ones for itself.
class LimitMark {
 public:
  LimitMark(std::string_view directory, Random& random);

  /// The limit of a session. Of two the later one is lower, because we may lower our own only.
  [[nodiscard]] std::uint64_t limit_of(SessionNumber session) const;
  /// The session of this keeper that a limit stands for.
  [[nodiscard]] std::optional<SessionNumber> session_of(std::uint64_t limit) const;
  /// Whether a limit is of this keeper or of an earlier one in the same place.
  [[nodiscard]] bool same_place(std::uint64_t limit) const;

 private:
  std::uint64_t base_;
};

/// The hard limit of a process that could be a mark; nothing when it has gone or is another user's.
[[nodiscard]] std::optional<std::uint64_t> read_hard_limit(pid_t pid);
/// The mark of a process, whoever owns it; nothing when it has none or has gone.
[[nodiscard]] std::optional<std::uint64_t> read_limit(pid_t pid);
/// Marks this process and what it starts from now on. False when a lower limit was set on us.
bool wear_limit(std::uint64_t limit);

/// One variable of a process as it was when its program started; nothing when it cannot be read.
[[nodiscard]] std::optional<std::string> read_variable(pid_t pid, std::string_view name);

/// What stands for a keeper's place in the environment.
[[nodiscard]] std::string place_name(std::string_view directory);

}  // namespace relay::pty::keeper
