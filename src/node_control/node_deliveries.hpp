#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "net/event.hpp"
#include "node_control/delivery_clerk.hpp"
#include "node_control/node_handler.hpp"
#include "node_control/outbox.hpp"

namespace relay::node_control {

/// The delivery clerk at work: one coroutine (`work`) saves the book and does its actions; all
/// other calls only note.
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
  /// The inventory that is sent now.
  void listed(const std::vector<wire::InventoryEntry>& inventory);
  void released(const std::string& agent_id);
  void done(const std::string& agent_id, std::uint64_t seq, std::string_view delivery_id);
  void failed(const std::string& agent_id, std::uint64_t seq, const std::string& delivery_id);

  /// Returns when a frame may be taken. False: leave this one to the engine.
  asio::awaitable<bool> room();
  Verdict deliver(Delivery frame);

  void on_time();
  [[nodiscard]] std::optional<Monotonic> next_deadline() const { return book().next_deadline(); }

  [[nodiscard]] const DeliveryBook& book() const { return clerk_.book(); }
  [[nodiscard]] const std::optional<Error>& store_error() const { return store_error_; }
  [[nodiscard]] std::uint64_t left() const { return left_; }

 private:
  void noted();
  asio::awaitable<bool> save(std::shared_ptr<const BookChange> change);
  void perform(const BookChange& change);
  void perform(const DeliveryAction& action);

  Clock& clock_;
  NodeHandler& handler_;
  BookStore& store_;
  Duration save_within_;
  Hooks hooks_;
  DeliveryClerk clerk_;
  net::Event changed_;
  std::optional<Error> store_error_;
  std::uint64_t left_ = 0;
};

}  // namespace relay::node_control
