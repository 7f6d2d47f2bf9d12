#include "cli/held_locks.hpp"

#include <charconv>
#include <filesystem>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <system_error>

#include "base/text.hpp"

namespace relay::cli {
namespace {

bool has_open(pid_t pid, const struct stat& file) {
  std::error_code none;
  const os::Path directory = os::Path("/proc") / std::to_string(pid) / "fd";
  for (const auto& entry : std::filesystem::directory_iterator(directory, none)) {
    struct stat info{};
    const bool there = ::stat(entry.path().c_str(), &info) == 0;
    if (there && info.st_dev == file.st_dev && info.st_ino == file.st_ino) return true;
  }
  return false;
}

}  // namespace

std::vector<HeldLock> locks_on(std::string_view proc_locks, std::uint64_t inode) {
  // "1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF", the disk's numbers in hexadecimal
  const auto read = [](std::string_view text, auto& number, int base) {
    const auto done = std::from_chars(text.data(), text.data() + text.size(), number, base);
    return done.ec == std::errc() && done.ptr == text.data() + text.size();
  };
  std::vector<HeldLock> out;
  for (const auto line : split(proc_locks, '\n')) {
    const auto words = split_words(line);
    if (words.size() < 6 || words[1] != "FLOCK") continue;
    const auto place = split(words[5], ':');
    if (place.size() != 3 || place[2] != std::to_string(inode)) continue;
    HeldLock lock;
    const bool good = read(words[4], lock.pid, 10) && read(place[0], lock.major, 16) &&
                      read(place[1], lock.minor, 16);
    if (good && lock.pid > 0) out.push_back(lock);
  }
  return out;
}

Result<std::string> read_proc_locks(os::Files& files) {
  // Far smaller, or of no use.
  constexpr std::size_t kMost = std::size_t{4} << 20U;
  return files.read("/proc/locks", kMost);
}

std::optional<pid_t> holder_of(const os::Path& lock, std::string_view proc_locks) {
  struct stat info{};
  if (::stat(lock.c_str(), &info) != 0) return std::nullopt;
  for (const HeldLock& held : locks_on(proc_locks, info.st_ino)) {
    const bool same = held.major == major(info.st_dev) && held.minor == minor(info.st_dev);
    // Some file systems call their disk otherwise in /proc/locks: then the open file decides.
    if (same || has_open(held.pid, info)) return held.pid;
  }
  return std::nullopt;
}

}  // namespace relay::cli
