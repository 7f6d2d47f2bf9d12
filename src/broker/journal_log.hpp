#pragma once

#include <string>
#include <string_view>

namespace relay::broker {

/// SQLite takes the first broken frame of its write-ahead log for the end of it, whatever follows:
/// right after a power cut, wrong for a flipped bit, which takes every later commit with it. This
/// reads such a log. Pure; any bytes will do.

/// Whether frames behind a broken one show that it was whole once: a commit is on disk before the
/// next one is begun. A broken last commit is not seen here, it can be a torn one.
[[nodiscard]] bool log_is_broken_inside(std::string_view log);

/// `database` with each page of the log that belongs to it, up to the last commit, broken ones
/// included. What is wrong in them is for the sums of the rows to find.
[[nodiscard]] std::string with_log_applied(std::string database, std::string_view log);

}  // namespace relay::broker
