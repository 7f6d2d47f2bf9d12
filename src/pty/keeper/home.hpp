#pragma once

#include <memory>
#include <sys/types.h>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "os/fd.hpp"
#include "os/files.hpp"
#include "pty/keeper/family.hpp"

namespace relay::pty::keeper {

/// Where a keeper lives.
struct Place {
  /// The runtime directory of the instance, absolute. It says which instance this is.
  os::Path directory;
  /// The socket; usually `directory`/keeper.sock.
  os::Path socket;
};

inline constexpr Duration kUsualOrphanGrace = std::chrono::minutes(10);

/// The lock that says which keeper of a directory lives. It is held by every process that was
/// forked by who took it, so it is free only when keeper and guardian have both ended.
Result<std::unique_ptr<os::FileLock>> take_lock(const Place& place);

/// Ends what a dead keeper of this place has left: by its marks, never ourselves or an ancestor of
/// ours. Needs the lock. False when something was still there after `at_most`.
bool sweep_leftovers(const Place& place, Duration at_most);

/// The socket, 0600, in place of what a dead keeper has left there. Needs the lock.
Result<os::Fd> listen_at(const os::Path& socket);

/// The user on the other side.
[[nodiscard]] bool is_our_user(const os::Fd& socket);

}  // namespace relay::pty::keeper
