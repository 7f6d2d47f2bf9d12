#include "pty/keeper_link.hpp"

#include <array>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <sys/socket.h>
#include <utility>

#include "net/errno.hpp"
#include "os/errno_error.hpp"

namespace relay::pty {
namespace {

/// More than any number that one read can bring: the kernel passes on at most 253 at once.
constexpr std::size_t kMostMastersAtOnce = 256;

}  // namespace

KeeperLink::KeeperLink(Socket socket)
    : socket_(std::move(socket)),
      to_write_(socket_.get_executor()),
      written_(socket_.get_executor()) {}

asio::awaitable<Result<std::unique_ptr<KeeperLink>>> KeeperLink::connect(std::string path) {
  Socket socket(co_await asio::this_coro::executor);
  std::error_code error;
  const asio::local::stream_protocol::endpoint endpoint(path);
  co_await socket.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, error));
  if (error) {
    const bool nobody = net::is_errno(error, std::errc::connection_refused) ||
                        net::is_errno(error, std::errc::no_such_file_or_directory);
    co_return fail(nobody ? Code::broker_not_running : Code::io_error,
                   fmt::format("cannot connect to {}: {}", path, error.message()));
  }
  ucred peer{};
  socklen_t size = sizeof peer;
  const int fd = socket.native_handle();
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.uid != ::geteuid()) {
    co_return fail(Code::forbidden, fmt::format("{} is served by another user", path));
  }
  co_return std::make_unique<KeeperLink>(std::move(socket));
}

Result<void> KeeperLink::send(const keeper::Request& request) {
  if (unsent_.size() > kMostUnsent) return fail(Code::queue_full, "the keeper does not read");
  auto done = keeper::encode(request, unsent_);
  to_write_.notify();
  return done;
}

Result<void> KeeperLink::flush() {
  const ssize_t sent =
      ::send(socket_.native_handle(), unsent_.data(), unsent_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) return fail(os::errno_error(errno, "cannot write to the keeper"));
  unsent_.erase(0, static_cast<std::size_t>(sent));
  return {};
}

asio::awaitable<void> KeeperLink::write_all() {
  constexpr Duration kLong = std::chrono::hours(1);
  std::error_code error;
  while (!error) {
    while (unsent_.empty()) (void)co_await to_write_.wait(kLong);
    const std::string now = std::exchange(unsent_, std::string());
    writing_ = true;
    co_await asio::async_write(socket_, asio::const_buffer(now.data(), now.size()),
                               asio::redirect_error(asio::use_awaitable, error));
    writing_ = false;
    written_.notify();
  }
}

asio::awaitable<void> KeeperLink::drain(Duration at_most) {
  const Monotonic deadline = SystemClock().now() + at_most;
  while (writing_ || !unsent_.empty()) {
    const Duration left = deadline - SystemClock().now();
    if (left <= Duration::zero()) break;
    (void)co_await written_.wait(left);
  }
}

Result<bool> KeeperLink::read_some() {
  std::array<char, 65536> piece;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMostMastersAtOnce)> control;
  iovec part{piece.data(), piece.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t got = ::recvmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (got < 0) return fail(os::errno_error(errno, "cannot read from the keeper"));
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t bytes = header->cmsg_len - CMSG_LEN(0);
    for (std::size_t at = 0; at + sizeof(int) <= bytes; at += sizeof(int)) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + at, sizeof fd);
      masters_.emplace_back(fd);
    }
  }
  if (got == 0) return fail(Code::connection_closed, "the keeper has closed the connection");
  if ((message.msg_flags & MSG_CTRUNC) != 0) {
    return fail(Code::io_error, "the keeper's terminals do not fit: no file descriptor is left",
                "raise the limit of open files (ulimit -n)");
  }
  frames_.append({piece.data(), static_cast<std::size_t>(got)});
  return true;
}

Result<std::optional<KeeperLink::Received>> KeeperLink::next_message() {
  const auto frame = frames_.next();
  if (!frame) return fail(frame.error());
  if (!*frame) return std::optional<Received>();
  auto report = keeper::decode_report(**frame);
  if (!report) return fail(std::move(report).error());
  os::Fd master;
  if (keeper::carries_master(*report)) {
    if (masters_.empty()) return fail(Code::protocol_error, "a session came without its terminal");
    master = std::move(masters_.front());
    masters_.pop_front();
  }
  return std::optional<Received>(Received(*std::move(report), std::move(master)));
}

asio::awaitable<Result<KeeperLink::Received>> KeeperLink::receive() {
  for (;;) {
    auto message = next_message();
    if (!message) co_return fail(std::move(message).error());
    if (*message) co_return std::move(**message);
    auto read = read_some();
    if (!read) co_return fail(std::move(read).error());
    if (*read) continue;
    std::error_code error;
    co_await socket_.async_wait(Socket::wait_read,
                                asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return fail(Code::connection_closed, error.message());
  }
}

}  // namespace relay::pty
