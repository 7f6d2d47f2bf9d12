#include "os/terminal.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fmt/format.h>
#include <poll.h>
#include <stdexcept>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utility>

#include "base/printable.hpp"
#include "os/errno_error.hpp"

namespace relay::os {
namespace {

// A handler can reach nothing but globals. `raw_fd` is -1 when there is nothing to put back, and
// `cooked` does not change while it is not.
std::atomic<int> raw_fd{-1};
termios cooked{};
bool entered = false;

enum class Cause {
  /// Sent to us, or by a limit.
  other,
  /// Our own mistake: a crash reporter or sanitizer may handle it, and it ends us all the same.
  crash,
  /// Likewise, and it happens again when the handler returns.
  fault,
};
struct Ending {
  int signal;
  Cause cause;
};
constexpr std::array kEndings{
    Ending{SIGHUP, Cause::other},  Ending{SIGINT, Cause::other},  Ending{SIGQUIT, Cause::other},
    Ending{SIGTERM, Cause::other}, Ending{SIGPIPE, Cause::other}, Ending{SIGALRM, Cause::other},
    Ending{SIGUSR1, Cause::other}, Ending{SIGUSR2, Cause::other}, Ending{SIGXCPU, Cause::other},
    Ending{SIGXFSZ, Cause::other}, Ending{SIGABRT, Cause::crash}, Ending{SIGSYS, Cause::crash},
    Ending{SIGTRAP, Cause::crash}, Ending{SIGSEGV, Cause::fault}, Ending{SIGBUS, Cause::fault},
    Ending{SIGFPE, Cause::fault},  Ending{SIGILL, Cause::fault},
};
std::array<struct sigaction, kEndings.size()> handlers_before{};

/// Two, so that a handler never sees one that is being written.
struct CrashText {
  int fd = -1;
  std::size_t size = 0;
  std::array<char, RawMode::kMostCrashText> bytes{};
};
std::array<CrashText, 2> crash_texts{};
std::atomic<int> crash_text{0};
/// For a terminal that takes nothing at the moment.
constexpr int kCrashPatienceMs = 200;

void print_crash_text() {
  const CrashText& text = crash_texts[static_cast<std::size_t>(crash_text.load())];
  std::size_t done = 0;
  while (done < text.size) {
    const ssize_t put = ::write(text.fd, text.bytes.data() + done, text.size - done);
    if (put == 0) return;
    if (put > 0) done += static_cast<std::size_t>(put);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno != EAGAIN) return;
    pollfd room{text.fd, POLLOUT, 0};
    if (put < 0 && ::poll(&room, 1, kCrashPatienceMs) <= 0) return;
  }
}

void put_back() {
  const int fd = raw_fd.exchange(-1);
  if (fd < 0) return;
  // In the background we would be stopped for this instead.
  sigset_t stopping;
  sigset_t before;
  ::sigemptyset(&stopping);
  ::sigaddset(&stopping, SIGTTOU);
  ::pthread_sigmask(SIG_BLOCK, &stopping, &before);
  ::tcsetattr(fd, TCSANOW, &cooked);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void on_ending_signal(int signal, siginfo_t* info, void*) {
  const int kept = errno;
  if (raw_fd >= 0) print_crash_text();
  put_back();
  bool again = false;
  for (std::size_t i = 0; i < kEndings.size(); ++i) {
    if (kEndings[i].signal != signal) continue;
    ::sigaction(signal, &handlers_before[i], nullptr);
    // Not one that somebody sent: the real one tells a crash reporter where it was.
    again = kEndings[i].cause == Cause::fault && info->si_code > 0;
  }
  if (!again) ::raise(signal);
  errno = kept;
}

bool is_ours(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == on_ending_signal;
}

void install_handlers() {
  for (std::size_t i = 0; i < kEndings.size(); ++i) {
    struct sigaction& before = handlers_before[i];
    ::sigaction(kEndings[i].signal, nullptr, &before);
    const bool plain = (before.sa_flags & SA_SIGINFO) == 0;
    const bool by_default = plain && before.sa_handler == SIG_DFL;
    const bool ignored = plain && before.sa_handler == SIG_IGN;
    // Who handles or ignores an ordinary signal does not die of it.
    if (!by_default && (ignored || kEndings[i].cause == Cause::other)) continue;
    struct sigaction ours{};
    ours.sa_sigaction = on_ending_signal;
    ours.sa_flags = SA_SIGINFO;
    ::sigaction(kEndings[i].signal, &ours, nullptr);
  }
}

void remove_handlers() {
  for (std::size_t i = 0; i < kEndings.size(); ++i) {
    struct sigaction now{};
    ::sigaction(kEndings[i].signal, nullptr, &now);
    if (is_ours(now)) ::sigaction(kEndings[i].signal, &handlers_before[i], nullptr);
  }
}

void make_raw(termios& mode) {
  ::cfmakeraw(&mode);
}

void make_silent(termios& mode) {
  mode.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHOE | ECHOK);
  mode.c_lflag |= ECHONL;
}

Result<void> set_mode(int fd, const termios& before, void (*change)(termios&)) {
  termios raw = before;
  change(raw);
  cooked = before;
  raw_fd = fd;
  // Drained, so that what was printed before still gets its newlines translated.
  if (::tcsetattr(fd, TCSADRAIN, &raw) != 0) {
    const int error = errno;
    raw_fd = -1;
    return fail(errno_error(error, "cannot change the mode of the terminal"));
  }
  return {};
}

}  // namespace

