#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "broker/operations.hpp"
#include "net/http_guard.hpp"
#include "net/http_router.hpp"

namespace relay::broker {

/// What the local API says about where the broker belongs; known once the engine has answered.
class WorkspaceFacts {
 public:
  WorkspaceFacts() = default;
  explicit WorkspaceFacts(std::string id_in) : id(std::move(id_in)) {}

  std::string id;
  /// Empty: it has none.
  std::string alias;
  /// Given to whoever holds the API's key, for clients that talk to the engine themselves.
  Secret key;
  /// The engine's address; empty when it is the clients' default.
  std::string base_url;
  /// Who the broker is at the engine: what people at this machine send comes from there.
  std::string self_name;
  std::string self_agent_id;
};

class LocalApiSettings {
 public:
  LocalApiSettings() = default;

  /// Asked of every TCP client; an empty one lets nobody in.
  Secret key;
  /// As in Listener::port.
  std::uint16_t port = 0;
  std::string version;
  /// Without it the broker ends when no client renews its session within `lease`; that is the
  /// owner's business, who is told of each renewal.
  bool persist = true;
  Duration lease = std::chrono::seconds(120);
  std::function<void()> on_renewed;
  /// Conversations (event streams, terminals) at the same time; one more is answered 503.
  std::size_t streams_most = 128;
  /// Gets what went wrong inside, for the log: never sent to the client.
  std::function<void(std::string)> on_failure;
};

/// The broker's API for programs of this machine: HTTP and WebSockets, over TCP on the loopback
/// with a key and over a 0600 Unix socket without one. What happens is decided by the Operations;
/// here it is put into the words of the wire.
///
/// Until `engine_ready` only /health, /healthz and /readyz answer, everything else is 503: clients
/// try again.
///
/// The owner builds an HttpServer from `guard()` and `routes()`, and ends with
/// `co_await shielded(); co_await server.stop(grace); co_await api.stop();`. The API outlives the
/// server; Operations and clock outlive the API. All on the loop thread.
class LocalApi {
 public:
  LocalApi(asio::any_io_executor executor, Operations& operations, LocalApiSettings settings,
           const Clock& clock);
  ~LocalApi();
  LocalApi(const LocalApi&) = delete;
  LocalApi& operator=(const LocalApi&) = delete;

  [[nodiscard]] std::vector<net::Route> routes();
  /// Host, Origin, peer, start-up phase and key, in this order.
  [[nodiscard]] net::HttpGuard guard() const;

  void engine_ready(WorkspaceFacts facts);

  /// Conversations that are open.
  [[nodiscard]] std::size_t streams() const;

  /// Until viewers have all output of programs that are left to the next broker, or the time is
  /// over.
  asio::awaitable<void> show_the_rest(Duration at_most);
  /// Says goodbye to every conversation, within 2 s.
  asio::awaitable<void> stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay::broker
