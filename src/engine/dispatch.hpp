#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/placement.hpp"
#include "engine/store/store.hpp"

namespace relay::engine {

// Who handles an invocation, decided and written in one operation of the store. What an answer
// names as dispatched is to be sent to its node once the operation is durable; a frame that is lost
// on the way comes again by its time.

struct Call {
  Id workspace = 0;
  Id caller = 0;
  std::string caller_name;
  std::string input;  // JSON
};

/// A spawn by what it asks for ("claude", "spawn:claude" or nothing).
struct Spawn : Call {
  std::string capability;
  /// The name of a node, or "self" for the caller's; nothing: any that can.
  std::optional<std::string> target;
};

/// Takes a place and a node, or waits for the node that it names. Nothing is left of one that is
/// refused: node_not_found, capability_mismatch, handler_unavailable, placement_self_unavailable.
[[nodiscard]] Result<Invocation> start_spawn(Store& store, const Spawn& spawn);

/// The node of the agent is to end it; one that is away does it when it is back.
/// agent_not_node_bound.
[[nodiscard]] Result<Invocation> start_release(Store& store, const Agent& agent, const Call& call);

/// action_denied for a caller it is not for. One whose handler is away waits, and is due by time.
[[nodiscard]] Result<Invocation> start_action(Store& store, const Action& action, const Call& call);

/// A node has answered; nothing when its answer is not wanted any more.
struct Answered {
  Invocation invocation;
  /// Its handlers are down: whoever has it now, or nobody yet.
  bool passed_on = false;
};
[[nodiscard]] Result<std::optional<Answered>> take_result(Store& store, Id node, Id invocation,
                                                          const std::string& output,
                                                          const std::optional<std::string>& error);

/// A node is there (it has registered, or said that it lives): what waits for it and now goes.
[[nodiscard]] Result<std::vector<Invocation>> start_waiting(Store& store, Id node);

/// The agent that a spawn is about is on that node now, and has the place that was held for it.
[[nodiscard]] Result<void> take_place(Store& store, Id node, Id invocation);

/// What a node had to do goes to others, but for what it says it still has and what agents handle.
[[nodiscard]] Result<std::vector<Invocation>> take_from(Store& store, Id node,
                                                        const std::vector<Id>& keeps);

struct LostNode {
  std::vector<Agent> agents;
  /// As they are now: at another node, waiting, or given up.
  std::vector<Invocation> invocations;
};
/// Its socket is closed, or it was silent for too long.
[[nodiscard]] Result<LostNode> lose_node(Store& store, Id node);

/// Those whose time is over, at most `most`; as they are now. One whose handler is gone has failed.
[[nodiscard]] Result<std::vector<Invocation>> start_due(Store& store, std::uint32_t most);

}  // namespace relay::engine
