#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "wire/body.hpp"
#include "wire/common.hpp"

namespace relay::wire {

// Bodies of /v1/nodes and /v1/triggers.

enum class NodeKind { ws, http_push, poll };
enum class NodeRole { broker, direct };

/// POST /nodes. Mints a token for the node, and revokes the one it had.
struct NodeCreate {
  std::optional<std::string> node_id;
  std::string name;
  std::optional<NodeKind> kind;
  std::optional<NodeRole> role;
  std::optional<std::string> delivery_adapter;
  std::optional<Json> delivery;
  std::optional<std::vector<std::string>> capabilities;
  std::optional<std::uint32_t> max_agents;
  std::optional<std::vector<std::string>> tags;
  std::optional<std::string> version;
};

/// A roster entry: GET /nodes, and the data of the reply to node.register.
struct Node {
  std::string id;
  std::string name;
  std::string kind;  // ws, http_push or poll
  std::string role;  // broker or direct
  std::optional<std::string> delivery_adapter;
  Json delivery;
  std::vector<Capability> capabilities;
  std::vector<std::string> tags;
  std::optional<std::string> version;
  std::string status;  // online or offline
  bool live = false;
  bool handlers_live = false;
  std::optional<double> load;
  std::uint32_t active_agents = 0;
  std::uint32_t max_agents = 0;
  std::optional<std::string> last_heartbeat_at;
  std::optional<std::string> created_at;
};

/// Answer to POST /nodes.
struct NodeCreated : Node {
  std::string token;
};

/// POST /nodes/{name}/agents
struct NodeBind {
  std::string agent_name;
  std::optional<std::string> session_ref;
  std::optional<std::int64_t> priority;
};

struct NodeBinding {
  std::string id;
  std::string agent_id;
  std::string agent_name;
  std::string node_id;
  std::string node_name;
  std::string node_kind;
  std::string node_role;
  std::string status;
  std::optional<std::string> session_ref;
  std::optional<std::int64_t> priority;
  std::optional<std::string> created_at;
  std::optional<std::string> updated_at;
};

/// POST /triggers
struct TriggerCreate {
  std::optional<std::string> channel;
  std::optional<std::string> pattern;
  std::optional<std::string> mention;
  std::string action_name;
  std::optional<bool> enabled;
};

/// PATCH /triggers/{id}
struct TriggerUpdate {
  std::optional<std::string> channel;
  std::optional<std::string> pattern;
  std::optional<std::string> mention;
  std::optional<std::string> action_name;
  std::optional<bool> enabled;
};

struct Trigger {
  std::string id;
  std::optional<std::string> channel;
  std::optional<std::string> pattern;
  std::optional<std::string> mention;
  std::string action_name;
  bool enabled = false;
  std::optional<std::string> last_triggered_at;
  std::optional<std::string> created_at;
  std::optional<std::string> updated_at;
};

}  // namespace relay::wire
