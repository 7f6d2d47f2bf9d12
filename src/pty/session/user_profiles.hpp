#pragma once

#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "os/files.hpp"
#include "pty/injection/profile.hpp"

namespace relay::pty {

/// The user's profiles (every "*.toml" of a directory, which may be missing) in front of the
/// built-in ones. A bad one is the error, with its file and line: see with_user_profiles(). Reads
/// small files; for the start of a program.
[[nodiscard]] Result<std::vector<Profile>> load_profiles(os::Files& files,
                                                         const os::Path& directory);

/// The profile of this name; `not_found` with the names that there are.
[[nodiscard]] Result<Profile> profile_called(const std::vector<Profile>& profiles,
                                             std::string_view name);

}  // namespace relay::pty
