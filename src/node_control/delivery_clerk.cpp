#include "node_control/delivery_clerk.hpp"

#include <utility>

namespace relay::node_control {

DeliveryClerk::DeliveryClerk(Outbox& outbox, MailboxPolicy policy)
    : outbox_(outbox), policy_(policy) {
  book_.emplace(policy_);
}

void DeliveryClerk::restore(const BookState& state, Monotonic now) {
  for (const auto& agent : state.live) {
    if (!agent.agent_name.empty()) id_of_name_[agent.agent_name] = agent.agent_id;
  }
  book_.emplace(state, now, policy_);
}

// Events

void DeliveryClerk::note(DeliveryBook::Actions actions) {
  for (auto& action : actions) {
    if (const auto* change = std::get_if<Renamed>(&action)) bound(change->agent_id, change->to);
    pending_.push_back(std::move(action));
  }
  dirty_ = true;
}

/// Acks go by name: those of whoever had this name before must not be written any more.
void DeliveryClerk::bound(const std::string& agent_id, const std::string& agent_name) {
  auto& holder = id_of_name_[agent_name];
  if (!holder.empty() && holder != agent_id) forget(holder);
  holder = agent_id;
  std::erase_if(id_of_name_, [&](const auto& entry) {
    return entry.second == agent_id && entry.first != agent_name;
  });
  gone_.erase(agent_id);
}

void DeliveryClerk::forget(const std::string& agent_id) {
  outbox_.forget_acks_of(agent_id);
  if (!is_idle()) gone_.insert(agent_id);
}

void DeliveryClerk::connected(Monotonic now) {
  note(book_->connected(now));
}

void DeliveryClerk::spawn_failed(Monotonic now, const std::string& agent_name) {
  note(book_->spawn_failed(now, agent_name));
}

void DeliveryClerk::registered(Monotonic now, const std::string& agent_id,
                               const std::string& agent_name,
                               std::optional<std::uint64_t> delivery_ack_seq) {
  // An agent that changes its name: acks under the old one are another's.
  const auto holder = id_of_name_.find(agent_name);
  if (holder == id_of_name_.end() || holder->second != agent_id) forget(agent_id);
  bound(agent_id, agent_name);
  note(book_->registered(now, agent_id, agent_name, delivery_ack_seq));
}

void DeliveryClerk::listed(Monotonic now, const std::vector<wire::InventoryEntry>& inventory) {
  std::set<std::string> ids;
  for (const auto& entry : inventory) {
    ids.insert(entry.agent_id);
    const auto holder = id_of_name_.find(entry.name);
    const bool known = holder != id_of_name_.end() && holder->second == entry.agent_id;
    if (known && book_->cursor_of(entry.agent_id)) continue;
    registered(now, entry.agent_id, entry.name, std::nullopt);
  }
  book_->listed(now, ids);
}

void DeliveryClerk::released(const std::string& agent_id) {
  forget(agent_id);
  std::erase_if(id_of_name_, [&](const auto& entry) { return entry.second == agent_id; });
  book_->released(agent_id);
  dirty_ = true;
}

void DeliveryClerk::done(Monotonic now, const std::string& agent_id, std::uint64_t seq,
                         std::string_view delivery_id) {
  note(book_->done(now, agent_id, seq, delivery_id));
}

void DeliveryClerk::failed(Monotonic now, const std::string& agent_id, std::uint64_t seq,
                           const std::string& delivery_id) {
  note(book_->failed(now, agent_id, seq, delivery_id));
}

Verdict DeliveryClerk::deliver(Monotonic now, Delivery frame) {
  auto decision = book_->deliver(now, std::move(frame));
  // A repeat that changes nothing needs no save.
  if (!decision.actions.empty() || decision.verdict == Verdict::held) {
    note(std::move(decision.actions));
  }
  return decision.verdict;
}

void DeliveryClerk::on_time(Monotonic now) {
  auto actions = book_->on_time(now);
  if (!actions.empty()) note(std::move(actions));
}

// Saving

std::shared_ptr<const BookChange> DeliveryClerk::begin_save() {
  saving_ = true;
  auto change = std::make_shared<BookChange>();
  change->actions = std::exchange(pending_, DeliveryBook::Actions());
  dirty_ = false;
  change->state = book_->state();
  return change;
}

void DeliveryClerk::not_saved(const BookChange& change) {
  saving_ = false;
  pending_.insert(pending_.begin(), change.actions.begin(), change.actions.end());
  dirty_ = true;
}

void DeliveryClerk::perform(const DeliveryAction& action) {
  if (const auto* ack = std::get_if<Ack>(&action)) {
    if (names_agent(*ack)) outbox_.ack({ack->agent_id, ack->agent_name, ack->up_to_seq});
  } else if (const auto* change = std::get_if<Renamed>(&action)) {
    outbox_.forget_acks_of(change->agent_id);
  } else if (const auto* anew = std::get_if<Renumbered>(&action)) {
    outbox_.forget_acks_of(anew->agent_id);
  }
}

void DeliveryClerk::performed() {
  if (pending_.empty()) gone_.clear();
}

/// Whether the name of an ack, noted a while ago, still stands for its agent. An agent that is not
/// ours (its messages are dead letters) has a name that nobody here has.
bool DeliveryClerk::names_agent(const Ack& ack) const {
  if (gone_.contains(ack.agent_id)) return false;
  const auto holder = id_of_name_.find(ack.agent_name);
  if (holder != id_of_name_.end()) return holder->second == ack.agent_id;
  return !book_->cursor_of(ack.agent_id);
}

}  // namespace relay::node_control
