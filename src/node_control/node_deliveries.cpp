#include "node_control/node_deliveries.hpp"

#include <algorithm>
#include <utility>

#include "base/failpoint.hpp"
#include "net/timeout.hpp"

namespace relay::node_control {
namespace {

constexpr Duration kLookForChanges = std::chrono::minutes(10);

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

}  // namespace

NodeDeliveries::NodeDeliveries(asio::any_io_executor executor, Clock& clock, NodeHandler& handler,
                               BookStore& store, Outbox& outbox, MailboxPolicy policy,
                               Duration save_within, Hooks hooks)
    : clock_(clock),
      handler_(handler),
      store_(store),
      outbox_(outbox),
      policy_(policy),
      save_within_(save_within),
      hooks_(std::move(hooks)),
      changed_(std::move(executor)) {
  book_.emplace(policy_);
}

asio::awaitable<Result<void>> NodeDeliveries::restore() {
  auto work = store_.load();
  auto state = co_await net::with_timeout(std::move(work), save_within_, "reading the journal");
  if (!state) co_return fail(std::move(state).error());
  for (const auto& agent : state->live) {
    if (!agent.agent_name.empty()) id_of_name_[agent.agent_name] = agent.agent_id;
  }
  book_.emplace(*state, clock_.now(), policy_);
  co_return Result<void>();
}

asio::awaitable<void> NodeDeliveries::work() {
  for (;;) {
    if (pending_.empty() && !dirty_) {
      co_await changed_.wait(kLookForChanges);
      continue;
    }
    working_ = true;
    auto change = std::make_shared<BookChange>();
    change->actions = std::exchange(pending_, Actions());
    dirty_ = false;
    change->state = book_->state();
    failpoint(Failpoint::before_save);
    const bool saved = co_await save(change);
    working_ = false;
    if (saved) {
      failpoint(Failpoint::saved);
      perform(*change);
      changed_.notify();
      continue;
    }
    // Nothing of it was done: it stays in front of what came meanwhile.
    pending_.insert(pending_.begin(), change->actions.begin(), change->actions.end());
    dirty_ = true;
    co_await net::pause(kStoreRetry);
  }
}

asio::awaitable<bool> NodeDeliveries::save(std::shared_ptr<const BookChange> change) {
  auto work = store_.save(std::move(change));
  const auto saved =
      co_await net::with_timeout(std::move(work), save_within_, "writing the journal");
  if (saved) {
    if (std::exchange(store_error_, std::nullopt)) hooks_.resync();
    co_return true;
  }
  if (!store_error_) hooks_.store_failed(saved.error());
  store_error_ = saved.error();
  changed_.notify();
  co_return false;
}

asio::awaitable<void> NodeDeliveries::finish(Duration at_most) {
  const auto end = SystemClock().now() + at_most;
  for (;;) {
    const auto rest = end - SystemClock().now();
    if (idle() || rest <= Duration::zero()) co_return;
    co_await changed_.wait(rest);
  }
}

void NodeDeliveries::perform(const BookChange& change) {
  for (const auto& action : change.actions) perform(action);
  if (pending_.empty()) gone_.clear();
  hooks_.flush();
}

void NodeDeliveries::perform(const DeliveryAction& action) {
  std::visit(Overloaded{
                 [&](const Surface& surface) { handler_.surfaced(surface.delivery, surface.late); },
                 [&](const Ack& ack) {
                   if (names_agent(ack)) {
                     outbox_.ack({ack.agent_id, ack.agent_name, ack.up_to_seq});
                   }
                 },
                 [&](const DeadLetter& letter) { handler_.dead_letter(letter); },
                 [&](const Skipped& range) { handler_.skipped(range); },
                 [&](const Resync&) { hooks_.resync(); },
                 [&](const Renamed& change) {
                   outbox_.forget_acks_of(change.agent_id);
                   handler_.renamed(change);
                 },
                 [&](const Renumbered& change) { outbox_.forget_acks_of(change.agent_id); },
             },
             action);
}

/// Whether the name of an ack, noted a while ago, still stands for its agent. An agent that is not
/// ours (its messages are dead letters) has a name that nobody here has.
bool NodeDeliveries::names_agent(const Ack& ack) const {
  if (gone_.contains(ack.agent_id)) return false;
  const auto holder = id_of_name_.find(ack.agent_name);
  if (holder != id_of_name_.end()) return holder->second == ack.agent_id;
  return !book_->cursor_of(ack.agent_id);
}

void NodeDeliveries::note(Actions actions) {
  for (auto& action : actions) {
    if (const auto* change = std::get_if<Renamed>(&action)) bound(change->agent_id, change->to);
    pending_.push_back(std::move(action));
  }
  dirty_ = true;
  changed_.notify();
  hooks_.wake();
}

/// Acks go by name: those of whoever had this name before must not be written any more.
void NodeDeliveries::bound(const std::string& agent_id, const std::string& agent_name) {
  auto& holder = id_of_name_[agent_name];
  if (!holder.empty() && holder != agent_id) forget(holder);
  holder = agent_id;
  std::erase_if(id_of_name_, [&](const auto& entry) {
    return entry.second == agent_id && entry.first != agent_name;
  });
  gone_.erase(agent_id);
}

void NodeDeliveries::forget(const std::string& agent_id) {
  outbox_.forget_acks_of(agent_id);
  if (!idle()) gone_.insert(agent_id);
}

void NodeDeliveries::connected() {
  note(book_->connected(clock_.now()));
}

void NodeDeliveries::disconnected() {
  book_->disconnected();
}

void NodeDeliveries::spawn_started(const std::string& agent_name) {
  book_->spawn_started(agent_name);
}

void NodeDeliveries::spawn_failed(const std::string& agent_name) {
  note(book_->spawn_failed(clock_.now(), agent_name));
}

void NodeDeliveries::registered(const std::string& agent_id, const std::string& agent_name,
                                std::optional<std::uint64_t> delivery_ack_seq) {
  // An agent that changes its name: acks under the old one are another's.
  const auto holder = id_of_name_.find(agent_name);
  if (holder == id_of_name_.end() || holder->second != agent_id) forget(agent_id);
  bound(agent_id, agent_name);
  note(book_->registered(clock_.now(), agent_id, agent_name, delivery_ack_seq));
}

void NodeDeliveries::listed(const std::string& agent_id, const std::string& agent_name) {
  const auto holder = id_of_name_.find(agent_name);
  const bool known = holder != id_of_name_.end() && holder->second == agent_id;
  if (!known || !book_->cursor_of(agent_id)) registered(agent_id, agent_name, std::nullopt);
}

void NodeDeliveries::released(const std::string& agent_id) {
  forget(agent_id);
  std::erase_if(id_of_name_, [&](const auto& entry) { return entry.second == agent_id; });
  book_->released(agent_id);
  dirty_ = true;
  changed_.notify();
}

void NodeDeliveries::done(const std::string& agent_id, std::uint64_t seq,
                          std::string_view delivery_id) {
  note(book_->done(clock_.now(), agent_id, seq, delivery_id));
}

void NodeDeliveries::failed(const std::string& agent_id, std::uint64_t seq,
                            const std::string& delivery_id) {
  note(book_->failed(clock_.now(), agent_id, seq, delivery_id));
}

asio::awaitable<bool> NodeDeliveries::room() {
  const auto end = SystemClock().now() + kRoomWithin;
  while (pending_.size() >= kMostPending) {
    const auto rest = end - SystemClock().now();
    if (store_error_ || rest <= Duration::zero()) {
      ++left_;
      co_return false;
    }
    co_await changed_.wait(rest);
  }
  co_return true;
}

Verdict NodeDeliveries::deliver(Delivery frame) {
  auto decision = book_->deliver(clock_.now(), std::move(frame));
  // A repeat that changes nothing needs no save.
  if (!decision.actions.empty() || decision.verdict == Verdict::held) {
    note(std::move(decision.actions));
  }
  return decision.verdict;
}

void NodeDeliveries::on_time() {
  auto actions = book_->on_time(clock_.now());
  if (!actions.empty()) note(std::move(actions));
}

}  // namespace relay::node_control
