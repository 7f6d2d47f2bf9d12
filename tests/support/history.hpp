#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace relay::test {

/// One thing that was seen from outside while clients sent messages and called actions.
struct HistoryEvent {
  enum class Kind {
    // A message, by the name that its sender gave it, for one agent.
    send,      // invoke: from now on it may be shown
    accepted,  // ok: the engine has answered that it has it
    refused,   // fail: the engine has answered that it does not have it
    unknown,   // info: no answer, it may have it
    // What became of it.
    numbered,  // the engine keeps it under `number` of the agent's mailbox
    shown,     // the agent has read it
    handed,    // it is in the agent's terminal, which is all that can be said
    buried,    // it is a dead letter, of a broker or of the engine
    acked,     // the engine was told that it has arrived, or has given it up
    // What brokers and agents do.
    crashed,  // whoever types for `agent` was killed: one message of it may be in doubt
    moved,    // another one types for `agent` now, who does not know what was read before
    // A call of an action, by name.
    call,
    called,    // ok
    answered,  // it has ended, at the engine
  };
  Kind kind = Kind::send;
  std::string agent;
  std::string message;
  std::uint64_t number = 0;
  /// Where it was read, of an agent that may move.
  std::string place;
  /// It says of itself that it may have been read before.
  bool repeat = false;
  /// It is known to come out of order: urgent, or behind a gap.
  bool out_of_order = false;
};

/// Whether what was seen keeps the promises: acknowledged means shown or dead-lettered, an agent
/// reads each message once but for repeats that say so (one for each crash since it was sent at
/// most), in the order of its mailbox, and nothing that is for another one or was refused; a
/// message says that it may be a repeat only when there was such a crash; a call is answered once.
/// An agent that has moved reads at its new place, in its order there, what it has read before:
/// that is known to nobody, once for each move since the message was sent. Pure: events in their
/// order, the first broken promise in words.
class HistoryChecker {
 public:
  [[nodiscard]] std::optional<std::string> take(const HistoryEvent& event);
  /// When all faults are over and everything had its time: what was accepted has come to an end.
  /// Agents that are gone for ever are named in `gone`: what is for them may wait.
  [[nodiscard]] std::optional<std::string> finish(const std::vector<std::string>& gone = {}) const;

  [[nodiscard]] std::size_t messages() const { return messages_.size(); }
  [[nodiscard]] std::size_t shown() const { return shown_; }
  [[nodiscard]] std::size_t repeats() const { return repeats_; }
  /// Messages that the engine has answered to have, those that were read, those that only a
  /// terminal has, and those that are only dead letters; without those for agents that are `gone`.
  struct Figures {
    std::size_t accepted = 0;
    std::size_t read = 0;
    std::size_t handed = 0;
    std::size_t buried = 0;
  };
  [[nodiscard]] Figures figures(const std::vector<std::string>& gone = {}) const;
  /// Accepted and not ended.
  [[nodiscard]] std::vector<std::string> open(const std::vector<std::string>& gone = {}) const;

 private:
  struct Message {
    std::string agent;
    bool accepted = false;
    bool refused = false;
    std::uint64_t number = 0;
    std::size_t times_shown = 0;
    /// Crashes of whoever types for its agent, when it was sent: those before it leave no doubt
    /// about it. Not when it was shown first: what was typed before a crash may be read after it.
    std::size_t crashes_before = 0;
    std::size_t moves_before = 0;
    std::set<std::string> read_at;
    bool handed = false;
    bool buried = false;
    bool acked = false;
  };
  struct Highest {
    std::uint64_t number = 0;
    std::string message;
  };
  struct Agent {
    /// By place.
    std::map<std::string, Highest> highest;
    std::size_t crashes = 0;
    std::size_t moves = 0;
  };
  struct Call {
    bool called = false;
    std::size_t answers = 0;
  };
  [[nodiscard]] std::optional<std::string> show(const HistoryEvent& event);

  std::map<std::string, Message> messages_;
  std::map<std::string, Agent> agents_;
  std::map<std::string, Call> calls_;
  std::size_t shown_ = 0;
  std::size_t repeats_ = 0;
};

/// All of it; the first broken promise, with the place of its event.
[[nodiscard]] std::optional<std::string> check_history(const std::vector<HistoryEvent>& events,
                                                       const std::vector<std::string>& gone = {});

}  // namespace relay::test
