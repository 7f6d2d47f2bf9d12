#pragma once

#include <memory>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "os/fd.hpp"
#include "os/files.hpp"
#include "pty/keeper/place.hpp"

namespace relay::pty::keeper {

inline constexpr Duration kUsualOrphanGrace = std::chrono::minutes(10);

/// The lock that says which keeper of a directory lives. It is held by every process that was
/// forked by who took it, so it is free only when keeper and guardian have both ended.
Result<std::unique_ptr<os::FileLock>> take_lock(const Place& place);
/// Whether a keeper was ever here, since the directory was made.
[[nodiscard]] bool was_used(const Place& place);

/// The socket, 0600, in place of what a dead keeper has left there. Needs the lock.
Result<os::Fd> listen_at(const os::Path& socket);

/// The user on the other side.
[[nodiscard]] bool is_our_user(const os::Fd& socket);

}  // namespace relay::pty::keeper
