#include "cli/serve_background.hpp"

#include "cli/error_report.hpp"
#include "cli/output.hpp"
#include "cli/serve_run.hpp"
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <initializer_list>
#include <optional>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include "os/errno_error.hpp"
#include "os/processes.hpp"
#include "os/signals.hpp"

namespace relay::cli {
namespace {

/// A log that is longer makes room for a new one; there is never more than one old one.
constexpr std::uint64_t kMostLog = std::uint64_t{1} << 20U;
constexpr char kReadyMark = 'R';

bool needs_input(const ServeOptions& options) {
  return options.engine.workspace_key == "-" || options.node_token == "-";
}

/// The broker's side. Returns the status of the process.
int be_the_broker(Context& context, const ServeOptions& options, os::Fd ready) {
  ::setsid();
  if (!needs_input(options)) {
    const os::Fd none(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (none) ::dup2(none.get(), STDIN_FILENO);
  }
  Background background(std::move(ready));
  const auto done = run_serve(context, options, &background);
  if (!done) return report(done.error(), context.json, context.out);
  return context.out.flush() ? 0 : 1;
}

/// Whether the broker has said that it is ready. Signals are passed on to it; `last` is the last.
bool wait_ready(const os::Fd& ready, pid_t broker, os::SignalQueue& signals, int& last) {
  for (;;) {
    std::array<pollfd, 2> waits{pollfd{ready.get(), POLLIN, 0}, pollfd{signals.fd(), POLLIN, 0}};
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) return false;
    while (const auto number = signals.next()) {
      last = *number;
      ::kill(broker, last);
    }
    if ((waits[0].revents & (POLLIN | POLLHUP)) == 0) continue;
    char mark = 0;
    return ::read(ready.get(), &mark, 1) == 1 && mark == kReadyMark;
  }
}

int status_of(pid_t broker) {
  int status = 0;
  while (::waitpid(broker, &status, 0) < 0) {
    if (errno != EINTR) return 1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

Result<void> Background::open_log(os::Files& files) {
  const auto info = files.stat(log_);
  if (info && info->size > kMostLog) {
    std::error_code ignored;
    std::filesystem::rename(log_, log_.string() + ".1", ignored);
  }
  // Made private, and refused where it is not ours.
  auto made = files.append(log_, "", false);
  const os::Fd none(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const os::Fd file(made ? ::open(log_.c_str(), O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC) : -1);
  if (made && !file) made = fail(os::errno_error(errno, "cannot open " + log_.string()));
  ::dup2(file ? file.get() : none.get(), STDERR_FILENO);
  return made;
}

Result<void> Background::leave_terminal(os::Files& files, const os::Path& log) {
  if (!ready_) return {};
  log_ = log;
  auto made = open_log(files);
  const os::Fd none(::open("/dev/null", O_RDWR | O_CLOEXEC));
  ::dup2(none.get(), STDIN_FILENO);
  ::dup2(none.get(), STDOUT_FILENO);
  (void)!::write(ready_.get(), &kReadyMark, 1);
  ready_ = os::Fd();
  return made;
}

void Background::rotate(os::Files& files) {
  if (log_.empty()) return;
  struct stat info{};
  const bool grown = ::fstat(STDERR_FILENO, &info) == 0 && S_ISREG(info.st_mode) &&
                     static_cast<std::uint64_t>(info.st_size) > kMostLog;
  // Where the new one cannot be made, standard error goes nowhere: no disk is filled.
  if (grown) (void)open_log(files);
}

Result<void> run_in_background(Context& context, const ServeOptions& options) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(os::errno_error(errno, "cannot start"));
  os::Fd reads(ends[0]);
  os::Fd writes(ends[1]);
  std::optional<os::SignalQueue> signals(std::in_place,
                                         std::initializer_list<int>{SIGINT, SIGTERM});
  // There are no threads yet.
  const pid_t broker = ::fork();
  if (broker < 0) return fail(os::errno_error(errno, "cannot start a process"));
  if (broker == 0) {
    signals.reset();
    reads = os::Fd();
    std::exit(be_the_broker(context, options, std::move(writes)));
  }
  writes = os::Fd();
  int signal = 0;
  if (wait_ready(reads, broker, *signals, signal)) return {};
  int status = status_of(broker);
  // In order, but nobody may take it for one that is ready.
  if (status == 0 && signal == 0) {
    return fail(Code::broker_not_running, "the broker was asked to end before it was ready");
  }
  if (status == 0) status = 128 + signal;
  context.status = status;
  return {};
}

}  // namespace relay::cli
