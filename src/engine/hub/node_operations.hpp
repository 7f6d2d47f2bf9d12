#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.hpp"
#include "engine/happenings.hpp"
#include "engine/store/store.hpp"
#include "wire/json.hpp"
#include "wire/node_frames.hpp"

namespace relay::engine {

// What the frames of a node do, each one operation of the store. Nothing is kept beside it.

/// An agent whose messages go to a node.
struct Located {
  Id agent = 0;
  std::string name;
  Id node = 0;
};

/// What an operation has done, for those who are not the store.
struct Outcome {
  /// One for each workspace.
  std::vector<Happenings> happenings;
  /// The data of the answer, if the frame has one.
  std::optional<wire::Json> reply;
  /// Agents that can be sent to at their node from now on, and those that cannot any more.
  std::vector<Located> here;
  /// Those of which it is not known whether the node still has them.
  std::vector<Located> doubted;
  std::vector<Id> away;
  /// Agents of `here` that run in another process now.
  bool fresh = false;
  /// The node of `here` asks for all that it has not acknowledged of them.
  bool asks_again = false;
  /// There is no such agent any more.
  std::vector<Id> gone;
  /// There was more to do than one operation may: it is to be called again.
  bool again = false;
  /// Subscriptions wanted some of it: it is in their outbox.
  bool is_outbound = false;
  /// Subscriptions whose outbox is full with this.
  std::vector<Id> full_outboxes;
  /// By the store's clock.
  Wall at;
};

/// A node, as its connection knows it.
struct NodeCaller {
  Id node = 0;
  /// Is told the cursor of an agent's mailbox, so it knows which messages it has.
  bool has_cursors = false;
  /// When it has registered on this connection.
  Wall registered;
};

using OutcomeWork = std::function<Result<Outcome>(Store&)>;
/// The same, with what subscriptions want of it put into the outbox.
[[nodiscard]] OutcomeWork with_subscribers(OutcomeWork work);

/// The capability by which a node says that it wants cursors.
inline constexpr const char* kCursorCapability = "relay:delivery-cursor-v1";
[[nodiscard]] bool wants_cursors(const wire::NodeRegister& frame);

/// node_id_mismatch. Its name stays the one it was given when it was enrolled. Its agents are there
/// if it is a client's own node, or one that does not say which it has; others say so first. With
/// the latter those are in doubt that were lost with its connection.
[[nodiscard]] Result<Outcome> register_node(Store& store, Id node, const wire::NodeRegister& frame);
/// `agents` are at it. After a silence for which it was taken as lost they are at work again.
[[nodiscard]] Result<Outcome> heartbeat(Store& store, Id node, const wire::NodeHeartbeat& frame,
                                        const std::vector<Id>& agents);
/// It has said so, or its connection is gone.
[[nodiscard]] Result<Outcome> leave_node(Store& store, Id node);

/// agent_location_conflict, node_capacity_exceeded. `token` is the agent's from now on.
[[nodiscard]] Result<Outcome> register_agent_on(Store& store, const NodeCaller& caller,
                                                const wire::AgentRegister& frame,
                                                const Secret& token);
/// The same for an agent that has to be there, under that id: agent_not_found.
[[nodiscard]] Result<Outcome> recover_agent_on(Store& store, const NodeCaller& caller,
                                               const wire::AgentRecover& frame,
                                               const Secret& token);
/// It is not on this node any more, and offline. Nothing for one that is not there.
[[nodiscard]] Result<Outcome> deregister_agent(Store& store, const NodeCaller& caller,
                                               const wire::AgentDeregister& frame);

/// What the node has is here, what it does not say is not. Invocations it names are done; those it
/// had before this connection and does not name go to others, those it got on this connection are
/// still its own. One that has cursors asks with it for all that it has not acknowledged.
[[nodiscard]] Result<Outcome> sync_node(Store& store, const NodeCaller& caller,
                                        const wire::InventorySync& frame);
[[nodiscard]] Result<Outcome> take_action_result(Store& store, const NodeCaller& caller,
                                                 const wire::ActionResult& frame);

/// Where these agents are now, after something outside of the sockets has changed them.
[[nodiscard]] Result<Outcome> locate_agents(const Store& store, const std::vector<Id>& agents);

}  // namespace relay::engine
