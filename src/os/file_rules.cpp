#include "os/file_rules.hpp"

#include <fmt/format.h>
#include <utility>

#include "base/printable.hpp"
#include "base/text.hpp"

namespace relay::os {

std::optional<Error> refuse_private_file(const FileInfo& info, const Path& path, uid_t us) {
  if (info.kind == FileKind::link) {
    return unsafe(path, "it is a symbolic link", "put the file itself there");
  }
  if (info.kind != FileKind::regular) {
    return unsafe(path, "it is no regular file", "move it away, then try again");
  }
  if (info.owner != us) {
    return unsafe(path, fmt::format("it belongs to user {}, not to us", info.owner),
                  us == 0 ? std::string("with sudo: sudo -H, else be that user")
                          : fmt::format("chown {} {}", us, quoted(path)));
  }
  if (others_may_use(info)) {
    return unsafe(path, fmt::format("other users may use it (mode {:04o})", info.mode),
                  fmt::format("chmod 600 {}", quoted(path)));
  }
  if (info.names != 1) {
    return unsafe(path, fmt::format("it has {} names (hard links)", info.names),
                  "remove the other names, or put a copy there");
  }
  return std::nullopt;
}

std::optional<Error> refuse_private_directory(const FileInfo& info, const Path& path, uid_t us) {
  if (info.kind != FileKind::directory) {
    return unsafe(path, "it is a link or a file, not a directory", "move it away, then try again");
  }
  if (info.owner != us) {
    return unsafe(path, fmt::format("it belongs to user {}, not to us", info.owner),
                  "move it away, or choose another directory");
  }
  if ((info.mode & 0022U) != 0) {
    return unsafe(path, fmt::format("other users may write into it (mode {:04o})", info.mode),
                  fmt::format("look at what is in it, then: chmod 700 {}", quoted(path)));
  }
  return std::nullopt;
}

Error unsafe(const Path& path, std::string_view why, std::string hint) {
  return {Code::unsafe_file, fmt::format("{} is not used: {}", quoted(path), why), std::move(hint)};
}

Error too_large(const Path& path, std::size_t at_most) {
  return {Code::too_large, fmt::format("{} is larger than {}", quoted(path), human_bytes(at_most))};
}

Error already_locked(const Path& path, std::string_view note) {
  const std::string who = printable(trim(note));
  return {Code::already_running,
          fmt::format("{} is locked by {}", quoted(path), who.empty() ? "someone" : who)};
}

std::string quoted(const Path& path) {
  return fmt::format("'{}'", printable(path.string()));
}

}  // namespace relay::os
