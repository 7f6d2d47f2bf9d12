#pragma once

#include <cstdint>
#include <deque>
#include <utility>

#include "base/result.hpp"
#include "net/event.hpp"

namespace relay::net {

/// A bounded queue between coroutines of one loop thread. What happens when it is full is the
/// sender's choice, made at the call: `try_send` gives the value back at once, `send` waits for
/// room.
template <class T>
class Channel {
 public:
  Channel(asio::any_io_executor executor, std::size_t capacity)
      : capacity_(capacity), changed_(std::move(executor)) {}

  /// False when full or closed; `value` is then untouched and the refusal counted.
  [[nodiscard]] bool try_send(T& value) {
    if (closed_ || queue_.size() >= capacity_) {
      ++refused_;
      return false;
    }
    queue_.push_back(std::move(value));
    changed_.notify();
    return true;
  }

  /// Waits for room: `queue_full` when there was none within `at_most`, `connection_closed` when
  /// closed.
  asio::awaitable<Result<void>> send(T value, Duration at_most) {
    const auto deadline = SystemClock().now() + at_most;
    while (!closed_ && queue_.size() >= capacity_) {
      if (!co_await changed_.wait(deadline - SystemClock().now())) {
        ++refused_;
        co_return fail(Code::queue_full, "the queue stayed full");
      }
    }
    if (closed_) co_return fail(Code::connection_closed, "the queue is closed");
    queue_.push_back(std::move(value));
    changed_.notify();
    co_return Result<void>();
  }

  /// The oldest value; `timeout` when none came, `connection_closed` when closed and drained.
  asio::awaitable<Result<T>> receive(Duration at_most) {
    const auto deadline = SystemClock().now() + at_most;
    while (queue_.empty() && !closed_) {
      if (!co_await changed_.wait(deadline - SystemClock().now())) {
        co_return fail(Code::timeout, "nothing came");
      }
    }
    if (queue_.empty()) co_return fail(Code::connection_closed, "the queue is closed");
    T value = std::move(queue_.front());
    queue_.pop_front();
    changed_.notify();
    co_return value;
  }

  /// No more sends; what is queued can still be received.
  void close() {
    closed_ = true;
    changed_.notify();
  }

  [[nodiscard]] std::size_t size() const { return queue_.size(); }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  /// How often a sender found it full or closed.
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  std::size_t capacity_;
  std::deque<T> queue_;
  std::uint64_t refused_ = 0;
  bool closed_ = false;
  Event changed_;
};

}  // namespace relay::net
