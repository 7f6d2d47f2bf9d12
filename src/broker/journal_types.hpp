#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace relay::broker {

/// What tells one message for one agent from all others, as the engine numbers them; `seq` 0 for
/// what it neither stores nor repeats and for what came from this machine.
struct MessageKey {
  MessageKey() = default;
  MessageKey(std::string agent_id_in, std::string delivery_id_in, std::uint64_t seq_in)
      : agent_id(std::move(agent_id_in)), delivery_id(std::move(delivery_id_in)), seq(seq_in) {}
  bool operator==(const MessageKey&) const = default;

  std::string agent_id;
  std::string delivery_id;
  std::uint64_t seq = 0;
};

/// Numbers are on disk.
enum class MessageState {
  accepted = 0,
  /// Its text may be in the terminal, in part.
  writing = 1,
  /// All of its text was taken by the terminal; whether the agent took it as input is not known.
  written = 2,
};

/// Whom its outcome is owed. Numbers are on disk.
enum class MessageOrigin {
  /// The delivery book has it open.
  engine = 0,
  /// It came from this machine.
  local = 1,
  /// A dead letter that is tried again: the engine has its ack.
  redelivered = 2,
};

/// A message that has not ended.
struct Message {
  Message() = default;

  MessageKey key;
  std::string agent_name;
  MessageOrigin origin = MessageOrigin::engine;
  bool late = false;
  std::string payload;
  Wall accepted{};
  MessageState state = MessageState::accepted;
  /// How often it was begun, and by which session the last time.
  std::uint32_t attempts = 0;
  std::string generation;
};

/// What a restarted broker goes on with.
struct OpenMessages {
  /// In the order in which they were accepted.
  std::vector<Message> open;
  /// They have ended, and the delivery book was not told: `NodeSession::done` for each.
  std::vector<MessageKey> ended;
};

/// How a message ends.
class Outcome {
 public:
  /// Numbers are on disk.
  enum class Kind { submitted = 0, typed = 1, dead = 2 };

  [[nodiscard]] static Outcome submitted() { return {Kind::submitted, {}}; }
  [[nodiscard]] static Outcome typed() { return {Kind::typed, {}}; }
  [[nodiscard]] static Outcome dead(std::string reason) { return {Kind::dead, std::move(reason)}; }

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
  Outcome(Kind kind, std::string reason) : kind_(kind), reason_(std::move(reason)) {}

  Kind kind_;
  std::string reason_;
};

/// What became of the wish to type a message.
struct Attempt {
  enum class Standing {
    begun,
    /// It has ended before, within the last seven days: not to be typed, and to be reported done.
    ended,
    /// It is not in the journal.
    unknown,
  };
  Attempt() = default;

  MessageKey key;
  Standing standing = Standing::unknown;
  /// 1 for the first.
  std::uint32_t number = 0;
  /// The text may have been typed before: the last attempt was not given back.
  bool may_repeat = false;
};

/// A message that could not be delivered.
struct DeadMessage {
  DeadMessage() = default;

  std::int64_t id = 0;
  MessageKey key;
  std::string agent_name;
  MessageOrigin origin = MessageOrigin::engine;
  std::string payload;
  std::string reason;
  std::uint32_t attempts = 0;
  Wall accepted{};
  Wall died{};
};

/// An agent that has to be there again after a restart. No secrets: the journal holds none.
struct AgentRecord {
  AgentRecord() = default;

  std::string name;
  std::string agent_id;
  std::string generation;
  /// How it was asked for, as JSON.
  std::string spec;
  Wall started{};
  std::uint32_t restarts = 0;
  /// Ends in a row that count as failures.
  std::uint32_t failures = 0;
};

/// What an action came to, until the engine has it.
struct ActionAnswer {
  ActionAnswer() = default;
  ActionAnswer(std::string invocation_id_in, std::string body_in)
      : invocation_id(std::move(invocation_id_in)), body(std::move(body_in)) {}

  std::string invocation_id;
  std::string body;
};

struct JournalCounters {
  /// Calls that went to the disk, and the transactions it took.
  std::uint64_t jobs = 0;
  std::uint64_t transactions = 0;
  /// Dead letters that had to go for newer ones, ever.
  std::uint64_t evicted = 0;
};

}  // namespace relay::broker
