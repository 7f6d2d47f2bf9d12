#include "os/terminal.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fmt/format.h>
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

constexpr std::array kEnding{SIGHUP, SIGINT,  SIGQUIT, SIGTERM, SIGABRT, SIGSEGV, SIGBUS,  SIGFPE,
                             SIGILL, SIGXCPU, SIGXFSZ, SIGSYS,  SIGALRM, SIGUSR1, SIGUSR2, SIGTRAP};
std::array<struct sigaction, kEnding.size()> handlers_before{};

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

/// SA_RESETHAND has put the default in place: the signal ends us as it would have without us.
void on_ending_signal(int signal) {
  const int kept = errno;
  put_back();
  ::raise(signal);
  errno = kept;
}

void install_handlers() {
  for (std::size_t i = 0; i < kEnding.size(); ++i) {
    ::sigaction(kEnding[i], nullptr, &handlers_before[i]);
    // Someone who handles or ignores a signal does not die of it.
    const bool by_default =
        (handlers_before[i].sa_flags & SA_SIGINFO) == 0 && handlers_before[i].sa_handler == SIG_DFL;
    if (!by_default) continue;
    struct sigaction ours{};
    ours.sa_handler = on_ending_signal;
    ours.sa_flags = static_cast<int>(SA_RESETHAND);
    ::sigaction(kEnding[i], &ours, nullptr);
  }
}

void remove_handlers() {
  for (std::size_t i = 0; i < kEnding.size(); ++i) {
    struct sigaction now{};
    ::sigaction(kEnding[i], nullptr, &now);
    const bool ours = (now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == on_ending_signal;
    if (ours) ::sigaction(kEnding[i], &handlers_before[i], nullptr);
  }
}

Result<void> make_raw(int fd, const termios& before) {
  termios raw = before;
  ::cfmakeraw(&raw);
  cooked = before;
  raw_fd = fd;
  // Drained, so that what was printed before still gets its newlines translated.
  if (::tcsetattr(fd, TCSADRAIN, &raw) != 0) {
    const int error = errno;
    raw_fd = -1;
    return fail(errno_error(error, "cannot make the terminal raw"));
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
  if (entered) throw std::logic_error("RawMode: the terminal is raw already");
  termios before{};
  if (::tcgetattr(fd, &before) != 0) {
    return fail(errno_error(errno, "cannot read the mode of the terminal"));
  }
  static const bool at_exit = std::atexit(put_back) == 0;
  (void)at_exit;
  install_handlers();
  auto made = make_raw(fd, before);
  if (!made) {
    remove_handlers();
    return fail(std::move(made).error());
  }
  entered = true;
  return RawMode(fd, before);
}

RawMode::RawMode(RawMode&& from) noexcept
    : fd_(std::exchange(from.fd_, -1)), before_(from.before_) {}

RawMode::~RawMode() {
  if (fd_ < 0) return;
  put_back();
  remove_handlers();
  entered = false;
}

void RawMode::leave() {
  put_back();
}

Result<void> RawMode::enter_again() {
  return make_raw(fd_, before_);
}

}  // namespace relay::os
