#include "os/file_steps.hpp"

#include <cerrno>
#include <fmt/format.h>

#include "os/errno_error.hpp"
#include "os/file_rules.hpp"

namespace relay::os {
namespace {

constexpr std::string_view kEnding = ".tmp";

Path directory_of(const Path& path) {
  return path.has_parent_path() ? path.parent_path() : Path(".");
}

/// 0 or -errno; the file is closed either way.
int fill(FileSteps& steps, int file, std::string_view content, Lasting lasting) {
  int error = write_all(steps, file, content);
  if (error == 0 && lasting == Lasting::power_cut) error = steps.sync(file);
  const int closed = steps.close(file);
  return error != 0 ? error : closed;
}

}  // namespace

int write_all(FileSteps& steps, int file, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = steps.write(file, content);
    if (written < 0) return static_cast<int>(written);
    // A disk that takes nothing and says nothing would keep us here for ever.
    if (written == 0) return -ENOSPC;
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

Result<void> write_whole(FileSteps& steps, const Path& path, std::string_view content,
                         Existing existing, std::string_view unique, Lasting lasting) {
  const Path directory = directory_of(path);
  const Path temporary = directory / temporary_name(path.filename().string(), unique);
  const std::string what = "cannot write " + quoted(path);

  const int file = steps.open_new(temporary);
  if (file < 0) return fail(errno_error(-file, what));
  int error = fill(steps, file, content, lasting);
  if (error == 0 && existing == Existing::replaced) error = steps.rename(temporary, path);
  if (error == 0 && existing == Existing::kept) {
    error = steps.link(temporary, path);
    if (error == 0) {
      error = steps.unlink(temporary);
      if (error == -ENOENT) error = 0;  // it was moved, not linked
    }
  }
  if (error != 0) {
    // It may hold a secret. If this fails as well, `Files::sweep` finds it.
    (void)steps.unlink(temporary);
    if (error == -EEXIST) {
      return fail(Code::conflict, quoted(path) + " is already there");
    }
    return fail(errno_error(-error, what));
  }
  error = lasting == Lasting::power_cut ? steps.sync_directory(directory) : 0;
  if (error != 0) return fail(errno_error(-error, what));
  return {};
}

std::string temporary_name(std::string_view name, std::string_view unique) {
  return fmt::format(".{}.{}{}", name, unique, kEnding);
}

bool is_temporary_name(std::string_view name) {
  return name.starts_with('.') && name.ends_with(kEnding);
}

Result<std::size_t> Files::sweep(const Path& directory, Wall now, Duration older_than) {
  auto names = list(directory);
  if (!names) return fail(std::move(names).error());
  std::size_t removed = 0;
  for (const std::string& name : *names) {
    if (!is_temporary_name(name)) continue;
    const auto info = stat(directory / name);
    if (!info || info->kind != FileKind::regular || now - info->changed < older_than) continue;
    auto gone = remove(directory / name);
    if (!gone) return fail(std::move(gone).error());
    if (*gone) ++removed;
  }
  return removed;
}

}  // namespace relay::os
