#include "pty/keeper/process_table.hpp"

#include <array>
#include <charconv>
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <memory>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace relay::pty::keeper {
namespace {

// glibc 2.36 declares this one and pidfd_open for C only.
bool send(const os::Fd& pidfd, int number) {
  return ::syscall(SYS_pidfd_send_signal, pidfd.get(), number, nullptr, 0) == 0;
}

/// No thread of it is left; it may still wait for its parent to notice.
bool has_ended(const os::Fd& pidfd) {
  pollfd waiting{pidfd.get(), POLLIN, 0};
  return ::poll(&waiting, 1, 0) > 0;
}

template <class T>
bool number_in(std::string_view text, T& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc() && end == text.data() + text.size();
}

/// The fields behind the name in a stat line, by the numbers of proc(5).
constexpr std::size_t kFirstField = 3;
constexpr std::size_t kParent = 4;
constexpr std::size_t kGroup = 5;
constexpr std::size_t kSession = 6;
constexpr std::size_t kThreads = 20;
constexpr std::size_t kStarted = 22;

}  // namespace

std::optional<ProcessRow> parse_stat(std::string_view line) {
  // The name is in parentheses and may hold anything, parentheses too.
  const std::size_t name = line.find(" (");
  const std::size_t name_end = line.rfind(") ");
  if (name == std::string_view::npos || name_end == std::string_view::npos) return std::nullopt;
  ProcessRow row;
  if (!number_in(line.substr(0, name), row.pid)) return std::nullopt;
  std::array<std::string_view, kStarted + 1> fields;
  std::string_view left = line.substr(name_end + 2);
  for (std::size_t i = kFirstField; i <= kStarted; ++i) {
    const std::size_t end = std::min(left.find(' '), left.size());
    fields.at(i) = left.substr(0, end);
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  int threads = 0;
  if (!number_in(fields[kParent], row.parent) || !number_in(fields[kGroup], row.group) ||
      !number_in(fields[kSession], row.session) || !number_in(fields[kThreads], threads) ||
      !number_in(fields[kStarted], row.started) || fields[kFirstField].size() != 1) {
    return std::nullopt;
  }
  const char state = fields[kFirstField].front();
  // A main thread that has ended looks like a zombie while other threads run on.
  row.dead = (state == 'Z' || state == 'X' || state == 'x') && threads <= 1;
  row.stopped = state == 'T';
  return row;
}

std::optional<ProcessRow> read_process(pid_t pid) {
  std::array<char, 32> path{};
  fmt::format_to_n(path.data(), path.size() - 1, "/proc/{}/stat", pid);
  const os::Fd file(::open(path.data(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::array<char, 1024> line{};
  const ssize_t got = ::read(file.get(), line.data(), line.size());
  if (got <= 0) return std::nullopt;
  return parse_stat({line.data(), static_cast<std::size_t>(got)});
}

void for_each_pid(const std::function<void(pid_t)>& met) {
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), &::closedir);
  if (!proc) return;
  while (const dirent* entry = ::readdir(proc.get())) {
    pid_t pid = 0;
    if (number_in(std::string_view(entry->d_name), pid)) met(pid);
  }
}

std::vector<ProcessRow> read_processes(const std::function<void(pid_t)>& met) {
  std::vector<ProcessRow> rows;
  for_each_pid([&](pid_t pid) {
    if (met) met(pid);
    if (const auto row = read_process(pid)) rows.push_back(*row);
  });
  return rows;
}

std::set<pid_t> ancestors_now(pid_t pid) {
  std::set<pid_t> line{0, 1};
  pid_t at = pid;
  pid_t child = pid;
  while (line.insert(at).second) {
    auto row = read_process(at);
    // It has ended meanwhile: its child has another parent by now.
    if (!row) row = read_process(child);
    if (!row) break;
    child = row->pid;
    at = row->parent;
  }
  const bool whole = at == 0 || at == 1;
  if (!whole) line.merge(line_of_ancestors(read_processes(), pid));
  return line;
}

os::Fd open_pidfd(pid_t pid) {
  return os::Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

bool ignores_signal(pid_t pid, int number) {
  const os::Fd file(::open(fmt::format("/proc/{}/status", pid).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return false;
  std::array<char, 4096> text{};
  const ssize_t got = ::read(file.get(), text.data(), text.size());
  if (got <= 0) return false;
  const std::string_view status(text.data(), static_cast<std::size_t>(got));
  constexpr std::string_view kField = "\nSigIgn:\t";
  const std::size_t at = status.find(kField);
  if (at == std::string_view::npos) return false;
  const std::string_view mask = status.substr(at + kField.size(), 16);
  std::uint64_t bits = 0;
  const auto [end, error] = std::from_chars(mask.data(), mask.data() + mask.size(), bits, 16);
  return error == std::errc() && (bits >> static_cast<unsigned>(number - 1) & 1U) != 0;
}

bool signal_process(const ProcessRow& row, int number) {
  const os::Fd pidfd = open_pidfd(row.pid);
  if (!pidfd) return false;
  // Whoever has the pid now keeps it as far as this descriptor is concerned.
  const auto now = read_process(row.pid);
  return now && now->started == row.started && send(pidfd, number);
}

bool kill_with_group(pid_t pid, const std::function<bool()>& is_it) {
  const os::Fd pidfd = open_pidfd(pid);
  if (!pidfd || has_ended(pidfd) || !is_it()) return false;
  // Stopped it can neither end nor change its group, so nobody else can get the group's number.
  if (!send(pidfd, SIGSTOP)) return false;
  // Only system calls until the end: some live shorter than it takes to read a file.
  const pid_t group = ::getpgid(pid);
  const bool in_our_session = ::getsid(pid) == ::getsid(0);
  if (group > 1 && group != ::getpgrp() && !in_our_session && !has_ended(pidfd)) {
    ::kill(-group, SIGKILL);
  }
  return send(pidfd, SIGKILL);
}

bool kill_with_group(const ProcessRow& row) {
  return kill_with_group(row.pid, [&] {
    const auto now = read_process(row.pid);
    return now && now->started == row.started;
  });
}

}  // namespace relay::pty::keeper
