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
#include "base/random.hpp"
#include "engine/happenings.hpp"
#include "engine/store/sqlite/store_thread.hpp"
#include "net/http_router.hpp"

namespace relay::engine {

class HubSettings {
 public:
  /// Sockets at a time; one more is refused with 503.
  std::size_t nodes_most = 16 * 1024;
  std::size_t watchers_most = 1024;
  /// Bytes that may wait in the socket of a node before its mailboxes rest.
  std::size_t node_queue = std::size_t{256} << 10U;
  /// Something was put into the outbox of subscriptions. May be empty.
  std::function<void()> wake_outbox;
  /// How long an observer whose token, scope or filters were changed is shown as before.
  Duration look_at_observers = std::chrono::seconds(5);
  /// Gets what went wrong inside of the hub, for the log.
  std::function<void(std::string)> on_failure;
};

/// What the hub has done since its start.
class HubCounts {
 public:
  /// Connected now; those that have registered.
  std::size_t nodes = 0;
  std::size_t registered = 0;
  std::size_t watchers = 0;
  /// Frames that carry a message, redeliveries included; events outside of mailboxes; actions.
  std::uint64_t deliveries = 0;
  std::uint64_t events = 0;
  std::uint64_t actions = 0;
  /// Frames that were not sent because the node read too slowly. Messages are never dropped.
  std::uint64_t dropped = 0;
};

/// The engine's side of every WebSocket: nodes on /v1/node/ws, who watches a workspace on /v1/ws.
/// It sends what waits in mailboxes and what operations of the store have caused, and looks after
/// what has to happen by time. Nothing that must not be forgotten is kept here: after a restart the
/// nodes connect again, and the mailboxes say what is to be sent.
///
/// All calls on the loop thread of `executor`. Clock, random and store outlive it. The owner ends
/// with `co_await net::shielded(); co_await hub.stop(grace);`, before it closes the store.
class Hub {
 public:
  Hub(asio::any_io_executor executor, const Clock& clock, Random& random, StoreThread& store,
      HubSettings settings);
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  /// GET /v1/node/ws and GET /v1/ws. The hub outlives the server that has them.
  [[nodiscard]] std::vector<net::Route> routes();

  /// Begins to deliver and to sweep.
  void start();

  /// What an operation of the store has caused, once it is durable. Never waits; what cannot be
  /// sent now is sent from the store later, or was best effort.
  void tell(Happenings happenings);

  /// Somebody has moved the clock by hand: what is due by it is done now.
  void look_at_clock();

  /// Takes no more sockets and closes those there are (1001), at most for `grace`. Nodes are not
  /// marked as lost: those that do not come back are by the next sweep of whoever has the store
  /// then.
  asio::awaitable<void> stop(Duration grace);

  [[nodiscard]] HubCounts counts() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay::engine
