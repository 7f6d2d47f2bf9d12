#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "node_control/reply_book.hpp"
#include "wire/engine_frames.hpp"

namespace relay::node_control {

/// Who waits for which answer of the engine: the coroutines around ReplyBook.
class NodeQuestions {
 public:
  /// A registration that succeeded when nobody waited any more.
  using Undo = std::function<void(const Compensate&)>;

  NodeQuestions(asio::any_io_executor executor, Clock& clock, Undo undo);

  /// A registration of an agent: its question is open until `wait` returns.
  Result<void> ask_registration(const std::string& id, const std::string& agent_name);
  /// It could not be sent after all.
  void forget(const std::string& id);
  /// The engine's answer to the question, or why there will be none: `timeout` after 30 s,
  /// `connection_closed`, or its refusal. Cancelling ends the wait; a late success is then undone.
  asio::awaitable<Result<wire::AgentRegistered>> wait(std::string id);

  /// False when the frame answers nothing of ours.
  [[nodiscard]] bool received(const wire::Reply& reply);
  [[nodiscard]] bool received(const wire::ErrorFrame& error);
  void disconnected();
  void on_time();
  [[nodiscard]] std::optional<Monotonic> next_deadline() const { return book_.next_deadline(); }
  /// Everybody who waits gets this.
  void give_up(const Error& error);
  /// Returns when nobody is in `wait` any more; after `give_up`.
  asio::awaitable<void> left();
  [[nodiscard]] std::size_t open() const { return book_.open(); }

 private:
  struct Waiter;
  class Waiting;
  using Outcome = Result<wire::AgentRegistered>;
  void settle(const std::string& id, Outcome outcome);
  bool apply(const ReplyBook::Actions& actions, const Outcome& outcome);

  asio::any_io_executor executor_;
  Clock& clock_;
  Undo undo_;
  ReplyBook book_;
  std::map<std::string, std::shared_ptr<Waiter>> waiters_;
};

/// What an engine says on the node socket as our error: the code in its own words is in front.
[[nodiscard]] Error engine_refusal(const wire::ErrorFrame& frame);

}  // namespace relay::node_control
