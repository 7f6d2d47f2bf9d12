#include "net/listener.hpp"

#include <asio/ip/tcp.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <utility>
#include <variant>

#include "net/errno.hpp"
#include "net/socket_stream.hpp"
#include "net/timeout.hpp"

namespace relay::net {
namespace {

using Tcp = asio::ip::tcp;
using Unix = asio::local::stream_protocol;

/// How long accepting rests when the process has no file descriptor left: connections wait in the
/// backlog.
constexpr std::chrono::milliseconds kRestWithoutDescriptors{50};

Error listen_error(const std::string& where, const std::error_code& error) {
  const bool taken = is_errno(error, std::errc::address_in_use);
  return Error(taken ? Code::already_running : Code::io_error,
               fmt::format("cannot listen on {}: {}", where, error.message()),
               taken ? "stop the program that listens there, or choose another address" : "");
}

/// Whether somebody accepts connections on the socket file.
bool answers(const asio::any_io_executor& executor, const std::string& path) {
  Unix::socket probe(executor);
  std::error_code error;
  probe.connect(Unix::endpoint(path), error);
  return !error;
}

Result<void> make_room(const asio::any_io_executor& executor, const std::string& path) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0) return {};
  if (!S_ISSOCK(found.st_mode)) {
    return fail(Code::unsafe_file, fmt::format("{} is not a socket", path),
                "move the file away: relay-broker does not overwrite it");
  }
  if (answers(executor, path)) {
    return fail(Code::already_running, fmt::format("another process serves {}", path));
  }
  ::unlink(path.c_str());
  return {};
}

}  // namespace

struct Listener::Impl {
  Impl(Tcp::acceptor acceptor_in) : acceptor(std::move(acceptor_in)) {}
  Impl(Unix::acceptor acceptor_in, std::string path_in)
      : acceptor(std::move(acceptor_in)), path(std::move(path_in)) {}

  std::variant<Tcp::acceptor, Unix::acceptor> acceptor;
  std::string path;
};

Listener::Listener(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Listener::Listener(Listener&&) noexcept = default;
Listener& Listener::operator=(Listener&&) noexcept = default;
Listener::~Listener() {
  if (impl_) close();
}

Result<Listener> Listener::tcp(asio::any_io_executor executor, const std::string& address,
                               std::uint16_t port) {
  std::error_code error;
  const auto where = fmt::format("{}:{}", address, port);
  const auto ip = asio::ip::make_address(address, error);
  if (error) {
    return fail(Code::invalid_argument, fmt::format("{} is not an IP address", address),
                "write it as 127.0.0.1 or ::1");
  }
  const Tcp::endpoint endpoint(ip, port);
  Tcp::acceptor acceptor(executor);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(Tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return fail(listen_error(where, error));
  return Listener(std::make_unique<Impl>(std::move(acceptor)));
}

Result<Listener> Listener::unix(asio::any_io_executor executor, const std::string& path) {
  if (path.size() > kUnixPathMost) {
    return fail(Code::invalid_argument,
                fmt::format("socket path is longer than {} bytes: {}", kUnixPathMost, path),
                "choose a shorter directory");
  }
  if (auto room = make_room(executor, path); !room) return fail(std::move(room).error());
  std::error_code error;
  Unix::acceptor acceptor(executor);
  acceptor.open(Unix(), error);
  // The mode of the open socket is the mode its file is made with, so there is no moment with a
  // wider one.
  if (!error && ::fchmod(acceptor.native_handle(), S_IRUSR | S_IWUSR) != 0) {
    error.assign(errno, std::generic_category());
  }
  if (!error) acceptor.bind(Unix::endpoint(path), error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return fail(listen_error(path, error));
  return Listener(std::make_unique<Impl>(std::move(acceptor), path));
}

asio::awaitable<Result<StreamPtr>> Listener::accept() {
  for (;;) {
    std::error_code error;
    StreamPtr stream;
    if (auto* tcp = std::get_if<Tcp::acceptor>(&impl_->acceptor)) {
      Tcp::endpoint peer;
      auto socket =
          co_await tcp->async_accept(peer, asio::redirect_error(asio::use_awaitable, error));
      if (!error) {
        std::error_code ignored;
        socket.set_option(Tcp::no_delay(true), ignored);
        auto name = fmt::format("{}:{}", peer.address().to_string(), peer.port());
        stream = make_socket_stream(std::move(socket), std::move(name));
      }
    } else {
      auto& local = std::get<Unix::acceptor>(impl_->acceptor);
      auto socket = co_await local.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (!error) stream = make_socket_stream(std::move(socket), "unix:" + impl_->path);
    }
    if (stream) co_return stream;
    if (is_errno(error, std::errc::too_many_files_open) ||
        is_errno(error, std::errc::too_many_files_open_in_system)) {
      co_await pause(kRestWithoutDescriptors);
      continue;
    }
    if (is_errno(error, std::errc::connection_aborted)) continue;
    co_return fail(Code::connection_closed, "the listener ended: " + error.message());
  }
}

void Listener::close() noexcept {
  std::error_code ignored;
  std::visit([&](auto& acceptor) { acceptor.close(ignored); }, impl_->acceptor);
  if (!impl_->path.empty()) {
    ::unlink(impl_->path.c_str());
    impl_->path.clear();
  }
}

std::uint16_t Listener::port() const {
  const auto* tcp = std::get_if<Tcp::acceptor>(&impl_->acceptor);
  return tcp ? tcp->local_endpoint().port() : 0;
}

}  // namespace relay::net
