#include "pty/keeper/spawner.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <utility>

#include "base/printable.hpp"
#include "os/errno_error.hpp"
#include "os/posix_processes.hpp"
#include "pty/keeper/process_table.hpp"

namespace relay::pty::keeper {
namespace {

constexpr std::uint32_t kLargestSide = 0xFFFF;
constexpr std::size_t kLongestGeneration = 64;
constexpr std::size_t kLongestAgent = 256;

bool has_nul(const std::string& text) {
  return text.find('\0') != std::string::npos;
}

Result<void> check(const Spawn& order) {
  const auto wrong = [](std::string what) { return fail(Code::invalid_argument, std::move(what)); };
  if (order.generation.empty() || order.generation.size() > kLongestGeneration) {
    return wrong("a session needs a generation of at most 64 bytes");
  }
  if (order.agent.size() > kLongestAgent) return wrong("the agent's name is too long");
  if (order.argv.empty() || order.program.empty()) return wrong("no program to start");
  if (order.columns < 1 || order.columns > kLargestSide || order.rows < 1 ||
      order.rows > kLargestSide) {
    return wrong(fmt::format("no terminal has {} columns and {} rows", order.columns, order.rows));
  }
  bool nul = has_nul(order.generation) || has_nul(order.agent) || has_nul(order.program) ||
             has_nul(order.cwd);
  for (const auto& argument : order.argv) nul = nul || has_nul(argument);
  for (const auto& variable : order.environment) nul = nul || has_nul(variable);
  if (nul) return wrong("an argument or a variable with a NUL byte cannot be passed on");
  return {};
}

Result<void> check_directory(const std::string& cwd) {
  const std::string shown = printable(cwd);
  if (!cwd.starts_with('/')) {
    return fail(Code::cwd_missing,
                fmt::format("the working directory '{}' is not absolute", shown));
  }
  struct stat found{};
  if (::stat(cwd.c_str(), &found) != 0) {
    return fail(
        Code::cwd_missing,
        fmt::format("cannot use the working directory '{}': {}", shown, os::errno_text(errno)),
        errno == ENOENT ? "make it, or choose another" : "");
  }
  if (!S_ISDIR(found.st_mode)) {
    return fail(Code::cwd_missing, fmt::format("'{}' is not a directory", shown));
  }
  if (::access((cwd + "/.").c_str(), X_OK) != 0) {
    return fail(Code::cwd_missing, fmt::format("cannot enter the working directory '{}': {}", shown,
                                               os::errno_text(errno)));
  }
  return {};
}

struct Terminal {
  os::Fd master;
  std::string slave;
};

Error no_terminal(std::string_view step) {
  const int why = errno;
  return {Code::spawn_failed, fmt::format("cannot {}: {}", step, os::errno_text(why)),
          why == ENOSPC ? "the system has no terminal left (/proc/sys/kernel/pty/max)" : ""};
}

Result<Terminal> open_terminal(std::uint32_t columns, std::uint32_t rows) {
  Terminal terminal;
  terminal.master = os::Fd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.master) return fail(no_terminal("open a terminal"));
  const int fd = terminal.master.get();
  std::array<char, 64> name{};
  if (::grantpt(fd) != 0 || ::unlockpt(fd) != 0 || ::ptsname_r(fd, name.data(), name.size()) != 0) {
    return fail(no_terminal("unlock a terminal"));
  }
  terminal.slave = name.data();
  winsize size{};
  size.ws_col = static_cast<unsigned short>(columns);
  size.ws_row = static_cast<unsigned short>(rows);
  termios mode{};
  // On Linux both work on the master and mean the terminal.
  if (::ioctl(fd, TIOCSWINSZ, &size) != 0 || ::tcgetattr(fd, &mode) != 0) {
    return fail(no_terminal("set up a terminal"));
  }
  mode.c_iflag |= IUTF8;
  if (::tcsetattr(fd, TCSANOW, &mode) != 0) return fail(no_terminal("set up a terminal"));
  return terminal;
}

os::Environment environment_of(const Spawn& order, const std::string& place) {
  os::Environment environment;
  for (const std::string& entry : order.environment) {
    const std::size_t sign = entry.find('=');
    if (sign == 0 || sign == std::string::npos) continue;
    environment.set(entry.substr(0, sign), entry.substr(sign + 1));
  }
  environment.set(kSessionVariable, order.generation);
  environment.set(kKeeperVariable, place);
  return environment;
}

}  // namespace

Spawner::Spawner(std::string place) : place_(std::move(place)) {
  ::getrlimit(RLIMIT_NOFILE, &for_children_);
  for_us_ = for_children_;
  for_us_.rlim_cur = for_us_.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &for_us_);
}

Result<Child> Spawner::spawn(const Spawn& order, std::uint64_t limit) {
  if (auto good = check(order); !good) return fail(std::move(good).error());
  if (auto there = check_directory(order.cwd); !there) return fail(std::move(there).error());
  auto terminal = open_terminal(order.columns, order.rows);
  if (!terminal) return fail(std::move(terminal).error());

  os::Command command(order.argv, environment_of(order, place_));
  command.program = order.program;
  command.working_directory = order.cwd;
  command.terminal = terminal->slave;

  wear_limit(limit);
  ::setrlimit(RLIMIT_NOFILE, &for_children_);
  auto process = os::PosixProcesses().start(command);
  ::setrlimit(RLIMIT_NOFILE, &for_us_);
  if (!process) return fail(std::move(process).error());

  Child child;
  child.master = std::move(terminal->master);
  // Nobody else waits for our children: a pid of ours is its own until we do, dead or alive.
  const pid_t pid = (*process)->pid();
  const auto row = read_process(pid);
  if (!row) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return fail(Code::spawn_failed, "cannot read /proc: the program cannot be watched");
  }
  child.row = *row;
  return child;
}

}  // namespace relay::pty::keeper
