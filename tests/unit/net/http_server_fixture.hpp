#pragma once

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <string>
#include <utility>
#include <vector>

#include "net/dial.hpp"
#include "net/http_server.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"
#include "support/loop.hpp"

// A server on a free port and a client that speaks raw bytes. For the tests of the server and the
// client.
namespace relay::test {

using namespace std::chrono_literals;

/// Runs `work(server port)` beside a server, then stops the server.
class Served {
 public:
  Served(asio::io_context& io, net::HttpServerOptions options, std::vector<net::Route> routes)
      : io_(io), server(io.get_executor(), with_log(std::move(options)), std::move(routes)) {
    auto listener = net::Listener::tcp(io.get_executor(), "127.0.0.1", 0);
    REQUIRE(listener.has_value());
    port = listener->port();
    server.serve(std::move(*listener));
  }
  ~Served() {
    if (!stopped) run(io_, stop(0s));
  }

  asio::awaitable<void> stop(Duration grace) {
    stopped = true;
    co_await net::shielded();
    co_await server.stop(grace);
  }

  std::vector<std::string> failures;
  std::uint16_t port = 0;
  bool stopped = false;

 private:
  net::HttpServerOptions with_log(net::HttpServerOptions options) {
    options.on_failure = [this](std::string what) { failures.push_back(std::move(what)); };
    return options;
  }
  asio::io_context& io_;

 public:
  net::HttpServer server;
};

inline asio::awaitable<net::StreamPtr> dial(std::uint16_t port) {
  auto stream = co_await net::dial_tcp("127.0.0.1", std::to_string(port), 5s);
  REQUIRE(stream.has_value());
  co_return std::move(*stream);
}

inline asio::awaitable<void> send(net::Stream* stream, std::string bytes) {
  co_await stream->write(bytes);
}

/// What comes until `end` has come `times` times or the connection has ended.
inline asio::awaitable<Result<std::string>> heard(net::Stream* stream, std::string end, int times) {
  std::string text;
  std::array<char, 16384> buffer{};
  for (;;) {
    int found = 0;
    for (auto at = text.find(end); at != std::string::npos; at = text.find(end, at + end.size())) {
      ++found;
    }
    if (found >= times) co_return text;
    const auto got = co_await stream->read_some(buffer);
    text.append(buffer.data(), got.bytes);
    if (!got.ok()) co_return text;
  }
}

inline asio::awaitable<std::string> hear(net::Stream* stream, std::string end, int times = 1) {
  auto work = heard(stream, std::move(end), times);
  auto text = co_await net::with_timeout(std::move(work), 10s, "the answer");
  REQUIRE(text.has_value());
  co_return std::move(*text);
}

/// Sends `bytes` and returns all that comes until the server closes.
inline asio::awaitable<std::string> ask_until_close(std::uint16_t port, std::string bytes) {
  auto stream = co_await dial(port);
  co_await send(stream.get(), std::move(bytes));
  co_return co_await hear(stream.get(), "no such text");
}

inline int count(const std::string& text, const std::string& what) {
  int found = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

inline bool has(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

}  // namespace relay::test
