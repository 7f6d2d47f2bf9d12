#include "os/processes.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/printable.hpp"
#include "base/text.hpp"
#include "os/errno_error.hpp"

namespace relay::os {
namespace {

/// 0, or why it cannot be run.
int why_not_program(const Path& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return errno;
  if (S_ISDIR(info.st_mode)) return EISDIR;
  if (!S_ISREG(info.st_mode)) return EACCES;
  return ::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

bool is_missing(int error) {
  return error == ENOENT || error == ENOTDIR;
}

Error not_executable(const Path& path, int error) {
  return {Code::cli_not_executable,
          fmt::format("'{}' cannot be run: {}", printable(path.string()), errno_text(error)),
          error == EACCES ? fmt::format("chmod +x '{}'", printable(path.string())) : std::string()};
}

}  // namespace

std::optional<int> ExitStatus::status() const {
  if (by_signal_) return std::nullopt;
  return value_;
}

std::optional<int> ExitStatus::signal() const {
  if (!by_signal_) return std::nullopt;
  return value_;
}

std::string ExitStatus::text() const {
  if (by_signal_) return "killed by " + signal_name(value_);
  return fmt::format("exit status {}", value_);
}

Result<Path> find_program(std::string_view name, std::string_view path,
                          const Path& working_directory) {
  const std::string shown = printable(name);
  if (name.empty()) return fail(Code::cli_not_found, "the name of the program is empty");
  if (name.find('/') != std::string_view::npos) {
    const Path there = working_directory / name;
    const int error = why_not_program(there);
    if (error == 0) return there;
    if (!is_missing(error)) return fail(not_executable(there, error));
    return fail(Code::cli_not_found, fmt::format("'{}' is not there", printable(there.string())));
  }
  std::optional<Error> near;
  for (const std::string_view part : split(path, ':')) {
    if (part.empty()) continue;
    const Path candidate = working_directory / part / name;
    const int error = why_not_program(candidate);
    if (error == 0) return candidate;
    // A file without the permission does not hide a program further on, but is worth a word; a
    // directory that we may not look into is not.
    const bool is_there = error != EISDIR && ::access(candidate.c_str(), F_OK) == 0;
    if (is_there && !near) near = not_executable(candidate, error);
  }
  if (near) return fail(*std::move(near));
  return fail(Code::cli_not_found, fmt::format("'{}' is in no directory of PATH", shown),
              name.find(' ') == std::string_view::npos
                  ? "install it, or give its full path"
                  : "its arguments are words of their own: leave the quotes around all of it out");
}

void dump_no_core() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_CORE, &limit) != 0) return;
  // A limit of 0 stops only files; with 1 the kernel also starts no program that wants the image.
  limit.rlim_cur = std::min<rlim_t>(1, limit.rlim_max);
  (void)::setrlimit(RLIMIT_CORE, &limit);
}

void hold_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number is this one. A child that inherits it finds it as closed as we do.
    (void)::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

std::string signal_name(int number) {
  const char* const name = ::sigabbrev_np(number);
  return name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", number);
}

}  // namespace relay::os
