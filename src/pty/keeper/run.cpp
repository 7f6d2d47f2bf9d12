#include "pty/keeper/run.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <exception>
#include <fcntl.h>
#include <fmt/format.h>
#include <memory>
#include <optional>
#include <poll.h>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include "base/text.hpp"
#include "os/errno_error.hpp"
#include "os/fd.hpp"
#include "pty/keeper/fence.hpp"
#include "pty/keeper/guardian.hpp"
#include "pty/keeper/keeper.hpp"
#include "pty/keeper/leftovers.hpp"
#include "pty/keeper/slim.hpp"

namespace relay::pty::keeper {
namespace {

/// Usually a sweep takes milliseconds.
constexpr Duration kSweepAtMost = std::chrono::seconds(10);
constexpr int kReadyWithinMs = 20'000;
/// So many pids are named in a warning.
constexpr std::size_t kMostShown = 20;
constexpr char kReady = '+';
/// The descriptor on which the new processes tell how it went.
constexpr int kReport = 3;

/// Leaves the terminal, the directory and all descriptors of who started us, but `report`.
void detach(int report) {
  ::setsid();
  if (::chdir("/") != 0) ::_exit(1);
  const int null = ::open("/dev/null", O_RDWR);
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null, standard);
  if (report != kReport) ::dup2(report, kReport);
  ::fcntl(kReport, F_SETFD, FD_CLOEXEC);
  ::closefrom(kReport + 1);
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void report(std::string_view text) {
  // A starter that has given up meanwhile is no reason to end.
  (void)!::write(kReport, text.data(), text.size());
  ::close(kReport);
}

/// A failure as three lines: code, message, hint.
void report(const Error& error) {
  report(fmt::format("{}\n{}\n{}\n", name_of(error.code), error.message, error.hint));
}

Error read_report(const std::string& text) {
  const auto lines = split(text, '\n');
  const auto code = lines.size() >= 3 ? code_named(lines[0]) : std::nullopt;
  if (!code) return {Code::internal_error, "the keeper ended while it started"};
  return {*code, std::string(lines[1]), std::string(lines[2])};
}

Warning about(const Leftovers& leftovers) {
  Warning warning;
  if (!leftovers.stuck()) {
    warning.message =
        "a program of an earlier keeper's agents forks faster than it could be killed";
    warning.hint = "it is hunted again and again; if it stays, stop it or restart the machine";
    return warning;
  }
  const auto& alive = leftovers.alive();
  const auto shown = std::min(alive.size(), kMostShown);
  const std::string pids = fmt::format(
      "{}", fmt::join(alive.begin(), alive.begin() + static_cast<std::ptrdiff_t>(shown), ","));
  warning.message =
      fmt::format("{} processes of an earlier keeper's agents were killed and have not ended: {}",
                  alive.size(), pids);
  warning.hint = fmt::format(
      "they wait in the kernel; `ps -o pid,stat,wchan,args {}` shows for "
      "what. They are killed again until they have gone",
      pids);
  return warning;
}

/// What guardian and keeper know when they part.
struct Start {
  Place place;
  Duration orphan_grace;
  std::optional<Warning> warning;
  /// Whoever has only `reading` sees when the last `writing` is closed.
  os::Fd reading;
  os::Fd writing;
};

[[noreturn]] void be_keeper(Start start, os::Fd listener) {
  ::prctl(PR_SET_NAME, "relay-keeper");
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  const auto fence = Fence::make(start.place);
  if (fence && !fence->enter()) fence->remove();
  start.writing.reset();
  Keeper keeper(start.place, std::move(listener), start.orphan_grace);
  if (start.warning) keeper.warn(*std::move(start.warning), std::move(start.reading));
  report(std::string_view(&kReady, 1));
  give_back_start_up_memory();
  keeper.run();
  ::_exit(0);
}

/// The guardian; it becomes one only after everything that can fail has been tried.
[[noreturn]] void be_guardian(const Place& place, Duration orphan_grace) {
  ::prctl(PR_SET_NAME, "relay-guardian");
  const bool used = was_used(place);
  auto lock = take_lock(place);
  if (!lock) {
    report(lock.error());
    ::_exit(1);
  }
  Start start{place, orphan_grace, {}, {}, {}};
  auto leftovers = std::make_unique<Leftovers>(place);
  // Where nobody was before, the first look is for those whose directory was taken away.
  if (leftovers->sweep(kSweepAtMost, used ? Leftovers::kQuietLooks : 1)) {
    leftovers.reset();
  } else {
    start.warning = about(*leftovers);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) == 0) {
      start.reading = os::Fd(ends[0]);
      start.writing = os::Fd(ends[1]);
    }
  }
  auto listener = listen_at(place.socket);
  if (!listener) {
    report(listener.error());
    ::_exit(1);
  }
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  const pid_t keeper = ::fork();
  if (keeper == 0) {
    leftovers.reset();
    be_keeper(std::move(start), *std::move(listener));
  }
  if (keeper < 0) {
    report(os::errno_error(errno, "cannot start the keeper"));
    ::_exit(1);
  }
  ::close(kReport);
  listener->reset();
  start.reading.reset();
  // Who ends a keeper politely means the keeper, which takes its time.
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) ::signal(number, SIG_IGN);
  give_back_start_up_memory();
  guard(keeper, place, {std::move(leftovers), std::move(start.writing)});
  // A killed keeper has left its socket. We still hold the lock.
  ::unlink(place.socket.c_str());
  ::_exit(0);
}

}  // namespace

Result<void> start_in_background(const Place& place, Duration orphan_grace) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(os::errno_error(errno, "cannot make a pipe"));
  const os::Fd reading(ends[0]);
  os::Fd writing(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return fail(os::errno_error(errno, "cannot start the keeper"));
  if (child == 0) {
    try {
      detach(writing.get());
      be_guardian(place, orphan_grace);
    } catch (const std::exception& broken) {
      report(Error(Code::internal_error, broken.what()));
    }
    ::_exit(1);
  }
  writing.reset();
  std::string told;
  const SystemClock clock;
  const Monotonic until = clock.now() + std::chrono::milliseconds(kReadyWithinMs);
  for (;;) {
    pollfd waiting{reading.get(), POLLIN, 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock.now()).count();
    if (left <= 0) return fail(Code::timeout, "the keeper is not ready within 20 s");
    if (::poll(&waiting, 1, static_cast<int>(left)) <= 0) continue;
    char piece[1024];
    const ssize_t got = ::read(reading.get(), piece, sizeof piece);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    told.append(piece, static_cast<std::size_t>(got));
    if (told.front() == kReady) return {};
  }
  return fail(read_report(told));
}

}  // namespace relay::pty::keeper
