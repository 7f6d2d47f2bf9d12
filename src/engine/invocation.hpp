#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "engine/ids.hpp"

namespace relay::engine {

/// A node that has not answered by then does not answer any more. An agent that handles an action
/// itself has no such limit.
inline constexpr Duration kDispatchTimeout = std::chrono::seconds(30);
/// Before an invocation that found nobody is tried again: doubled each time, up to the last.
inline constexpr Duration kFirstRetry = std::chrono::seconds(5);
inline constexpr Duration kLastRetry = std::chrono::seconds(60);

enum class InvocationState { pending, dispatched, completed, failed };

/// One call of an action, from its caller to its handler and back.
struct Invocation {
  Id id = 0;
  Id workspace = 0;
  std::string action;
  /// What the node is told to do; another name than the action's for a spawn.
  std::string capability;
  Id caller = 0;
  std::string caller_name;
  std::string input;   // JSON
  std::string output;  // JSON, or empty
  std::optional<std::string> error;
  InvocationState state = InvocationState::pending;
  /// Who handles it: one agent, or whichever node it is dispatched to.
  Id handler_agent = 0;
  /// The only node that may have it (a spawn that names its target, an action of one node); 0: any
  /// that has the capability.
  Id target = 0;
  Id node = 0;
  std::optional<Wall> dispatched;
  std::optional<Wall> retry_after;
  std::optional<Wall> completed;
  /// A place of `node` is held for it.
  bool place_held = false;
  std::uint32_t attempts = 0;
  std::vector<Id> attempted;
  std::optional<double> duration_ms;
};

[[nodiscard]] bool is_open(const Invocation& invocation);
/// Nobody has answered in time, or its wait is over. So is one that has longer to wait than any
/// wait is: the clock has gone back since.
[[nodiscard]] bool is_due(const Invocation& invocation, Wall now);

// What happens to one. Each changes it and says what has to be done with its place; the caller
// keeps both in one transaction.

/// It goes to that node now.
void dispatch(Invocation& invocation, Id node, bool place_held, Wall now);
/// Nobody can have it now: it waits, longer each time.
void put_off(Invocation& invocation, Wall now);
/// It waits for that node to come, without a time.
void wait_for(Invocation& invocation, Id node);

/// A place that has to be given back; 0: none.
struct Freed {
  Id node = 0;
};

/// Its node is gone, did not answer or does not know it: it is pending again and due at once.
[[nodiscard]] Freed take_back(Invocation& invocation, Wall now);

/// What an answer is worth.
enum class ResultVerdict {
  /// Of a node that does not have it, or after its end: as if it had not come.
  ignored,
  ended,
  /// The node's handlers are down: another node is to have it.
  elsewhere,
};
struct ResultOutcome {
  ResultVerdict verdict = ResultVerdict::ignored;
  Freed freed;
};
/// A node's answer; `error` decides when there is one.
[[nodiscard]] ResultOutcome node_answered(Invocation& invocation, Id node,
                                          const std::string& output,
                                          const std::optional<std::string>& error, Wall now);
/// The answer of the agent that handles it.
[[nodiscard]] bool agent_answered(Invocation& invocation, const std::string& output,
                                  const std::optional<std::string>& error,
                                  std::optional<double> duration_ms, Wall now);

/// Who was to handle it is not there any more. A place is taken back before.
void give_up(Invocation& invocation, const std::string& why, Wall now);

/// Of these nodes those that it may be dispatched to, in their order: the target alone, or those
/// that have not had it yet. With `again` those that have had it come last.
[[nodiscard]] std::vector<Id> choices(const Invocation& invocation, const std::vector<Id>& ranked,
                                      bool again);

}  // namespace relay::engine