bool is_terminal(int fd) {
  return ::isatty(fd) == 1;
}

std::optional<WindowSize> window_size(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
    return std::nullopt;
  }
  return WindowSize{size.ws_col, size.ws_row};
}

Result<ColorWish> color_wish(std::string_view argument) {
  if (argument == "auto") return ColorWish::automatic;
  if (argument == "always") return ColorWish::always;
  if (argument == "never") return ColorWish::never;
  return fail(Code::invalid_argument,
              fmt::format("--color does not know '{}'", printable(argument)),
              "use auto, always or never");
}

bool wants_color(ColorWish wish, const Environment& environment, bool terminal) {
  if (wish != ColorWish::automatic) return wish == ColorWish::always;
  if (environment.get("NO_COLOR")) return false;
  const auto force = environment.get("CLICOLOR_FORCE");
  if (force && *force != "0") return true;
  const auto term = environment.get("TERM");
  return terminal && term && *term != "dumb";
}

Result<RawMode> RawMode::enter(int fd) {
  return enter_as(fd, make_raw);
}

Result<RawMode> RawMode::hide_typing(int fd) {
  return enter_as(fd, make_silent);
}

Result<RawMode> RawMode::enter_as(int fd, Change change) {
  if (entered) throw std::logic_error("RawMode: the terminal is raw already");
  termios before{};
  if (::tcgetattr(fd, &before) != 0) {
    return fail(errno_error(errno, "cannot read the mode of the terminal"));
  }
  static const bool at_exit = std::atexit(put_back) == 0;
  (void)at_exit;
  install_handlers();
  auto made = set_mode(fd, before, change);
  if (!made) {
    remove_handlers();
    return fail(std::move(made).error());
  }
  entered = true;
  return RawMode(fd, before, change);
}

RawMode::RawMode(RawMode&& from) noexcept
    : fd_(std::exchange(from.fd_, -1)), before_(from.before_), change_(from.change_) {}

void RawMode::print_on_crash(int fd, std::string_view text) {
  const int next = 1 - crash_text;
  CrashText& into = crash_texts[static_cast<std::size_t>(next)];
  into.fd = fd;
  into.size = text.size() <= into.bytes.size() ? text.copy(into.bytes.data(), text.size()) : 0;
  crash_text = next;
}

RawMode::~RawMode() {
  if (fd_ < 0) return;
  put_back();
  print_on_crash(-1, {});
  remove_handlers();
  entered = false;
}

void RawMode::leave() {
  put_back();
}

Result<void> RawMode::enter_again() {
  return set_mode(fd_, before_, change_);
}

}  // namespace relay::os
