#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "base/result.hpp"
#include "os/files.hpp"
#include "os/paths.hpp"

namespace relay::cli {

/// A lock on a file with a certain number, from /proc/locks: files of several disks have the same.
struct HeldLock {
  pid_t pid = 0;
  unsigned major = 0;
  unsigned minor = 0;
  friend bool operator==(const HeldLock&, const HeldLock&) = default;
};

/// All of them, from the text of /proc/locks. Who only waits for one is not among them. Pure.
[[nodiscard]] std::vector<HeldLock> locks_on(std::string_view proc_locks, std::uint64_t inode);

/// The text of /proc/locks; where that is closed (a container may hide it) its error.
[[nodiscard]] Result<std::string> read_proc_locks(os::Files& files);

/// Who holds the lock of this file: not who has left its number there, which may be another
/// process's by now. Nothing when there is no such file, or nobody does.
[[nodiscard]] std::optional<pid_t> holder_of(const os::Path& lock, std::string_view proc_locks);

}  // namespace relay::cli
