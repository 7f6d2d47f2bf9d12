#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "broker/journal_types.hpp"
#include "node_control/node_handler.hpp"
#include "os/files.hpp"

namespace relay::broker {

/// What this broker must not forget: messages until they have ended, how far each agent's mailbox
/// is, dead letters, agents, results that the engine does not have yet. An SQLite database, 0600 in
/// a 0700 directory, which one process at a time has open.
///
/// On the loop thread. What a call changes is on disk, all of it, when it returns without an error;
/// calls that wait together share a transaction. After an error nothing of the call was done, with
/// these exceptions: after `timeout`, `cancelled`, `io_error` and `disk_full` it may have been, so
/// every call can be made again with the same words. `io_error` and `disk_full` are of the disk:
/// the journal then refuses everything (`health`) until `reopen` has shown that the disk takes
/// writes again; `keep_open` does that by itself.
class Journal final : public node_control::BookStore {
 public:
  /// For how long it is known what has ended, what an idempotency key was answered, and which
  /// sessions are over.
  static constexpr Duration kRemembered = std::chrono::hours(24 * 7);
  /// Rows that one `sweep` removes of each kind: a few milliseconds.
  static constexpr int kSweepBatch = 500;
  /// Between two tries to open a failed journal again.
  static constexpr Duration kFirstRetry = std::chrono::milliseconds(100);
  static constexpr Duration kLastRetry = std::chrono::seconds(5);

  /// Opens or makes the journal. What is damaged in it is put aside, and `report` says so: damage
  /// is no error. `already_running` when another process has it, `conflict` when a newer
  /// relay-broker wrote it, `unsafe_file` when others can write it, `disk_full`, `io_error`.
  /// `clock` outlives the journal, the journal ends before its loop.
  [[nodiscard]] static asio::awaitable<Result<std::unique_ptr<Journal>>> open(
      asio::any_io_executor executor, os::Path path, const Clock& clock);
  /// `close` first, or the loop waits for the disk here.
  ~Journal() override;
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// What was found damaged since the last call, in words, one thing a line.
  [[nodiscard]] std::vector<std::string> report();
  /// Why nothing is taken now; nothing when all is well.
  [[nodiscard]] std::optional<Error> health() const;
  [[nodiscard]] JournalCounters counters() const;

  /// Closes the database and opens it as at the start. Also good for a journal that is well.
  asio::awaitable<Result<void>> reopen();
  /// Until it is cancelled: after each failure opens the journal again, as soon as that works.
  asio::awaitable<void> keep_open();
  /// What waits is written, then nothing is taken any more. Not to be cancelled: `shielded`.
  asio::awaitable<void> close();

  // The delivery book. Each Surface becomes a message, each DeadLetter a dead letter, in one
  // transaction with the state of the book.
  asio::awaitable<Result<node_control::BookState>> load() override;
  asio::awaitable<Result<void>> save(
      std::shared_ptr<const node_control::BookChange> change) override;
  /// Tells the generation of the program that gets the next message of an agent; empty for none.
  /// Messages that `save` keeps from now on begin in the same step, by `begin_attempt`'s rules.
  using NextReader = std::function<std::string(const std::string& agent_id)>;
  void begin_with(NextReader next_reader);
  /// By which generation a message of the last `save` has begun, by that one or by an earlier try;
  /// empty when it has not.
  [[nodiscard]] std::string begun_by(const MessageKey& key) const;

  // Messages. Those of a list are changed all or none. Who types one is known by the generation of
  // its session; whatever comes from another one than the last that has begun it is a `conflict`.
  // `not_found`: there is no such message.

  /// Once, after the start.
  asio::awaitable<Result<OpenMessages>> open_messages();
  /// A message from this machine; its payload is the caller's to understand. Nothing happens when
  /// there is one with this id for this agent. With a generation it has begun as well, by
  /// `begin_attempt`'s rules, when it could; whether it has.
  asio::awaitable<Result<bool>> accept_local(node_control::Delivery delivery,
                                             std::string generation = {});
  /// Before the first key is typed. One entry for each key; only those that have begun may be
  /// typed. `conflict`: the session of this generation is over (its agent was removed or put with
  /// another one).
  asio::awaitable<Result<std::vector<Attempt>>> begin_attempt(std::vector<MessageKey> keys,
                                                              std::string generation);
  /// Nothing of them was typed after all: they wait as they did before their one attempt.
  asio::awaitable<Result<void>> take_back(std::vector<MessageKey> keys, std::string generation);
  asio::awaitable<Result<void>> written(std::vector<MessageKey> keys, std::string generation);
  /// The end; a dead one becomes a dead letter. Its id is known for seven days: `begin_attempt`
  /// does not begin it again. The generation is empty for a message that nobody has begun.
  asio::awaitable<Result<void>> finish(std::vector<MessageKey> keys, std::string generation,
                                       Outcome outcome);
  /// Nothing of it was typed, and the engine will send it again: call this before
  /// `NodeSession::failed`. It is open again with the next Surface of it.
  asio::awaitable<Result<void>> give_back(std::vector<MessageKey> keys, std::string generation);
  /// Dead letters whoever has begun them, for a release; how many of them there were.
  asio::awaitable<Result<std::size_t>> drop(std::vector<MessageKey> keys, std::string reason);

  // Dead letters: at most 10,000 and 256 MiB, the oldest go (`JournalCounters::evicted`).

  /// Oldest first, those with an id above `after`, at most `most`.
  asio::awaitable<Result<std::vector<DeadMessage>>> dead_letters(std::int64_t after,
                                                                 std::size_t most);
  asio::awaitable<Result<DeadMessage>> dead_letter(std::int64_t id);
  asio::awaitable<Result<void>> remove_dead_letter(std::int64_t id);
  /// A message again, of the agent that has this id now, without attempts; its outcome is owed to
  /// nobody. `conflict` when the message is open already.
  asio::awaitable<Result<Message>> redeliver(std::int64_t id, std::string agent_id);

  // Agents, by name. The generation of one that is removed, or put with another generation, is
  // retired: no attempt of it begins any more.
  asio::awaitable<Result<void>> put_agent(AgentRecord agent);
  asio::awaitable<Result<void>> remove_agent(std::string name);
  asio::awaitable<Result<std::vector<AgentRecord>>> agents();
  asio::awaitable<Result<std::vector<std::string>>> retired_generations();

  // Results of actions that the engine does not have yet, in the order in which they were put; at
  // most 10,000, the oldest go.
  asio::awaitable<Result<void>> put_result(ActionAnswer result);
  asio::awaitable<Result<void>> remove_result(std::string invocation_id);
  asio::awaitable<Result<std::vector<ActionAnswer>>> results();

  // What a request with an idempotency key was answered; at most 10,000, the oldest go.
  asio::awaitable<Result<void>> remember_answer(std::string key, std::string body);
  asio::awaitable<Result<std::optional<std::string>>> answer(std::string key);

  /// Removes some of what is no longer remembered, and empties the log; how many rows. Now and
  /// then, and again at once while it returns `kSweepBatch` or more.
  asio::awaitable<Result<std::size_t>> sweep();

 private:
  struct Impl;
  explicit Journal(std::unique_ptr<Impl> impl);
  static asio::awaitable<Result<std::unique_ptr<Journal>>> opened(std::unique_ptr<Journal> journal);

  std::unique_ptr<Impl> impl_;
};

}  // namespace relay::broker
