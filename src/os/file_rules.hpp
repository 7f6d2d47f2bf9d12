#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "os/files.hpp"

namespace relay::os {

/// The rules of files.hpp about what is safe to use, for the real disk and the fake one. `us` is
/// the effective user. Nothing means that the thing may be used.
[[nodiscard]] std::optional<Error> refuse_private_file(const FileInfo& info, const Path& path,
                                                       uid_t us);
[[nodiscard]] std::optional<Error> refuse_private_directory(const FileInfo& info, const Path& path,
                                                            uid_t us);

[[nodiscard]] Error unsafe(const Path& path, std::string_view why, std::string hint);
[[nodiscard]] Error too_large(const Path& path, std::size_t at_most);
[[nodiscard]] Error already_locked(const Path& path, std::string_view note);

/// 'path', safe to print.
[[nodiscard]] std::string quoted(const Path& path);

/// Whether group or others have any permission.
[[nodiscard]] inline bool others_may_use(const FileInfo& info) {
  return (info.mode & 0077U) != 0;
}

}  // namespace relay::os
