#include "pty/session/pty_master.hpp"

#include <asio/posix/stream_descriptor.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <utility>

#include "os/errno_error.hpp"

namespace relay::pty {

struct PtyMaster::Impl {
  Impl(const asio::any_io_executor& executor, os::Fd master, os::Fd slave_in)
      : descriptor(executor, master.release()), slave(std::move(slave_in)) {}
  asio::posix::stream_descriptor descriptor;
  os::Fd slave;
};

PtyMaster::PtyMaster(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PtyMaster::PtyMaster(PtyMaster&&) noexcept = default;
PtyMaster& PtyMaster::operator=(PtyMaster&&) noexcept = default;
PtyMaster::~PtyMaster() = default;

Result<PtyMaster> PtyMaster::take(asio::any_io_executor executor, os::Fd master) {
  const int flags = ::fcntl(master.get(), F_GETFL);
  if (flags < 0 || ::fcntl(master.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return fail(os::errno_error(errno, "cannot use the terminal"));
  }
  // By the master itself: the name in /dev/pts may be another terminal's in a container.
  os::Fd slave(::ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  if (!slave) return fail(os::errno_error(errno, "cannot open the program's end of the terminal"));
  return PtyMaster(std::make_unique<Impl>(executor, std::move(master), std::move(slave)));
}

std::size_t PtyMaster::read(std::span<char> into) {
  for (;;) {
    const ssize_t got = ::read(impl_->descriptor.native_handle(), into.data(), into.size());
    if (got > 0) return static_cast<std::size_t>(got);
    if (got < 0 && errno == EINTR) continue;
    return 0;
  }
}

Result<std::size_t> PtyMaster::write(std::string_view bytes) {
  for (;;) {
    const ssize_t put = ::write(impl_->descriptor.native_handle(), bytes.data(), bytes.size());
    if (put >= 0) return static_cast<std::size_t>(put);
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return std::size_t{0};
    return fail(os::errno_error(errno, "cannot write to the terminal"));
  }
}

asio::awaitable<std::error_code> PtyMaster::wait_readable() {
  std::error_code error;
  co_await impl_->descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                                        asio::redirect_error(asio::use_awaitable, error));
  co_return error;
}

asio::awaitable<std::error_code> PtyMaster::wait_writable() {
  std::error_code error;
  co_await impl_->descriptor.async_wait(asio::posix::stream_descriptor::wait_write,
                                        asio::redirect_error(asio::use_awaitable, error));
  co_return error;
}

Result<void> PtyMaster::resize(os::WindowSize size) {
  winsize wanted{};
  wanted.ws_col = size.columns;
  wanted.ws_row = size.rows;
  if (::ioctl(impl_->slave.get(), TIOCSWINSZ, &wanted) == 0) return {};
  return fail(os::errno_error(errno, "cannot change the size of the terminal"));
}

TerminalMode PtyMaster::mode() const {
  termios now{};
  TerminalMode mode;
  if (::tcgetattr(impl_->slave.get(), &now) == 0) mode.canonical = (now.c_lflag & ICANON) != 0;
  return mode;
}

bool PtyMaster::unread() const {
  // poll() makes the kernel hand over what is still on its way; FIONREAD alone would miss it.
  pollfd waiting{impl_->slave.get(), POLLIN, 0};
  if (::poll(&waiting, 1, 0) > 0 && (waiting.revents & POLLIN) != 0) return true;
  int bytes = 0;
  return ::ioctl(impl_->slave.get(), FIONREAD, &bytes) == 0 && bytes > 0;
}

pid_t PtyMaster::group_in_front() const {
  pid_t group = 0;
  // tcgetpgrp() wants our own terminal.
  const int master = impl_->descriptor.native_handle();
  return ::ioctl(master, TIOCGPGRP, &group) == 0 ? group : 0;
}

int PtyMaster::other_end() const {
  return impl_->slave.get();
}

}  // namespace relay::pty
