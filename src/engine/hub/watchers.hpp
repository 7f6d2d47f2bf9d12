// Internal to engine/hub/: who watches a workspace on /v1/ws.
#pragma once

#include <asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

#include "engine/hub/hub_parts.hpp"
#include "engine/hub/stream_feed.hpp"
#include "net/http_exchange.hpp"

namespace relay::engine {

/// The sockets of watchers: those who have the key of a workspace. Agents are told what is for them
/// on the socket of their node. One who reads too slowly is closed, and may come back and ask for
/// what it has missed.
class Watchers {
 public:
  /// Bytes that may wait for one of them.
  static constexpr std::size_t kQueue = std::size_t{1} << 20U;
  /// How long what was told is kept for those who have gone.
  static constexpr Duration kKeptFor = std::chrono::minutes(10);

  explicit Watchers(HubParts* parts) : parts_(*parts) {}

  void publish(Id workspace, wire::StreamMessageToClient event);

  /// Ends those that are still closing.
  void abort_all() noexcept;

  /// GET /v1/ws
  asio::awaitable<void> answer(net::Exchange* exchange);

 private:
  using SocketPtr = std::shared_ptr<net::WebSocket>;
  struct Feed {
    explicit Feed(Wall start) : events(start) {}
    StreamFeed events;
    std::set<SocketPtr> sockets;
    Monotonic left;
  };

  asio::awaitable<std::optional<Id>> workspace_of(net::Exchange* exchange);
  asio::awaitable<void> hold(SocketPtr socket, Id workspace);
  asio::awaitable<void> talk(SocketPtr socket, Id workspace);
  asio::awaitable<bool> serve(SocketPtr socket, Id workspace, std::string request);
  void forget_old_feeds();

  HubParts& parts_;
  std::unordered_map<Id, Feed> feeds_;
};

}  // namespace relay::engine
