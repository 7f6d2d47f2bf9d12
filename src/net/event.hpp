#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <memory>

#include "base/clock.hpp"

namespace relay::net {

/// A condition to wait for on one loop thread: waiters look at the state they care about, wait, and
/// look again after every notify. Not for use across threads.
class Event {
 public:
  explicit Event(asio::any_io_executor executor);
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  /// True when notified, false when `at_most` was over first. Cancelling the coroutine ends the
  /// wait. The event may be destroyed meanwhile: its waiters are notified.
  asio::awaitable<bool> wait(Duration at_most);

  /// Wakes every coroutine that is waiting now; one that starts to wait later is not woken.
  void notify();

 private:
  struct Waiters;
  asio::any_io_executor executor_;
  /// Shared with each wait, which outlives an event that is destroyed under it.
  std::shared_ptr<Waiters> waiters_;
};

}  // namespace relay::net
