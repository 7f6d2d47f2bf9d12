#include "node_control/node_deliveries.hpp"

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
      save_within_(save_within),
      hooks_(std::move(hooks)),
      clerk_(outbox, policy),
      changed_(std::move(executor)) {}

asio::awaitable<Result<void>> NodeDeliveries::restore() {
  auto work = store_.load();
  auto state = co_await net::with_timeout(std::move(work), save_within_, "reading the journal");
  if (!state) co_return fail(std::move(state).error());
  clerk_.restore(*state, clock_.now());
  co_return Result<void>();
}

asio::awaitable<void> NodeDeliveries::work() {
  for (;;) {
    if (!clerk_.has_work()) {
      co_await changed_.wait(kLookForChanges);
      continue;
    }
    const auto change = clerk_.begin_save();
    failpoint(Failpoint::before_save);
    const bool saved = co_await save(change);
    if (saved) {
      clerk_.saved();
      failpoint(Failpoint::saved);
      perform(*change);
      changed_.notify();
      continue;
    }
    clerk_.not_saved(*change);
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
    if (clerk_.is_idle() || rest <= Duration::zero()) co_return;
    co_await changed_.wait(rest);
  }
}

void NodeDeliveries::perform(const BookChange& change) {
  for (const auto& action : change.actions) perform(action);
  clerk_.performed();
  hooks_.flush();
}

void NodeDeliveries::perform(const DeliveryAction& action) {
  clerk_.perform(action);
  std::visit(Overloaded{
                 [&](const Surface& surface) { handler_.surfaced(surface.delivery, surface.late); },
                 [&](const DeadLetter& letter) { handler_.dead_letter(letter); },
                 [&](const Skipped& range) { handler_.skipped(range); },
                 [&](const Resync&) { hooks_.resync(); },
                 [&](const Renamed& change) { handler_.renamed(change); },
                 [](const Ack&) {},
                 [](const Renumbered&) {},
             },
             action);
}

/// Something may be to be saved now, and a deadline may have come nearer.
void NodeDeliveries::noted() {
  changed_.notify();
  hooks_.wake();
}

void NodeDeliveries::connected() {
  clerk_.connected(clock_.now());
  noted();
}

void NodeDeliveries::disconnected() {
  clerk_.disconnected();
}

void NodeDeliveries::spawn_started(const std::string& agent_name) {
  clerk_.spawn_started(agent_name);
}

void NodeDeliveries::spawn_failed(const std::string& agent_name) {
  clerk_.spawn_failed(clock_.now(), agent_name);
  noted();
}

void NodeDeliveries::registered(const std::string& agent_id, const std::string& agent_name,
                                std::optional<std::uint64_t> delivery_ack_seq) {
  clerk_.registered(clock_.now(), agent_id, agent_name, delivery_ack_seq);
  noted();
}

void NodeDeliveries::listed(const std::vector<wire::InventoryEntry>& inventory) {
  clerk_.listed(clock_.now(), inventory);
  noted();
}

void NodeDeliveries::released(const std::string& agent_id) {
  clerk_.released(agent_id);
  noted();
}

void NodeDeliveries::done(const std::string& agent_id, std::uint64_t seq,
                          std::string_view delivery_id) {
  clerk_.done(clock_.now(), agent_id, seq, delivery_id);
  noted();
}

void NodeDeliveries::failed(const std::string& agent_id, std::uint64_t seq,
                            const std::string& delivery_id) {
  clerk_.failed(clock_.now(), agent_id, seq, delivery_id);
  noted();
}

asio::awaitable<bool> NodeDeliveries::room() {
  const auto end = SystemClock().now() + kRoomWithin;
  while (clerk_.pending() >= kMostPending) {
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
  const Verdict verdict = clerk_.deliver(clock_.now(), std::move(frame));
  if (clerk_.has_work()) noted();
  return verdict;
}

void NodeDeliveries::on_time() {
  clerk_.on_time(clock_.now());
  if (clerk_.has_work()) noted();
}

}  // namespace relay::node_control
