#pragma once

#include <cstddef>
#include <string_view>

#include "os/files.hpp"

namespace relay::broker {

/// An agent gets a message that is too long for its terminal as a file. Nobody says when it has
/// read one, so the last ones stay, and no more: a session's own directory is in memory.
inline constexpr std::size_t kMostMessageFiles = 64;
inline constexpr std::string_view kMessageFilePrefix = "message-";

/// Writes one, in place of what a broker before a crash has left there, and lets the oldest beside
/// it go. Does not wait for the disk: it is made anew from the journal.
[[nodiscard]] Result<void> keep_message_file(os::Files& files, const os::Path& path,
                                             std::string_view body);

}  // namespace relay::broker
