#pragma once

#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "os/files.hpp"

namespace relay::broker {

struct JournalCheck {
  /// "ok", or the first thing that is wrong.
  std::string verdict;
  /// The time was over before all of it was read.
  bool cut_short = false;
};

/// Reads a journal through, changing nothing. Blocks; on a thread of its own, please. A broker that
/// runs has its journal for itself: `already_running`. Else `not_found`, or `io_error` for what
/// SQLite cannot open.
[[nodiscard]] Result<JournalCheck> check_journal(const os::Path& path, Duration at_most);

}  // namespace relay::broker
