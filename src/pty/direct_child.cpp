#include "pty/direct_child.hpp"

#include <asio/posix/stream_descriptor.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <set>
#include <stdlib.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utility>

#include "base/clock.hpp"
#include "net/timeout.hpp"
#include "os/errno_error.hpp"
#include "os/posix_processes.hpp"
#include "pty/keeper/process_table.hpp"

namespace relay::pty {
namespace {

/// Between two walks through the process table.
constexpr Duration kWalk = std::chrono::milliseconds(5);
/// Walks after SIGKILL. What still lives then waits in the kernel, where no signal helps.
constexpr int kMostWalks = 1000;

Result<os::Fd> open_terminal(os::WindowSize size, std::string& name) {
  os::Fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  std::array<char, 64> slave{};
  if (!master || ::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0 ||
      ::ptsname_r(master.get(), slave.data(), slave.size()) != 0) {
    return fail(Code::spawn_failed, "cannot open a terminal: " + os::errno_text(errno));
  }
  name = slave.data();
  winsize wanted{};
  wanted.ws_col = size.columns;
  wanted.ws_row = size.rows;
  termios mode{};
  if (::ioctl(master.get(), TIOCSWINSZ, &wanted) != 0 || ::tcgetattr(master.get(), &mode) != 0) {
    return fail(Code::spawn_failed, "cannot set up a terminal: " + os::errno_text(errno));
  }
  mode.c_iflag |= IUTF8;
  ::tcsetattr(master.get(), TCSANOW, &mode);
  return master;
}

/// The mask of one line of /proc/<pid>/status.
std::uint64_t signal_mask(pid_t pid, std::string_view name) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  std::uint64_t mask = 0;
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with(name)) continue;
    const auto digits = line.find_last_of("\t ") + 1;
    std::from_chars(line.data() + digits, line.data() + line.size(), mask, 16);
    break;
  }
  return mask;
}

class ChildProcess final : public SessionProcess {
 public:
  ChildProcess(const asio::any_io_executor& executor, os::Process& process)
      : process_(process), ended_(executor, ::dup(process.ended_fd())) {}

  [[nodiscard]] pid_t pid() const override { return process_.pid(); }

  asio::awaitable<Result<os::ExitStatus>> wait_end() override {
    for (;;) {
      auto status = process_.poll();
      if (!status) co_return fail(std::move(status).error());
      if (*status) co_return **status;
      std::error_code error;
      co_await ended_.async_wait(asio::posix::stream_descriptor::wait_read,
                                 asio::redirect_error(asio::use_awaitable, error));
      if (error) throw std::system_error(error);
    }
  }

 private:
  os::Process& process_;
  asio::posix::stream_descriptor ended_;
};

}  // namespace

struct DirectChild::Impl {
  asio::any_io_executor executor;
  os::Fd master;
  std::unique_ptr<os::Process> process;
  pid_t pid = 0;
};

DirectChild::DirectChild(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DirectChild::DirectChild(DirectChild&&) noexcept = default;
DirectChild& DirectChild::operator=(DirectChild&&) noexcept = default;
DirectChild::~DirectChild() = default;

Result<DirectChild> DirectChild::start(asio::any_io_executor executor, ChildOrder order) {
  auto impl = std::make_unique<Impl>();
  impl->executor = std::move(executor);
  std::string name;
  auto master = open_terminal(order.size, name);
  if (!master) return fail(std::move(master).error());
  impl->master = *std::move(master);
  order.command.terminal = name;
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  auto process = os::PosixProcesses().start(order.command);
  if (!process) return fail(std::move(process).error());
  impl->process = *std::move(process);
  impl->pid = impl->process->pid();
  return DirectChild(std::move(impl));
}

pid_t DirectChild::pid() const {
  return impl_->pid;
}

os::Fd DirectChild::take_master() {
  return std::move(impl_->master);
}

std::unique_ptr<SessionProcess> DirectChild::process() {
  return std::make_unique<ChildProcess>(impl_->executor, *impl_->process);
}

bool DirectChild::was_stopped() {
  // Orphans first. The program itself is left to who waits for its end.
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) break;
    if (info.si_pid == impl_->pid) break;
    ::waitpid(info.si_pid, nullptr, WNOHANG);
  }
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(impl_->pid), &info, WSTOPPED | WNOHANG) == 0 &&
         info.si_pid == impl_->pid;
}

bool DirectChild::takes_stop(pid_t group_in_front) const {
  if (group_in_front != impl_->pid) return false;
  const std::uint64_t stop = std::uint64_t{1} << (SIGTSTP - 1);
  return ((signal_mask(impl_->pid, "SigIgn:") | signal_mask(impl_->pid, "SigCgt:")) & stop) == 0;
}

void DirectChild::signal_group(pid_t group, int number) const {
  if (group > 1) ::kill(-group, number);
}

asio::awaitable<void> DirectChild::end_tree(Duration grace) {
  const pid_t self = ::getpid();
  const SystemClock clock;
  const Monotonic deadline = clock.now() + grace;
  std::set<std::pair<pid_t, std::uint64_t>> asked;
  int empty = 0;
  int kills = 0;
  // Two walks in a row have to find nothing: one can miss a process that was born while it read.
  while (empty < 2 && kills < kMostWalks) {
    const bool kill = clock.now() >= deadline;
    kills += kill ? 1 : 0;
    std::size_t left = 0;
    for (const auto& row : keeper::descendants(keeper::read_processes(), self)) {
      if (row.dead) {
        if (row.parent == self && row.pid != impl_->pid) ::waitpid(row.pid, nullptr, WNOHANG);
        continue;
      }
      ++left;
      if (kill) {
        keeper::kill_with_group(row);
      } else if (asked.emplace(row.pid, row.started).second) {
        keeper::signal_process(row, SIGHUP);
        keeper::signal_process(row, SIGTERM);
        keeper::signal_process(row, SIGCONT);
      }
    }
    empty = left == 0 ? empty + 1 : 0;
    if (empty < 2) co_await net::pause(kWalk);
  }
}

}  // namespace relay::pty
