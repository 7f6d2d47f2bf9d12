#pragma once

#include <asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.hpp"
#include "base/result.hpp"
#include "net/tls.hpp"
#include "net/websocket.hpp"
#include "net/ws_client.hpp"
#include "node_control/node_options.hpp"
#include "node_control/node_tokens.hpp"
#include "node_control/reconnect_policy.hpp"

namespace relay::node_control {

/// One connection of the node: a socket that carries frames, from the end of its handshake.
class NodeLink {
 public:
  explicit NodeLink(net::WebSocket socket) : socket_(std::move(socket)) {}

  /// The next text frame; binary ones are passed over and counted. An error is the end, and says
  /// the close code.
  asio::awaitable<Result<std::string>> receive();

  /// Writes at once, or what the socket does not take a moment later. `queue_full` when the engine
  /// does not read; nothing was sent then.
  Result<void> send(std::string_view frame);
  void ping() { socket_.ping(); }

  /// Says close and waits for the answer, `within` at most.
  asio::awaitable<void> close(std::string reason, Duration within);
  /// For a connection that is dead.
  void abort() noexcept { socket_.abort(); }

  [[nodiscard]] Monotonic last_heard() const { return socket_.last_heard(); }
  [[nodiscard]] std::size_t binary_frames() const { return binary_frames_; }

 private:
  net::WebSocket socket_;
  std::size_t binary_frames_ = 0;
};

/// What became of a try.
class LinkOutcome {
 public:
  LinkOutcome() = default;

  /// Shared with whoever closes it while another reads.
  std::shared_ptr<NodeLink> link;
  /// Set exactly when there is no link.
  std::optional<Error> error;
  ConnectFailure failure;
};

/// The node's endpoint of an engine: "wss://…/v1/node/ws".
[[nodiscard]] std::string node_endpoint(std::string_view engine);

/// Opens links to one engine. Outlives the coroutines of `dial`.
class NodeDialer {
 public:
  /// Both outlive this and its links.
  NodeDialer(const NodeOptions& options, Random& random) : options_(options), random_(random) {}

  /// With the token in a header. Ends within `connect_within`.
  asio::awaitable<LinkOutcome> dial(Secret token);

 private:
  [[nodiscard]] Result<net::WsClientOptions> call_for(const Secret& token);

  const NodeOptions& options_;
  Random& random_;
  /// Made for the first connection that needs it.
  std::optional<net::TlsContext> tls_;
};

}  // namespace relay::node_control
