#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <cstddef>
#include <memory>

#include "base/random.hpp"
#include "engine/store/sqlite/store_thread.hpp"

namespace relay::engine {

/// Sends what waits in the outbox to the addresses of subscriptions: a POST of the event, signed
/// when the subscription has a secret. What is not answered with 2xx within `kAnswerTime` comes
/// again by time, at most OutboxStore::kMostAttempts times in all.
///
/// All calls on the loop thread; store and random outlive it. The owner ends with `co_await
/// net::shielded(); co_await sender.stop();`, before it closes the store.
class OutboxSender {
 public:
  static constexpr Duration kAnswerTime = std::chrono::seconds(10);
  /// Without being woken it looks this often, for what comes again by time.
  static constexpr Duration kLookEvery = std::chrono::seconds(15);
  /// Events that are under way at a time: of one receiver OutboxStore::kMostOfOne.
  static constexpr std::size_t kMostUnderWay = 16;

  OutboxSender(asio::any_io_executor executor, StoreThread& store, Random& random);
  ~OutboxSender();

  void start();
  /// There may be something new.
  void wake();
  asio::awaitable<void> stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay::engine
