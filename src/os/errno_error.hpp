#pragma once

#include <string>

#include "base/error.hpp"

namespace relay::os {

/// The Error for a system call that failed with `number`: `what` and then the system's own words,
/// "cannot open '/x': Permission denied". ENOENT and ENOTDIR are not_found, a full disk or quota is
/// disk_full (with what to do), everything else io_error.
[[nodiscard]] Error errno_error(int number, std::string what);

/// The system's words for an errno value; thread-safe.
[[nodiscard]] std::string errno_text(int number);

}  // namespace relay::os
