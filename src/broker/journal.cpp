#include "broker/journal.hpp"

#include <algorithm>
#include <functional>
#include <mutex>
#include <utility>

#include "broker/journal_book.hpp"
#include "broker/journal_db.hpp"
#include "broker/journal_messages.hpp"
#include "broker/journal_records.hpp"
#include "net/event.hpp"
#include "net/timeout.hpp"
#include "storage/storage_thread.hpp"

namespace relay::broker {
namespace {

constexpr Duration kLookAtHealth = std::chrono::minutes(10);

/// A message and the generation that begins it.
using Start = std::pair<MessageKey, std::string>;

}  // namespace

/// The tables are the storage thread's; each call packs what it needs into a job for it.
struct Journal::Impl {
  Impl(asio::any_io_executor executor, os::Path path, const Clock& clock_in)
      : db(std::move(path)), clock(clock_in), changed(executor), storage(executor, db) {}

  /// In a transaction. What went wrong with the database goes before what the job says.
  template <class T>
  asio::awaitable<Result<T>> run(std::function<Result<T>()> work) {
    std::function<Result<T>()> checked = [this, work = std::move(work)]() -> Result<T> {
      auto result = work();
      if (db.db().failed()) return fail(*db.db().error());
      return result;
    };
    auto running = storage.run<T>(std::move(checked));
    return noticed<T>(std::move(running));
  }

  template <class T>
  asio::awaitable<Result<T>> noticed(asio::awaitable<Result<T>> work) {
    auto result = co_await std::move(work);
    if (!result) changed.notify();
    co_return result;
  }

  asio::awaitable<Result<void>> open() {
    const Wall now = clock.wall();
    std::function<Result<void>()> work = [this, now] {
      auto result = db.open(now);
      auto found = db.take_notes();
      const std::lock_guard guard(mutex);
      for (auto& note : found) notes.push_back(std::move(note));
      return result;
    };
    return storage.run_alone<void>(std::move(work));
  }

  /// In a job: whether the message begins.
  bool begin(const MessageKey& key, const std::string& generation) {
    if (generation.empty()) return false;
    const auto attempt = messages.begin({key}, generation);
    return attempt && attempt->front().standing == Attempt::Standing::begun;
  }

  /// In a job: those that begin, and those that began in a save that was called a failure.
  std::vector<Start> begun_of(const std::vector<Start>& starts) {
    std::vector<Start> begun;
    for (const auto& [key, generation] : starts) {
      std::string by = begin(key, generation) ? generation : messages.generation_of(key);
      if (!by.empty()) begun.emplace_back(key, std::move(by));
    }
    return begun;
  }

