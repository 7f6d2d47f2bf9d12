#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "net/event.hpp"
#include "node_control/delivery_book.hpp"
#include "node_control/node_handler.hpp"
#include "node_control/outbox.hpp"

namespace relay::node_control {

/// The delivery book with what it is owed: its state is saved before its actions are done, in their
/// order, and acks of an agent that is gone are forgotten. One coroutine (`work`) saves and does;
/// all other calls only note, so that one save serves everything that came meanwhile.
class NodeDeliveries {
 public:
  /// More actions than this wait for the store: the reader waits too, and leaves frames to the
  /// engine when the store fails.
  static constexpr std::size_t kMostPending = 1000;
  /// How long the reader waits for the store before it leaves a frame to the engine.
  static constexpr Duration kRoomWithin = std::chrono::seconds(5);
  static constexpr Duration kStoreRetry = std::chrono::seconds(1);

  class Hooks {
   public:
    Hooks() = default;
    /// There are acks in the outbox.
    std::function<void()> flush;
    /// Send the inventory now.
    std::function<void()> resync;
    /// A deadline may have come nearer.
    std::function<void()> wake;
    std::function<void(const Error&)> store_failed;
  };

  NodeDeliveries(asio::any_io_executor executor, Clock& clock, NodeHandler& handler,
                 BookStore& store, Outbox& outbox, MailboxPolicy policy, Duration save_within,
                 Hooks hooks);

  /// Takes up what the last life has left. Before everything else.
  asio::awaitable<Result<void>> restore();
  /// Until it is cancelled. In a task group.
  asio::awaitable<void> work();
  /// Everything that is noted is saved and done, or `at_most` is over.
  asio::awaitable<void> finish(Duration at_most);

  void connected();
  void disconnected();
  void spawn_started(const std::string& agent_name);
  void spawn_failed(const std::string& agent_name);
  void registered(const std::string& agent_id, const std::string& agent_name,
                  std::optional<std::uint64_t> delivery_ack_seq);
  /// The same for what is in the inventory, if the book does not know it.
  void listed(const std::string& agent_id, const std::string& agent_name);
  void released(const std::string& agent_id);
  void done(const std::string& agent_id, std::uint64_t seq, std::string_view delivery_id);
  void failed(const std::string& agent_id, std::uint64_t seq, const std::string& delivery_id);

  /// Returns when a frame may be taken. False: leave this one to the engine.
  asio::awaitable<bool> room();
  Verdict deliver(Delivery frame);

  void on_time();
  [[nodiscard]] std::optional<Monotonic> next_deadline() const { return book_->next_deadline(); }

  [[nodiscard]] const DeliveryBook& book() const { return *book_; }
  [[nodiscard]] const std::optional<Error>& store_error() const { return store_error_; }
  [[nodiscard]] std::uint64_t left() const { return left_; }

 private:
  using Actions = DeliveryBook::Actions;
  void note(Actions actions);
  void bound(const std::string& agent_id, const std::string& agent_name);
  void forget(const std::string& agent_id);
  asio::awaitable<bool> save(std::shared_ptr<const BookChange> change);
  void perform(const BookChange& change);
  void perform(const DeliveryAction& action);
  [[nodiscard]] bool names_agent(const Ack& ack) const;
  [[nodiscard]] bool idle() const { return pending_.empty() && !dirty_ && !working_; }

  Clock& clock_;
  NodeHandler& handler_;
  BookStore& store_;
  Outbox& outbox_;
  MailboxPolicy policy_;
  Duration save_within_;
  Hooks hooks_;
  std::optional<DeliveryBook> book_;
  Actions pending_;
  /// The state changed without an action.
  bool dirty_ = false;
  bool working_ = false;
  net::Event changed_;
  /// Released since the actions that wait were noted: their acks are for nobody.
  std::set<std::string> gone_;
  std::map<std::string, std::string> id_of_name_;
  std::optional<Error> store_error_;
  std::uint64_t left_ = 0;
};

}  // namespace relay::node_control
