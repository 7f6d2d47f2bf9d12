#include "net/http_server.hpp"

#include <algorithm>
#include <exception>
#include <list>

#include "net/http_connection.hpp"
#include "net/timeout.hpp"

namespace relay::net {
namespace {

/// How many connections beyond the most may wait for their 503; more are closed without one.
constexpr std::size_t kTurnedAwayMost = 64;
constexpr Duration kTickLeast = std::chrono::milliseconds(5);
constexpr Duration kTickMost = std::chrono::seconds(1);
/// How often a server without connections looks again; it is woken by the first one.
constexpr std::chrono::hours kIdleLook{1};

Duration tick_for(const HttpServerOptions& options) {
  const Duration shortest = std::min(std::min(options.head_time, options.idle_time),
                                     std::min(options.slice_time, options.linger_time));
  return std::clamp(shortest / 8, kTickLeast, kTickMost);
}

asio::awaitable<void> run_connection(HttpConnectionHost* host,
                                     std::shared_ptr<HttpConnection> connection, bool welcome) {
  std::exception_ptr error;
  try {
    if (welcome) {
      co_await connection->run();
    } else {
      co_await connection->turn_away();
    }
  } catch (const std::system_error&) {
    // Only cancellation comes as such: the server is stopping.
  } catch (const std::exception& e) {
    host->failed(std::string("a connection broke: ") + e.what());
  }
  connection->cut();
}

}  // namespace

struct HttpServer::Impl : HttpConnectionHost {
  using HttpConnectionHost::HttpConnectionHost;

  asio::awaitable<void> accept_on(Listener* listener) {
    for (;;) {
      auto stream = co_await listener->accept();
      if (!stream) {
        if (!stopping) failed(stream.error().message);
        co_return;
      }
      admit(std::move(*stream));
    }
  }

  void admit(StreamPtr stream) {
    ++counts.accepted;
    bool welcome = true;
    if (connections.size() >= options.connections_most) {
      if (HttpConnection* longest = longest_waiting()) {
        ++counts.displaced;
        longest->cut();
      } else {
        welcome = false;
      }
    }
    if (connections.size() >= options.connections_most + kTurnedAwayMost) return;
    auto connection = std::make_shared<HttpConnection>(this, std::move(stream));
    group.spawn(run_connection(this, std::move(connection), welcome));
  }

  [[nodiscard]] HttpConnection* longest_waiting() const {
    HttpConnection* longest = nullptr;
    for (HttpConnection* each : connections) {
      if (!each->can_be_displaced()) continue;
      if (!longest || each->waiting_since() < longest->waiting_since()) longest = each;
    }
    return longest;
  }

  asio::awaitable<void> watch_clock() {
    const auto tick = tick_for(options);
    for (;;) {
      if (connections.empty()) {
        co_await changed.wait(kIdleLook);
        continue;
      }
      co_await pause(tick);
      const auto now = SystemClock().now();
      for (auto next = connections.begin(); next != connections.end();) {
        HttpConnection* each = *next++;
        if (each->deadline() <= now) each->expire();
      }
    }
  }

  std::list<Listener> listeners;
  bool started = false;
};

HttpServer::HttpServer(asio::any_io_executor executor, HttpServerOptions options,
                       std::vector<Route> routes)
    : impl_(std::make_unique<Impl>(std::move(executor), std::move(options), std::move(routes))) {}

HttpServer::~HttpServer() = default;

void HttpServer::serve(Listener listener) {
  if (!impl_->started) impl_->group.spawn(impl_->watch_clock());
  impl_->started = true;
  impl_->listeners.push_back(std::move(listener));
  impl_->group.spawn(impl_->accept_on(&impl_->listeners.back()));
}

asio::awaitable<void> HttpServer::stop(Duration grace) {
  auto& impl = *impl_;
  impl.stopping = true;
  for (Listener& listener : impl.listeners) listener.close();
  for (auto next = impl.connections.begin(); next != impl.connections.end();) {
    HttpConnection* each = *next++;
    each->stop();
  }
  const auto deadline = SystemClock().now() + grace;
  while (!impl.connections.empty() && SystemClock().now() < deadline) {
    co_await impl.changed.wait(deadline - SystemClock().now());
  }
  impl.group.cancel();
  for (auto next = impl.connections.begin(); next != impl.connections.end();) {
    HttpConnection* each = *next++;
    each->cut();
  }
  co_await impl.group.join();
}

HttpServerCounts HttpServer::counts() const {
  return impl_->counts;
}

}  // namespace relay::net
