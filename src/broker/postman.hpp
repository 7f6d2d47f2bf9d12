#pragma once

#include <asio/awaitable.hpp>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/obligations.hpp"
#include "broker/parts.hpp"
#include "net/event.hpp"
#include "node_control/delivery.hpp"

namespace relay::broker {

/// The `detail` of the error for an agent that is known here, but whose program has ended.
inline constexpr std::string_view kHasEnded = "has_ended";

/// Carries messages: from the engine and from this machine into mailboxes, and their ends to the
/// disk and back to the engine. On the loop thread.
class Postman {
 public:
  explicit Postman(BrokerParts& parts);
  ~Postman();
  Postman(const Postman&) = delete;
  Postman& operator=(const Postman&) = delete;

  /// A message of the engine, on disk already. One for an agent that is just being started waits
  /// for it: the engine sends what it has kept as soon as it knows of the agent.
  void surfaced(node_control::Delivery delivery);
  /// The start has ended: with an agent that is listed, or with none.
  void started(const std::string& name);
  /// A message of this machine: on disk and in the mailbox when this returns. `queue_full`,
  /// `too_large`, or what the disk says; then nothing was taken. `agent_not_found`: it has ended;
  /// if it did so while this waited for the disk, the message is a dead letter, as the error says.
  asio::awaitable<Result<std::string>> post(std::shared_ptr<Agent> agent, pty::Letter letter,
                                            int priority);
  /// A message that an earlier broker had accepted.
  /// An error for what has become a dead letter at once.
  Result<void> restore(StoredMessage stored);
  /// A dead letter to its agent again. `not_found`, `agent_not_found`, `queue_full`; then it is a
  /// dead letter as before.
  asio::awaitable<Result<void>> redeliver(std::int64_t id);

  /// It has ended: written down, then told to the engine.
  void ended(Agent& agent, Mail message, pty::InjectionOutcome outcome);
  /// All that waits for this agent ends as dead letters; how many.
  std::size_t bury(Agent& agent, std::string reason);

  /// A message of this id has come through here not long ago, or may have come through an earlier
  /// broker that gave it its id.
  [[nodiscard]] bool may_have_carried(const std::string& id) const;

  /// For what is typed and is no message.
  [[nodiscard]] std::uint64_t next_number() { return next_number_++; }

  /// Writes ends down until it is cancelled. In a task group of the owner.
  asio::awaitable<void> work();
  /// Reminds agents of their obligations until it is cancelled. In a task group of the owner.
  asio::awaitable<void> remind();
  /// Returns when every end is written down, or the time is over.
  asio::awaitable<void> settle(Duration at_most);

 private:
  struct End {
    MessageEnd end;
    bool local = false;
    /// Who waits for this to be on disk; empty for nobody.
    std::string agent;
    std::uint64_t number = 0;
  };
  [[nodiscard]] Result<Mail> read(const MessageKey& key, std::string_view frame);
  /// The generation that may begin with the acceptance of a message; empty for none.
  [[nodiscard]] std::string next_reader(const Agent& agent) const;
  /// Into the mailbox. With an error it has become a dead letter.
  Result<void> deliver(Agent* agent, Mail message, std::string_view reason_if_gone);
  /// Of something to know, with nothing to type.
  void end_notice(const Mail& message);
  void remember(const std::string& id);
  void queue_end(const Mail& message, pty::InjectionOutcome outcome, std::string agent = {});
  /// A message becomes a dead letter: told, and counted. Null for an agent that is not here.
  void tell_dead(Agent* agent, const Mail& message, const std::string& reason);

  BrokerParts& parts_;
  net::Event changed_;
  std::deque<End> ends_;
  /// By the name of the agent. As many as the engine has under way for it.
  std::map<std::string, std::vector<Mail>> early_;
  Obligations obligations_;
  net::Event reminders_changed_;
  /// Ids of messages, the newest of them.
  static constexpr std::size_t kMostCarried = 4096;
  std::set<std::string> carried_;
  std::deque<std::string> carried_order_;
  std::uint64_t next_number_ = 1;
};

}  // namespace relay::broker
