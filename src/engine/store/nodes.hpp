#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "engine/ids.hpp"
#include "engine/store/agents.hpp"

namespace relay::engine {

/// Stored as these numbers.
enum class NodeKind { ws = 0, poll = 2 };
enum class NodeRole { broker, direct };

/// What a node can do, with what it says about it: JSON or empty.
struct NodeCapability {
  std::string name;
  std::string kind;
  std::string metadata;
};

struct Node {
  Id id = 0;
  Id workspace = 0;
  /// What the wire calls it, unique in its workspace.
  std::string node_id;
  std::string name;
  NodeKind kind = NodeKind::ws;
  NodeRole role = NodeRole::broker;
  std::string adapter;
  std::string delivery;  // JSON, or empty
  std::vector<NodeCapability> capabilities;
  std::vector<std::string> tags;
  std::string version;
  /// 0: as many as it likes.
  std::uint32_t max_agents = 0;
  /// As it says itself, until somebody leaves it.
  std::uint32_t active_agents = 0;
  /// Those that are there and not offline, as the store knows; counted only where it has a most.
  std::uint32_t present = 0;
  std::uint32_t reserved = 0;
  double load = 0;
  bool online = false;
  bool handlers_live = false;
  std::optional<Wall> heartbeat;
};

/// What is not said stays as it was, or takes its default.
struct NodeEnrolment {
  Id workspace = 0;
  std::optional<std::string> node_id;
  std::string name;
  NodeKind kind = NodeKind::ws;
  std::optional<NodeRole> role;
  std::optional<std::string> adapter;
  std::optional<std::string> delivery;
  std::optional<std::vector<std::string>> capabilities;
  std::optional<std::vector<std::string>> tags;
  std::optional<std::string> version;
  std::optional<std::uint32_t> max_agents;
  std::string token_hash;
};

/// What a node says of itself when it connects, and may say again with a heartbeat.
struct NodeManifest {
  std::optional<std::vector<NodeCapability>> capabilities;
  std::optional<std::vector<std::string>> tags;
  std::optional<std::string> version;
  std::optional<std::uint32_t> max_agents;
};

struct NodeBeat {
  double load = 0;
  std::uint32_t active_agents = 0;
  bool handlers_live = false;
  NodeManifest manifest;
};

struct Binding {
  Id id = 0;
  Id agent = 0;
  std::string agent_name;
  Id node = 0;
  bool active = false;
  std::optional<std::string> session_ref;
  std::int64_t priority = 0;
  Wall updated;
};

/// One agent that a node says it has.
struct InventoryItem {
  Id agent = 0;
  std::string name;
  std::optional<std::string> session_ref;
};

struct InventoryOutcome {
  std::vector<Agent> bound;
  /// Were here and are not in the list: offline now.
  std::vector<Agent> gone;
  /// Are at work elsewhere; nothing was done about them.
  std::vector<std::string> rejected;
};

class NodeStore {
 public:
  virtual ~NodeStore() = default;

  /// A node id decides when one is given, else the name. What is there gets the new token and is
  /// offline; a name that another node has gets a number behind it.
  /// direct_node_capacity_exceeded for a direct node of more than one agent.
  virtual Result<Node> enroll_node(const NodeEnrolment& enrolment) = 0;
  virtual Result<void> set_node_token(Id id, const std::string& token_hash) = 0;
  /// It is connected: online, with a heartbeat of now. Its handlers are live when it has
  /// capabilities; those that are actions become actions of the workspace where the name is free.
  virtual Result<Node> node_connected(Id id, const NodeManifest& manifest) = 0;
  virtual Result<Node> node_beat(Id id, const NodeBeat& beat) = 0;
  virtual Result<void> set_handlers_live(Id id, bool live) = 0;
  /// Its socket is gone: offline, without load, and its agents too; who they are.
  virtual Result<std::vector<Agent>> node_lost(Id id) = 0;
  virtual Result<void> remove_node(Id id) = 0;

  /// Its messages go there from now on. agent_not_found, node_not_found, node_capacity_exceeded.
  virtual Result<Binding> bind_agent(Id agent, Id node,
                                     const std::optional<std::string>& session_ref,
                                     std::int64_t priority) = 0;
  /// Back to its direct node; whether it was there.
  virtual Result<bool> unbind_agent(Id agent, Id node) = 0;
  /// Agents of the list are here and active, other active ones of this node offline.
  virtual Result<InventoryOutcome> sync_inventory(Id node,
                                                  const std::vector<InventoryItem>& items) = 0;

  /// Takes one place for an agent that is on its way; false when the node is full.
  virtual Result<bool> reserve_place(Id node) = 0;
  virtual Result<void> give_place_back(Id node) = 0;

  [[nodiscard]] virtual Result<Node> node(Id id) const = 0;
  [[nodiscard]] virtual Result<Node> find_node(Id workspace, const std::string& name) const = 0;
  [[nodiscard]] virtual Result<Node> find_node_id(Id workspace,
                                                  const std::string& node_id) const = 0;
  /// node_token_invalid.
  [[nodiscard]] virtual Result<Node> node_of_token(const std::string& token_hash) const = 0;
  /// By name.
  [[nodiscard]] virtual Result<std::vector<Node>> nodes(Id workspace) const = 0;
  /// Online, and that have this capability.
  [[nodiscard]] virtual Result<std::vector<Node>> nodes_with(
      Id workspace, const std::string& capability) const = 0;
  /// Online by their record, without a heartbeat since.
  [[nodiscard]] virtual Result<std::vector<Node>> silent_nodes(Wall since) const = 0;
  [[nodiscard]] virtual Result<std::vector<Binding>> bindings(Id node) const = 0;
  [[nodiscard]] virtual Result<std::vector<Agent>> agents_on(Id node) const = 0;
};

}  // namespace relay::engine
