#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "net/http_exchange.hpp"
#include "net/http_guard.hpp"
#include "net/http_router.hpp"
#include "net/listener.hpp"

namespace relay::net {

/// Limits of a server. A time may be exceeded by an eighth of the shortest of them, at most 1 s:
/// one timer looks at all connections.
class HttpServerOptions {
 public:
  /// When all are taken a new connection displaces the one that has waited longest without a
  /// complete request head, so that slow clients cannot lock others out. If every one is at work
  /// the new one gets 503.
  std::size_t connections_most = 64;
  /// From the first byte of a request (of a connection: from its start) to the end of its head;
  /// then 408.
  Duration head_time = std::chrono::seconds(10);
  /// Between requests; then the connection is closed.
  Duration idle_time = std::chrono::seconds(60);
  /// For each 64 KiB of a request body (then 408) or of an answer (then the connection is cut).
  Duration slice_time = std::chrono::seconds(30);
  /// How long a connection whose request was refused is read on, so that the client gets the
  /// answer instead of a reset.
  Duration linger_time = std::chrono::seconds(2);
  /// Looks at every request; none lets all pass.
  HttpGuard guard;
  /// Gets what went wrong inside a handler, for the log: never sent to the client.
  std::function<void(std::string)> on_failure;
};

/// What a server has done since its start.
class HttpServerCounts {
 public:
  /// Now open, upgraded ones excluded.
  std::size_t connections = 0;
  std::uint64_t accepted = 0;
  std::uint64_t requests = 0;
  /// Closed while waiting to make room for a newer one.
  std::uint64_t displaced = 0;
  /// Answered 503 because all connections were at work.
  std::uint64_t turned_away = 0;
  /// Closed because a time was over.
  std::uint64_t timed_out = 0;
};

/// An HTTP/1.1 server on any number of listeners. Connections are kept and pipelined requests
/// answered in order, one at a time: what a client sends ahead waits in its socket. A client that
/// does not read its answers costs at most one of them and 64 KiB. All calls on the loop thread.
///
/// The owner ends with `co_await shielded(); co_await server.stop(grace);`. Destroying a server
/// that was started and not stopped is a broken invariant and terminates.
class HttpServer {
 public:
  HttpServer(asio::any_io_executor executor, HttpServerOptions options, std::vector<Route> routes);
  ~HttpServer();

  /// Accepts connections until `stop`.
  void serve(Listener listener);

  /// Stops accepting, closes idle connections, lets requests under way end for at most `grace`,
  /// then cancels the handlers left. Returns when no coroutine of the server is left.
  asio::awaitable<void> stop(Duration grace);

  [[nodiscard]] HttpServerCounts counts() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay::net
