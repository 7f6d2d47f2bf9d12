#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/cancellation_state.hpp>
#include <exception>
#include <list>
#include <memory>
#include <string>

#include "net/event.hpp"

namespace relay::net {

/// `co_await shielded();` From here on this coroutine cannot be cancelled. For what has to be done
/// after a cancellation, where every wait has its own deadline.
inline auto shielded() {
  return asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
}

/// The owner of coroutines: none of them outlives it. All calls on the loop thread of the executor.
///
/// The owner ends with `co_await shielded(); group.cancel(); co_await group.join();`. Destroying a
/// group with running tasks is a broken invariant and terminates.
class TaskGroup {
 public:
  explicit TaskGroup(asio::any_io_executor executor);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// Starts a task. A task that throws anything but its own cancellation cancels all others, and
  /// `join` throws that exception on. After `cancel` nothing starts any more.
  void spawn(asio::awaitable<void> task);

  /// Asks every task to stop.
  void cancel();

  /// Returns when no task is left. The caller must not be cancelled meanwhile: `shielded`.
  asio::awaitable<void> join();

  [[nodiscard]] std::size_t size() const { return tasks_.size(); }

 private:
  struct Task;
  void ended(std::list<std::unique_ptr<Task>>::iterator task, std::exception_ptr error);

  asio::any_io_executor executor_;
  std::list<std::unique_ptr<Task>> tasks_;
  std::exception_ptr failure_;
  bool cancelled_ = false;
  Event empty_;
};

}  // namespace relay::net