  JournalDb db;
  JournalMessages messages{db};
  JournalBook book{db, messages};
  JournalRecords records{db};
  const Clock& clock;
  /// A call has failed.
  net::Event changed;
  std::mutex mutex;
  std::vector<std::string> notes;
  NextReader next_reader;
  std::vector<Start> begun_in_save;
  /// Last: its thread uses all of the others.
  StorageThread storage;
};

Journal::Journal(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Journal::~Journal() = default;

asio::awaitable<Result<std::unique_ptr<Journal>>> Journal::open(asio::any_io_executor executor,
                                                                os::Path path, const Clock& clock) {
  auto impl = std::make_unique<Impl>(std::move(executor), std::move(path), clock);
  return opened(std::unique_ptr<Journal>(new Journal(std::move(impl))));
}

asio::awaitable<Result<std::unique_ptr<Journal>>> Journal::opened(
    std::unique_ptr<Journal> journal) {
  auto opening = journal->impl_->open();
  auto done = co_await std::move(opening);
  if (!done) co_return fail(std::move(done).error());
  co_return std::move(journal);
}

std::vector<std::string> Journal::report() {
  const std::lock_guard guard(impl_->mutex);
  return std::exchange(impl_->notes, {});
}

std::optional<Error> Journal::health() const {
  return impl_->db.health();
}

JournalCounters Journal::counters() const {
  JournalCounters counters;
  counters.jobs = impl_->storage.jobs();
  counters.transactions = impl_->storage.groups();
  counters.evicted = impl_->db.evicted();
  return counters;
}

asio::awaitable<Result<void>> Journal::reopen() {
  return impl_->open();
}

asio::awaitable<void> Journal::keep_open() {
  Duration pause = kFirstRetry;
  for (;;) {
    const auto error = impl_->db.health();
    if (!error) {
      pause = kFirstRetry;
      co_await impl_->changed.wait(kLookAtHealth);
      continue;
    }
    co_await net::pause(pause);
    pause = std::min(pause * 2, kLastRetry);
    auto opening = impl_->open();
    (void)co_await std::move(opening);
  }
}

asio::awaitable<void> Journal::close() {
  co_await impl_->storage.close();
}

asio::awaitable<Result<node_control::BookState>> Journal::load() {
  using State = node_control::BookState;
  return impl_->run<State>([impl = impl_.get()]() -> Result<State> { return impl->book.load(); });
}

asio::awaitable<Result<void>> Journal::save(
    std::shared_ptr<const node_control::BookChange> change) {
  impl_->begun_in_save.clear();
  std::vector<Start> starts;
  for (const auto& action : change->actions) {
    const auto* surface = std::get_if<node_control::Surface>(&action);
    if (surface == nullptr || !impl_->next_reader) continue;
    const node_control::Delivery& delivery = surface->delivery;
    std::string generation = impl_->next_reader(delivery.agent_id);
    starts.emplace_back(MessageKey(delivery.agent_id, delivery.delivery_id, delivery.seq),
                        std::move(generation));
  }
  auto work = impl_->run<std::vector<Start>>(
      [impl = impl_.get(), change = std::move(change), starts = std::move(starts),
       now = impl_->clock.wall()]() -> Result<std::vector<Start>> {
        auto saved = impl->book.save(*change, now);
        if (!saved) return fail(std::move(saved).error());
        return impl->begun_of(starts);
      });
  auto begun = co_await std::move(work);
  if (!begun) co_return fail(std::move(begun).error());
  impl_->begun_in_save = *std::move(begun);
  co_return Result<void>();
}

void Journal::begin_with(NextReader next_reader) {
  impl_->next_reader = std::move(next_reader);
}

std::string Journal::begun_by(const MessageKey& key) const {
  const auto found = std::find_if(impl_->begun_in_save.begin(), impl_->begun_in_save.end(),
                                  [&key](const Start& start) { return start.first == key; });
  return found == impl_->begun_in_save.end() ? std::string() : found->second;
}

asio::awaitable<Result<OpenMessages>> Journal::open_messages() {
  return impl_->run<OpenMessages>(
      [impl = impl_.get()]() -> Result<OpenMessages> { return impl->book.open_messages(); });
}

asio::awaitable<Result<bool>> Journal::accept_local(node_control::Delivery delivery,
                                                    std::string generation) {
  return impl_->run<bool>([impl = impl_.get(), delivery = std::move(delivery),
                           generation = std::move(generation),
                           now = impl_->clock.wall()]() -> Result<bool> {
    impl->messages.accept(delivery, false, MessageOrigin::local, now);
    return impl->begin(MessageKey(delivery.agent_id, delivery.delivery_id, delivery.seq),
                       generation);
  });
}

asio::awaitable<Result<std::vector<Attempt>>> Journal::begin_attempt(std::vector<MessageKey> keys,
                                                                     std::string generation) {
  return impl_->run<std::vector<Attempt>>(
      [impl = impl_.get(), keys = std::move(keys), generation = std::move(generation)] {
        return impl->messages.begin(keys, generation);
      });
}

asio::awaitable<Result<void>> Journal::take_back(std::vector<MessageKey> keys,
                                                 std::string generation) {
  return impl_->run<void>(
      [impl = impl_.get(), keys = std::move(keys), generation = std::move(generation)] {
        return impl->messages.take_back(keys, generation);
      });
}

asio::awaitable<Result<void>> Journal::written(std::vector<MessageKey> keys,
                                               std::string generation) {
  return impl_->run<void>(
      [impl = impl_.get(), keys = std::move(keys), generation = std::move(generation)] {
        return impl->messages.written(keys, generation);
      });
}

asio::awaitable<Result<void>> Journal::finish(std::vector<MessageKey> keys, std::string generation,
                                              Outcome outcome) {
  return impl_->run<void>([impl = impl_.get(), keys = std::move(keys),
                           generation = std::move(generation), outcome = std::move(outcome),
                           now = impl_->clock.wall()] {
    return impl->messages.finish(keys, generation, outcome, now);
  });
}

asio::awaitable<Result<void>> Journal::give_back(std::vector<MessageKey> keys,
                                                 std::string generation) {
  return impl_->run<void>(
      [impl = impl_.get(), keys = std::move(keys), generation = std::move(generation)] {
        return impl->messages.give_back(keys, generation);
      });
}

asio::awaitable<Result<std::size_t>> Journal::drop(std::vector<MessageKey> keys,
                                                   std::string reason) {
  return impl_->run<std::size_t>([impl = impl_.get(), keys = std::move(keys),
                                  reason = std::move(reason),
                                  now = impl_->clock.wall()]() -> Result<std::size_t> {
    return impl->messages.drop(keys, reason, now);
  });
}

asio::awaitable<Result<std::vector<DeadMessage>>> Journal::dead_letters(std::int64_t after,
                                                                        std::size_t most) {
  using Letters = std::vector<DeadMessage>;
  return impl_->run<Letters>([impl = impl_.get(), after, most]() -> Result<Letters> {
    return impl->messages.dead(after, most);
  });
}

asio::awaitable<Result<DeadMessage>> Journal::dead_letter(std::int64_t id) {
  return impl_->run<DeadMessage>([impl = impl_.get(), id] { return impl->messages.dead(id); });
}

asio::awaitable<Result<void>> Journal::remove_dead_letter(std::int64_t id) {
  return impl_->run<void>([impl = impl_.get(), id] { return impl->messages.remove_dead(id); });
}

asio::awaitable<Result<Message>> Journal::redeliver(std::int64_t id, std::string agent_id) {
  return impl_->run<Message>(
      [impl = impl_.get(), id, agent_id = std::move(agent_id), now = impl_->clock.wall()] {
        return impl->messages.redeliver(id, agent_id, now);
      });
}

asio::awaitable<Result<void>> Journal::put_agent(AgentRecord agent) {
  return impl_->run<void>(
      [impl = impl_.get(), agent = std::move(agent), now = impl_->clock.wall()]() -> Result<void> {
        impl->records.put_agent(agent, now);
        return {};
      });
}

asio::awaitable<Result<void>> Journal::remove_agent(std::string name) {
  return impl_->run<void>(
      [impl = impl_.get(), name = std::move(name), now = impl_->clock.wall()]() -> Result<void> {
        impl->records.remove_agent(name, now);
        return {};
      });
}

asio::awaitable<Result<std::vector<AgentRecord>>> Journal::agents() {
  using Agents = std::vector<AgentRecord>;
  return impl_->run<Agents>(
      [impl = impl_.get()]() -> Result<Agents> { return impl->records.agents(); });
}

asio::awaitable<Result<std::vector<std::string>>> Journal::retired_generations() {
  using Generations = std::vector<std::string>;
  return impl_->run<Generations>(
      [impl = impl_.get()]() -> Result<Generations> { return impl->records.retired(); });
}

asio::awaitable<Result<void>> Journal::put_result(ActionAnswer result) {
  return impl_->run<void>([impl = impl_.get(), result = std::move(result)]() -> Result<void> {
    impl->records.put_result(result);
    return {};
  });
}

asio::awaitable<Result<void>> Journal::remove_result(std::string invocation_id) {
  return impl_->run<void>([impl = impl_.get(), id = std::move(invocation_id)]() -> Result<void> {
    impl->records.remove_result(id);
    return {};
  });
}

asio::awaitable<Result<std::vector<ActionAnswer>>> Journal::results() {
  using Answers = std::vector<ActionAnswer>;
  return impl_->run<Answers>(
      [impl = impl_.get()]() -> Result<Answers> { return impl->records.results(); });
}

asio::awaitable<Result<void>> Journal::remember_answer(std::string key, std::string body) {
  return impl_->run<void>([impl = impl_.get(), key = std::move(key), body = std::move(body),
                           now = impl_->clock.wall()]() -> Result<void> {
    impl->records.remember(key, body, now);
    return {};
  });
}

asio::awaitable<Result<std::optional<std::string>>> Journal::answer(std::string key) {
  using Body = std::optional<std::string>;
  return impl_->run<Body>([impl = impl_.get(), key = std::move(key),
                           oldest = impl_->clock.wall() - kRemembered]() -> Result<Body> {
    return impl->records.answer(key, oldest);
  });
}

asio::awaitable<Result<std::size_t>> Journal::sweep() {
  const Wall before = impl_->clock.wall() - kRemembered;
  std::function<Result<std::size_t>()> remove = [impl = impl_.get(),
                                                 before]() -> Result<std::size_t> {
    return impl->messages.sweep(before, kSweepBatch) + impl->records.sweep(before, kSweepBatch);
  };
  auto removing = impl_->run<std::size_t>(std::move(remove));
  auto removed = co_await std::move(removing);
  if (!removed) co_return removed;
  std::function<Result<void>()> tidy = [impl = impl_.get()] { return impl->db.tidy(); };
  auto tidying = impl_->storage.run_alone<void>(std::move(tidy));
  auto emptied = co_await std::move(tidying);
  if (!emptied) co_return fail(std::move(emptied).error());
  co_return removed;
}

}  // namespace relay::broker
