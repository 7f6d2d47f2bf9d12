#include "pty/session/direct_child.hpp"

#include <array>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
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
#include "pty/keeper/process_table.hpp"
#include "pty/session/job_leader.hpp"

namespace relay::pty {
namespace {

/// Between two walks through the process table.
constexpr Duration kWalk = std::chrono::milliseconds(5);
/// Walks after SIGKILL. What still lives then waits in the kernel, where no signal helps.
constexpr int kMostWalks = 1000;
/// Walks after SIGKILL that the session's leader has for its last news.
constexpr int kLeaderWalks = 200;

Result<os::Fd> open_terminal(const ChildOrder& order, std::string& name) {
  os::Fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  std::array<char, 64> slave{};
  if (!master || ::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0 ||
      ::ptsname_r(master.get(), slave.data(), slave.size()) != 0) {
    return fail(Code::spawn_failed, "cannot open a terminal: " + os::errno_text(errno));
  }
  name = slave.data();
  winsize wanted{};
  wanted.ws_col = order.size.columns;
  wanted.ws_row = order.size.rows;
  termios mode{};
  if (::ioctl(master.get(), TIOCSWINSZ, &wanted) != 0 || ::tcgetattr(master.get(), &mode) != 0) {
    return fail(Code::spawn_failed, "cannot set up a terminal: " + os::errno_text(errno));
  }
  mode.c_iflag |= IUTF8;
  if (!order.carriage_returns) mode.c_oflag &= ~static_cast<tcflag_t>(ONLCR);
  ::tcsetattr(master.get(), TCSANOW, &mode);
  return master;
}

class LedProcess final : public SessionProcess {
 public:
  LedProcess(const asio::any_io_executor& executor, const LedProgram& led,
             const std::function<void()>& stopped)
      : led_(led), stopped_(stopped), news_(executor, ::dup(led.news.get())) {}

  [[nodiscard]] pid_t pid() const override { return led_.program; }

  asio::awaitable<Result<os::ExitStatus>> wait_end() override {
    for (;;) {
      const auto news = read_news(led_.news);
      if (!news) co_return fail(news.error());
      if (*news) {
        if (const auto* ended = std::get_if<os::ExitStatus>(&**news)) co_return *ended;
        if (stopped_) stopped_();
        continue;
      }
      std::error_code error;
      co_await news_.async_wait(asio::posix::stream_descriptor::wait_read,
                                asio::redirect_error(asio::use_awaitable, error));
      if (error) throw std::system_error(error);
    }
  }

 private:
  const LedProgram& led_;
  const std::function<void()>& stopped_;
  asio::posix::stream_descriptor news_;
};

}  // namespace

struct DirectChild::Impl {
  asio::any_io_executor executor;
  os::Fd master;
  LedProgram led;
  std::function<void()> stopped;
};

DirectChild::DirectChild(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DirectChild::DirectChild(DirectChild&&) noexcept = default;
DirectChild& DirectChild::operator=(DirectChild&&) noexcept = default;
DirectChild::~DirectChild() = default;

Result<DirectChild> DirectChild::start(asio::any_io_executor executor, ChildOrder order) {
  auto impl = std::make_unique<Impl>();
  impl->executor = std::move(executor);
  std::string name;
  auto master = open_terminal(order, name);
  if (!master) return fail(std::move(master).error());
  impl->master = *std::move(master);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  auto led = start_led(std::move(order.command), name);
  if (!led) return fail(std::move(led).error());
  impl->led = *std::move(led);
  return DirectChild(std::move(impl));
}

pid_t DirectChild::pid() const {
  return impl_->led.program;
}

os::Fd DirectChild::take_master() {
  return std::move(impl_->master);
}

std::unique_ptr<SessionProcess> DirectChild::process() {
  return std::make_unique<LedProcess>(impl_->executor, impl_->led, impl_->stopped);
}

void DirectChild::on_stopped(std::function<void()> call) {
  impl_->stopped = std::move(call);
}

void DirectChild::collect_orphans() const {
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) break;
    // The program's number is its own as long as somebody may signal it.
    if (info.si_pid == impl_->led.program || info.si_pid == impl_->led.leader) break;
    ::waitpid(info.si_pid, nullptr, WNOHANG);
  }
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
        if (row.parent == self) ::waitpid(row.pid, nullptr, WNOHANG);
        continue;
      }
      ++left;
      // It ends when it has told how the program ended.
      const bool leads = row.pid == impl_->led.leader;
      if (leads && kills < kLeaderWalks) continue;
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
