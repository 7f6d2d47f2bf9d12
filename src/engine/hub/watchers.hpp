// Internal to engine/hub/: who watches a workspace on /v1/ws.
#pragma once

#include <asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "engine/hub/hub_parts.hpp"
#include "engine/hub/stream_feed.hpp"
#include "net/http_exchange.hpp"

namespace relay::engine {

/// The sockets of watchers: those who have the key of a workspace, and observers. Agents are told
/// what is for them on the socket of their node. One who reads too slowly is closed, and may come
/// back and ask for what it has missed.
class Watchers {
 public:
  /// Bytes that may wait for one of them.
  static constexpr std::size_t kQueue = std::size_t{1} << 20U;
  /// How long what was told is kept for those who have gone.
  static constexpr Duration kKeptFor = std::chrono::minutes(10);

  explicit Watchers(HubParts* parts) : parts_(*parts) {}

  void publish(Id workspace, StreamNews news);

  /// Ends those that are still closing.
  void abort_all() noexcept;

  /// GET /v1/ws
  asio::awaitable<void> answer(net::Exchange* exchange);

 private:
  /// Who asks, by its token.
  struct Seat {
    Id workspace = 0;
    StreamFilter filter;
    /// Of an observer: looked at again and again.
    std::string token_hash;
  };
  struct Watcher {
    Watcher(net::WebSocket socket_in, Seat seat_in)
        : socket(std::move(socket_in)), seat(std::move(seat_in)) {}
    net::WebSocket socket;
    Seat seat;
  };
  using WatcherPtr = std::shared_ptr<Watcher>;
  struct Feed {
    explicit Feed(Wall start) : events(start) {}
    StreamFeed events;
    std::set<WatcherPtr> watchers;
    Monotonic left;
  };

  asio::awaitable<std::optional<Seat>> seat_of(net::Exchange* exchange);
  asio::awaitable<void> hold(WatcherPtr watcher);
  asio::awaitable<void> talk(WatcherPtr watcher);
  asio::awaitable<bool> serve(WatcherPtr watcher, std::string request);
  asio::awaitable<bool> is_still_valid(WatcherPtr watcher);
  static asio::awaitable<void> send_away(WatcherPtr watcher);
  void forget_old_feeds();

  HubParts& parts_;
  std::unordered_map<Id, Feed> feeds_;
};

}  // namespace relay::engine
