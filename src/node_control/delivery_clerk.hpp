#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "node_control/delivery_book.hpp"
#include "node_control/node_handler.hpp"
#include "node_control/outbox.hpp"

namespace relay::node_control {

/// The delivery book with what it is owed: its state is saved before its actions are done, in their
/// order, and acks of an agent that is gone are forgotten. Pure. Events only note; while `has_work`
/// the caller saves what `begin_save` returns, and ends each save with `saved` or `not_saved`
/// before the next. One save serves everything that came meanwhile.
class DeliveryClerk {
 public:
  /// The outbox outlives it.
  DeliveryClerk(Outbox& outbox, MailboxPolicy policy);
  /// What the last life has left. Before everything else.
  void restore(const BookState& state, Monotonic now);

  void connected(Monotonic now);
  void disconnected() { book_->disconnected(); }
  void spawn_started(const std::string& agent_name) { book_->spawn_started(agent_name); }
  void spawn_failed(Monotonic now, const std::string& agent_name);
  void registered(Monotonic now, const std::string& agent_id, const std::string& agent_name,
                  std::optional<std::uint64_t> delivery_ack_seq);
  /// The inventory that is sent now: `registered` for those that the book does not know.
  void listed(Monotonic now, const std::vector<wire::InventoryEntry>& inventory);
  void released(const std::string& agent_id);
  void done(Monotonic now, const std::string& agent_id, std::uint64_t seq,
            std::string_view delivery_id);
  void failed(Monotonic now, const std::string& agent_id, std::uint64_t seq,
              const std::string& delivery_id);
  Verdict deliver(Monotonic now, Delivery frame);
  void on_time(Monotonic now);

  [[nodiscard]] bool has_work() const { return !pending_.empty() || dirty_; }
  /// Nothing is to be saved, and nothing is being saved.
  [[nodiscard]] bool is_idle() const { return !has_work() && !saving_; }
  /// Actions that no save has taken up.
  [[nodiscard]] std::size_t pending() const { return pending_.size(); }

  [[nodiscard]] std::shared_ptr<const BookChange> begin_save();
  /// Nothing of it is done: it stays in front of what came meanwhile.
  void not_saved(const BookChange& change);
  /// It is durable. The caller does the actions now in their order, each after `perform`, and says
  /// `performed` behind the last.
  void saved() { saving_ = false; }
  /// What concerns acks; they are in the outbox then.
  void perform(const DeliveryAction& action);
  void performed();

  [[nodiscard]] const DeliveryBook& book() const { return *book_; }

 private:
  void note(DeliveryBook::Actions actions);
  void bound(const std::string& agent_id, const std::string& agent_name);
  void forget(const std::string& agent_id);
  [[nodiscard]] bool names_agent(const Ack& ack) const;

  Outbox& outbox_;
  MailboxPolicy policy_;
  std::optional<DeliveryBook> book_;
  DeliveryBook::Actions pending_;
  /// The state changed without an action.
  bool dirty_ = false;
  bool saving_ = false;
  /// Released since the actions that wait were noted: their acks are for nobody.
  std::set<std::string> gone_;
  std::map<std::string, std::string> id_of_name_;
};

}  // namespace relay::node_control
