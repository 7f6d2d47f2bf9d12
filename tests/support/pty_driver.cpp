#include "support/pty_driver.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <regex>
#include <stdexcept>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "base/printable.hpp"
#include "os/posix_processes.hpp"

namespace relay::test {
namespace {

void require(bool holds, const char* what) {
  if (!holds) throw std::system_error(errno, std::generic_category(), what);
}

int milliseconds_to(Monotonic deadline) {
  const Duration left = deadline - SystemClock().now();
  return static_cast<int>(
      std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::milliseconds>(left).count()));
}

}  // namespace

PtyDriver::PtyDriver(os::Command command, os::WindowSize size)
    : master_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
  require(static_cast<bool>(master_), "posix_openpt");
  require(::grantpt(master_.get()) == 0 && ::unlockpt(master_.get()) == 0, "unlockpt");
  std::array<char, 64> name{};
  require(::ptsname_r(master_.get(), name.data(), name.size()) == 0, "ptsname");
  slave_ = os::Fd(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  require(static_cast<bool>(slave_), "open the terminal");
  require(::tcgetattr(slave_.get(), &before_) == 0, "tcgetattr");
  require(::fcntl(master_.get(), F_SETFL, O_NONBLOCK) == 0, "fcntl");
  resize(size);
  command.terminal = name.data();
  auto started = os::PosixProcesses().start(command);
  if (!started) throw std::runtime_error(started.error().message);
  process_ = std::move(*started);
}

PtyDriver::~PtyDriver() {
  (void)process_->signal_group(SIGKILL);
  (void)process_->wait(kPatience);
}

void PtyDriver::type(std::string_view keys, Duration at_most) {
  const Monotonic deadline = SystemClock().now() + at_most;
  while (!keys.empty()) {
    const ssize_t n = ::write(master_.get(), keys.data(), keys.size());
    if (n > 0) keys.remove_prefix(static_cast<std::size_t>(n));
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
      give_up(fmt::format("typing failed: {}", std::generic_category().message(errno)));
    }
    // A program that prints while nobody reads stops reading in turn.
    if (n < 0 &&
        !read_some(std::min(deadline, SystemClock().now() + std::chrono::milliseconds(1))) &&
        SystemClock().now() >= deadline) {
      give_up("it does not read what is typed");
    }
  }
}

void PtyDriver::wait_for(std::string_view text, Duration at_most) {
  const Monotonic deadline = SystemClock().now() + at_most;
  for (;;) {
    const std::size_t at = transcript_.find(text, matched_);
    if (at != std::string::npos) {
      matched_ = at + text.size();
      return;
    }
    if (!slave_) give_up(fmt::format("it has ended and '{}' did not come", printable(text)));
    if (!read_some(deadline)) give_up(fmt::format("'{}' did not come", printable(text)));
  }
}

std::string PtyDriver::wait_match(const std::string& expression, Duration at_most) {
  const std::regex regex(expression);
  const Monotonic deadline = SystemClock().now() + at_most;
  for (;;) {
    std::smatch match;
    const auto from = transcript_.cbegin() + static_cast<std::ptrdiff_t>(matched_);
    if (std::regex_search(from, transcript_.cend(), match, regex)) {
      matched_ = static_cast<std::size_t>(match[0].second - transcript_.cbegin());
      return match[0].str();
    }
    if (!slave_) give_up(fmt::format("it has ended and /{}/ did not come", expression));
    if (!read_some(deadline)) give_up(fmt::format("/{}/ did not come", expression));
  }
}

void PtyDriver::wait_raw(bool raw, Duration at_most) {
  const Monotonic deadline = SystemClock().now() + at_most;
  while (((mode().c_lflag & (ICANON | ECHO)) == 0) != raw) {
    if (SystemClock().now() >= deadline) {
      give_up(raw ? "it did not make the terminal raw" : "it did not put the terminal back");
    }
    // The kernel tells nobody about a change of mode.
    (void)read_some(std::min(deadline, SystemClock().now() + std::chrono::milliseconds(1)));
  }
}

os::ExitStatus PtyDriver::wait_end(Duration at_most) {
  const Monotonic deadline = SystemClock().now() + at_most;
  for (;;) {
    const auto status = process_->poll();
    if (!status) throw std::runtime_error(status.error().message);
    if (*status) break;
    std::array<pollfd, 2> waiting{pollfd{process_->ended_fd(), POLLIN, 0},
                                  pollfd{master_.get(), POLLIN, 0}};
    if (::poll(waiting.data(), waiting.size(), milliseconds_to(deadline)) == 0) {
      give_up("it has not ended");
    }
    if (waiting[1].revents != 0) (void)read_some(deadline);
  }
  after_ = mode();
  // Without any writer left, the end (EIO) comes after the last byte.
  slave_.reset();
  while (read_some(deadline)) {
  }
  return **process_->poll();
}

void PtyDriver::resize(os::WindowSize size) {
  winsize wanted{};
  wanted.ws_col = size.columns;
  wanted.ws_row = size.rows;
  require(::ioctl(master_.get(), TIOCSWINSZ, &wanted) == 0, "TIOCSWINSZ");
}

void PtyDriver::signal(int number) {
  const auto sent = process_->signal(number);
  if (!sent) throw std::runtime_error(sent.error().message);
}

void PtyDriver::hang_up() {
  after_ = mode();
  slave_.reset();
  master_.reset();
}

termios PtyDriver::mode() const {
  if (!slave_) return after_;
  termios now{};
  require(::tcgetattr(slave_.get(), &now) == 0, "tcgetattr");
  return now;
}

bool PtyDriver::read_some(Monotonic deadline) {
  if (!master_) return false;
  pollfd waiting{master_.get(), POLLIN, 0};
  if (::poll(&waiting, 1, milliseconds_to(deadline)) <= 0) return false;
  std::array<char, 4096> piece{};
  const ssize_t n = ::read(master_.get(), piece.data(), piece.size());
  if (n <= 0) return false;
  transcript_.append(piece.data(), static_cast<std::size_t>(n));
  return true;
}

void PtyDriver::give_up(std::string_view why) const {
  throw std::runtime_error(
      fmt::format("{}\ntranscript: {}", why, printable(transcript_, Lines::many)));
}

bool same_mode(const termios& a, const termios& b) {
  return a.c_iflag == b.c_iflag && a.c_oflag == b.c_oflag && a.c_cflag == b.c_cflag &&
         a.c_lflag == b.c_lflag && std::equal(std::begin(a.c_cc), std::end(a.c_cc), b.c_cc);
}

}  // namespace relay::test
