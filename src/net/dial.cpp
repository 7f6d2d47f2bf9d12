#include "net/dial.hpp"

#include <asio/connect.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <utility>
#include <vector>

#include "net/errno.hpp"
#include "net/socket_stream.hpp"
#include "net/timeout.hpp"

namespace relay::net {
namespace {

using Tcp = asio::ip::tcp;

/// The addresses of a name. `localhost` is the loopback everywhere (RFC 6761), also on a machine
/// whose hosts file lacks it.
asio::awaitable<std::vector<Tcp::endpoint>> resolve(std::string host, std::string port,
                                                    std::error_code* error) {
  std::vector<Tcp::endpoint> endpoints;
  Tcp::resolver resolver(co_await asio::this_coro::executor);
  if (host == "localhost") {
    for (const char* loopback : {"127.0.0.1", "::1"}) {
      const auto found = resolver.resolve(loopback, port, Tcp::resolver::numeric_host, *error);
      for (const auto& entry : found) endpoints.push_back(entry.endpoint());
    }
    if (!endpoints.empty()) error->clear();
    co_return endpoints;
  }
  const auto found = co_await resolver.async_resolve(
      host, port, asio::redirect_error(asio::use_awaitable, *error));
  for (const auto& entry : found) endpoints.push_back(entry.endpoint());
  co_return endpoints;
}

asio::awaitable<Result<StreamPtr>> connect_tcp(std::string host, std::string port) {
  std::error_code error;
  const auto endpoints = co_await resolve(host, port, &error);
  if (error) {
    co_return fail(Code::engine_unreachable,
                   fmt::format("cannot resolve {}: {}", host, error.message()),
                   "check the host name and the network");
  }
  Tcp::socket socket(co_await asio::this_coro::executor);
  co_await asio::async_connect(socket, endpoints, asio::redirect_error(asio::use_awaitable, error));
  if (error) {
    co_return fail(Code::engine_unreachable,
                   fmt::format("cannot connect to {}:{}: {}", host, port, error.message()));
  }
  socket.set_option(Tcp::no_delay(true), error);
  co_return make_socket_stream(std::move(socket), fmt::format("{}:{}", host, port));
}

Code code_of_unix_connect(const std::error_code& error) {
  if (is_errno(error, std::errc::connection_refused) ||
      is_errno(error, std::errc::no_such_file_or_directory)) {
    return Code::broker_not_running;
  }
  return is_errno(error, std::errc::permission_denied) ? Code::forbidden : Code::io_error;
}

asio::awaitable<Result<StreamPtr>> connect_unix(std::string path) {
  asio::local::stream_protocol::socket socket(co_await asio::this_coro::executor);
  std::error_code error;
  const asio::local::stream_protocol::endpoint endpoint(path);
  co_await socket.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, error));
  if (error) {
    co_return fail(code_of_unix_connect(error),
                   fmt::format("cannot connect to {}: {}", path, error.message()));
  }
  co_return make_socket_stream(std::move(socket), "unix:" + path);
}

}  // namespace

asio::awaitable<Result<StreamPtr>> dial_tcp(std::string host, std::string port, Duration at_most) {
  auto what = fmt::format("connecting to {}:{}", host, port);
  auto work = connect_tcp(std::move(host), std::move(port));
  co_return co_await with_timeout(std::move(work), at_most, std::move(what));
}

asio::awaitable<Result<StreamPtr>> dial_unix(std::string path, Duration at_most) {
  if (path.size() > kUnixPathMost) {
    co_return fail(Code::invalid_argument,
                   fmt::format("socket path is longer than {} bytes: {}", kUnixPathMost, path));
  }
  auto what = "connecting to " + path;
  auto work = connect_unix(std::move(path));
  co_return co_await with_timeout(std::move(work), at_most, std::move(what));
}

}  // namespace relay::net
