#include "cli/real_terminal.hpp"

#include <array>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <fmt/format.h>
#include <optional>
#include <unistd.h>
#include <utility>

#include "net/event.hpp"
#include "os/errno_error.hpp"
#include "pty/screen/left_modes.hpp"

namespace relay::cli {
namespace {

using Descriptor = asio::posix::stream_descriptor;

constexpr Duration kTerminalLook = std::chrono::hours(1);

/// An open file of our own on the same terminal.
Result<os::Fd> open_again(int fd, int mode) {
  const int flags = mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  os::Fd own(::open(fmt::format("/proc/self/fd/{}", fd).c_str(), flags));
  // Where the terminal is not ours (su) or not in this /dev (a container), its other name is.
  if (!own) own = os::Fd(::open("/dev/tty", flags));
  if (!own) return fail(os::errno_error(errno, "cannot open the terminal"));
  return own;
}

}  // namespace

struct RealTerminal::Impl {
  explicit Impl(const asio::any_io_executor& executor) : changed(executor) {}

  /// What puts the terminal right when we crash.
  void keep_crash_text();
  /// What the terminal takes now.
  void write_now();

  std::optional<Descriptor> keys;
  std::optional<Descriptor> screen;
  std::string waiting;
  std::size_t written = 0;
  bool gone = false;
  pty::LeftModes left;
  std::string crash_text;
  net::Event changed;
};

RealTerminal::RealTerminal(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RealTerminal::~RealTerminal() = default;

Result<std::unique_ptr<RealTerminal>> RealTerminal::open(asio::any_io_executor executor,
                                                         int keys_fd, int screen_fd) {
  auto impl = std::make_unique<Impl>(executor);
  if (keys_fd >= 0) {
    auto keys = open_again(keys_fd, O_RDONLY);
    if (!keys) return fail(std::move(keys).error());
    impl->keys.emplace(executor, keys->release());
  }
  if (screen_fd >= 0) {
    auto screen = open_again(screen_fd, O_WRONLY);
    if (!screen) return fail(std::move(screen).error());
    impl->screen.emplace(executor, screen->release());
  }
  return std::unique_ptr<RealTerminal>(new RealTerminal(std::move(impl)));
}

void RealTerminal::Impl::keep_crash_text() {
  std::string text = left.reset();
  if (text == crash_text) return;
  crash_text = std::move(text);
  os::RawMode::print_on_crash(screen->native_handle(), crash_text);
}

void RealTerminal::Impl::write_now() {
  while (written < waiting.size() && !gone) {
    const ssize_t put =
        ::write(screen->native_handle(), waiting.data() + written, waiting.size() - written);
    if (put > 0) written += static_cast<std::size_t>(put);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) break;
    // A terminal that is gone takes everything.
    if (put < 0) gone = true;
  }
  if (gone || written == waiting.size()) waiting.clear(), written = 0;
}

bool RealTerminal::take(std::string_view bytes) {
  if (!impl_->screen || impl_->gone) return true;
  impl_->left.feed(bytes);
  impl_->keep_crash_text();
  impl_->waiting += bytes;
  impl_->write_now();
  if (impl_->waiting.empty()) return true;
  impl_->changed.notify();
  return impl_->waiting.size() - impl_->written < kMostWaiting;
}

void RealTerminal::put_right() {
  (void)take(impl_->left.reset());
}

asio::awaitable<void> RealTerminal::write_screen(std::function<void()> on_room) {
  if (!impl_->screen) co_return;
  for (;;) {
    if (impl_->waiting.empty()) {
      (void)co_await impl_->changed.wait(kTerminalLook);
      continue;
    }
    std::error_code error;
    co_await impl_->screen->async_wait(Descriptor::wait_write,
                                       asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
    impl_->write_now();
    if (impl_->waiting.empty()) {
      if (on_room) on_room();
      impl_->changed.notify();
    }
  }
}

asio::awaitable<void> RealTerminal::flush(Duration at_most) {
  const Monotonic deadline = SystemClock().now() + at_most;
  while (!impl_->waiting.empty()) {
    const Duration left = deadline - SystemClock().now();
    if (left <= Duration::zero()) co_return;
    (void)co_await impl_->changed.wait(left);
  }
}

asio::awaitable<std::string> RealTerminal::next_keys() {
  if (!impl_->keys) co_return std::string();
  std::array<char, 4096> buffer;
  for (;;) {
    std::error_code error;
    co_await impl_->keys->async_wait(Descriptor::wait_read,
                                     asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return std::string();
    const ssize_t got = ::read(impl_->keys->native_handle(), buffer.data(), buffer.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got <= 0) co_return std::string();
    co_return std::string(buffer.data(), static_cast<std::size_t>(got));
  }
}

void stop_until_continued() {
  struct sigaction by_default{};
  struct sigaction ours{};
  by_default.sa_handler = SIG_DFL;
  ::sigaction(SIGTSTP, &by_default, &ours);
  ::kill(0, SIGTSTP);
  ::sigaction(SIGTSTP, &ours, nullptr);
}

}  // namespace relay::cli
