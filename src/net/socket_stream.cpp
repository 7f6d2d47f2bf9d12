#include "net/socket_stream.hpp"

#include <asio/error.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <cerrno>
#include <sys/socket.h>
#include <utility>

namespace relay::net {
namespace {

class SocketStream final : public Stream {
 public:
  SocketStream(Socket socket, std::string peer_name)
      : socket_(std::move(socket)), peer_name_(std::move(peer_name)) {}

  asio::any_io_executor executor() override { return socket_.get_executor(); }

  asio::awaitable<IoResult> read_some(std::span<char> into) override {
    std::error_code error;
    const std::size_t bytes =
        co_await socket_.async_read_some(asio::mutable_buffer(into.data(), into.size()),
                                         asio::redirect_error(asio::use_awaitable, error));
    co_return IoResult(error, bytes);
  }

  asio::awaitable<std::error_code> wait_readable() override {
    std::error_code error;
    co_await socket_.async_wait(Socket::wait_read,
                                asio::redirect_error(asio::use_awaitable, error));
    co_return error;
  }

  asio::awaitable<IoResult> write(std::span<const char> from) override {
    std::error_code error;
    const std::size_t bytes =
        co_await asio::async_write(socket_, asio::const_buffer(from.data(), from.size()),
                                   asio::redirect_error(asio::use_awaitable, error));
    co_return IoResult(error, bytes);
  }

  IoResult try_read(std::span<char> into) override {
    const ssize_t got =
        ::recv(socket_.native_handle(), into.data(), into.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (got > 0) return {std::error_code(), static_cast<std::size_t>(got)};
    if (got == 0) return {asio::error::eof, 0};
    return {last_error(), 0};
  }

  IoResult try_write(std::span<const char> from) override {
    const ssize_t sent =
        ::send(socket_.native_handle(), from.data(), from.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) return {std::error_code(), static_cast<std::size_t>(sent)};
    return {last_error(), 0};
  }

  void on_writable(std::function<void(std::error_code)> call) override {
    socket_.async_wait(Socket::wait_write, std::move(call));
  }

  void cancel() noexcept override {
    std::error_code ignored;
    socket_.cancel(ignored);
  }

  asio::awaitable<void> shutdown_send() override {
    std::error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
    co_return;
  }

  void close() noexcept override {
    std::error_code ignored;
    socket_.close(ignored);
  }

  std::optional<uid_t> peer_uid() const override {
    ucred peer{};
    socklen_t size = sizeof peer;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): native_handle() lacks const in Asio.
    const int fd = const_cast<Socket&>(socket_).native_handle();
    int domain = 0;
    socklen_t domain_size = sizeof domain;
    if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_size) != 0 || domain != AF_UNIX) {
      return std::nullopt;
    }
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
    return peer.uid;
  }

  std::string peer_name() const override { return peer_name_; }

 private:
  static std::error_code last_error() {
    // EAGAIN is EWOULDBLOCK on Linux; an interrupted call is as good as one that found nothing.
    const int number = errno == EINTR ? EAGAIN : errno;
    return {number, asio::error::get_system_category()};
  }

  Socket socket_;
  std::string peer_name_;
};

}  // namespace

StreamPtr make_socket_stream(Socket socket, std::string peer_name) {
  return std::make_unique<SocketStream>(std::move(socket), std::move(peer_name));
}

}  // namespace relay::net
