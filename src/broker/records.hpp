#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "broker/agent_mailbox.hpp"
#include "broker/agent_view.hpp"
#include "node_control/node_handler.hpp"
#include "pty/injection/injection_types.hpp"

namespace relay::broker {

/// A message as it is kept on disk from its acceptance to its end.
struct StoredMessage {
  MessageKey key;
  std::string agent_name;
  /// A deliver frame; that of a local message is made here.
  std::string frame;
  Wall accepted{};
  std::uint32_t attempts = 0;
  /// Typing it has begun: perhaps it was read.
  bool begun = false;
  /// It has ended like that, by this program, and the disk does not know yet.
  std::optional<pty::InjectionOutcome> outcome;
  std::string generation;
  bool local = false;
  /// It has ended, and perhaps nobody was told: nothing else of it is known.
  bool ended = false;
};

/// What becomes of the wish to type a message.
enum class Begun {
  fresh,    // it never was given to a terminal
  again,    // it may have been typed before
  not_now,  // it has ended before: not to be typed, and to be reported as ended
};

/// How a message ended.
struct MessageEnd {
  MessageKey key;
  /// Of the program that it was last given to; empty for none.
  std::string generation;
  pty::InjectionOutcome outcome;
};

/// The result of an action that the engine may not have yet.
struct OwedResult {
  std::string invocation_id;
  std::string frame;
};

/// An agent as the next broker needs it. No secrets.
struct StoredAgent {
  std::string name;
  std::string agent_id;
  std::string generation;
  /// The request that it was made by, as POST /api/spawn takes it.
  std::string request;
  Wall started{};
  std::uint32_t restarts = 0;
};

/// What the broker keeps on disk. Durable when a call returns without an error. All on the loop
/// thread; none of it blocks the loop.
class Records {
 public:
  Records() = default;
  virtual ~Records() = default;
  Records(const Records&) = delete;
  Records& operator=(const Records&) = delete;

  [[nodiscard]] virtual node_control::BookStore& book() = 0;
  /// Tells the generation of the program that gets the next message of an agent, empty for none:
  /// what `book` keeps for it from now on is kept with its `begin`, and `begun_by` tells of that
  /// until `book` saves again.
  using NextReader = std::function<std::string(const std::string& agent_id)>;
  virtual void begin_with(NextReader next_reader) = 0;
  [[nodiscard]] virtual std::string begun_by(const MessageKey& key) const = 0;
  /// Why nothing can be kept at the moment.
  [[nodiscard]] virtual std::optional<Error> failure() const = 0;

  /// A message of this machine; those of the engine come by `book`. With the generation of the
  /// program that gets it next, and not an empty one, its `begin` is kept with it; whether it was.
  virtual asio::awaitable<Result<bool>> accept(StoredMessage message, std::string generation) = 0;
  /// Before messages are typed, by the program of this generation; a verdict for each.
  virtual asio::awaitable<Result<std::vector<Begun>>> begin(std::vector<MessageKey> keys,
                                                            std::string generation) = 0;
  /// Nothing of these was typed after all: the next `begin` finds them fresh. All of them were
  /// begun by this generation and none had been before.
  virtual asio::awaitable<Result<void>> not_begun(std::vector<MessageKey> keys,
                                                  std::string generation) = 0;
  /// It is given to a terminal; its outcome; nothing of it was typed. Nobody waits for these: they
  /// outlive this process at once, and the machine only by `end`.
  virtual void typing(const MessageKey& key) = 0;
  virtual void typed(const MessageKey& key, const pty::InjectionOutcome& outcome) = 0;
  virtual void not_typed(const MessageKey& key) = 0;
  /// False: they do not outlive it, so the next message has to wait for the `end` of the last.
  [[nodiscard]] virtual bool keeps_typing() const = 0;
  /// All of them, or none. A dead message becomes a dead letter.
  virtual asio::awaitable<Result<void>> end(std::vector<MessageEnd> ends) = 0;
  /// Accepted and not ended, oldest first.
  virtual asio::awaitable<Result<std::vector<StoredMessage>>> open_messages() = 0;

  virtual asio::awaitable<Result<std::vector<DeadLetterView>>> dead_letters(std::int64_t after,
                                                                            std::size_t most) = 0;
  [[nodiscard]] virtual std::size_t dead_letter_count() const = 0;
  [[nodiscard]] virtual asio::awaitable<Result<DeadLetterView>> dead_letter(std::int64_t id) = 0;
  /// A message again, for the agent that has this id now: `not_found` when there is no such letter.
  virtual asio::awaitable<Result<StoredMessage>> revive(std::int64_t id, std::string agent_id) = 0;
  virtual asio::awaitable<Result<void>> drop(std::int64_t id) = 0;

  virtual asio::awaitable<Result<void>> put_agent(StoredAgent agent) = 0;
  virtual asio::awaitable<Result<void>> remove_agent(std::string name) = 0;
  virtual asio::awaitable<Result<std::vector<StoredAgent>>> agents() = 0;

  /// The result of an action, as its frame, until the engine has it.
  virtual asio::awaitable<Result<void>> put_result(std::string invocation_id,
                                                   std::string frame) = 0;
  virtual asio::awaitable<Result<void>> remove_result(std::string invocation_id) = 0;
  /// Oldest first.
  virtual asio::awaitable<Result<std::vector<OwedResult>>> results() = 0;

  /// The answer that was given under an idempotency key in the last days.
  virtual asio::awaitable<Result<std::optional<std::string>>> remembered(std::string key) = 0;
  virtual asio::awaitable<Result<void>> remember(std::string key, std::string answer) = 0;
};

}  // namespace relay::broker
