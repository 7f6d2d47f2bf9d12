#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "wire/body.hpp"
#include "wire/common.hpp"

namespace relay::wire {

// Bodies of /v1/agents and /v1/agent.

enum class AgentType { agent, human, system };

/// POST /agents
struct AgentCreate {
  std::string name;
  AgentType type = AgentType::agent;
  std::optional<std::string> persona;
  std::optional<Json> metadata;
  std::optional<Json> skills;
  std::optional<Json> capabilities;
  /// Asked by brokers from 12 on; older engines put everybody into #general.
  std::optional<bool> auto_join_general;
};

/// Answer to POST /agents. The token is shown once.
struct AgentCreated {
  std::string id;
  std::optional<std::string> workspace_id;
  std::string name;
  std::optional<std::string> handle;
  std::string token;
  std::optional<std::string> status;
  std::optional<Json> capabilities;
  std::optional<std::string> created_at;
};

/// GET /agents
struct Agent {
  std::string id;
  std::string name;
  std::optional<std::string> handle;
  std::string type;    // agent, human or system
  std::string status;  // active, idle, blocked, waiting or offline
  std::optional<std::string> persona;
  Json capabilities;
  std::optional<std::string> created_at;
  std::optional<std::string> last_seen;
  Json metadata;
};

struct AgentChannel {
  std::string id;
  std::string name;
  std::string role;
  std::optional<std::string> joined_at;
};

struct PendingDelivery {
  std::string id;
  std::string message_id;
  std::string mode;
  std::string reason;
  std::string status;
  std::optional<std::string> created_at;
};

/// GET /agents/{name} and GET /agent
struct AgentDetail : Agent {
  std::vector<AgentChannel> channels;
  Json actions_provided;
  Json actions_available_to;
  std::vector<PendingDelivery> pending_deliveries;
};

/// PATCH /agents/{name}; metadata is merged into what is there.
struct AgentUpdate {
  std::optional<std::string> status;
  std::optional<std::string> persona;
  std::optional<Json> metadata;
  std::optional<Json> skills;
  std::optional<Json> capabilities;
};

/// POST /agents/{name}/rotate-token
struct AgentToken {
  std::optional<std::string> name;
  std::string token;
};

/// POST /agent/node-token
struct NodeToken {
  std::string node_id;
  std::string node_name;
  std::string token;
};

/// One of GET /agents/presence
struct AgentPresence {
  std::string agent_id;
  std::string agent_name;
  std::string status;  // online or offline
};

/// POST /agents/spawn
struct SpawnRequest {
  std::string name;
  std::string cli;
  std::string task;
  std::optional<std::string> channel;
  std::optional<std::string> persona;
  std::optional<std::string> model;
  std::optional<Json> metadata;
};

/// POST /agents/release
struct ReleaseRequest {
  std::string name;
  std::optional<std::string> reason;
  std::optional<bool> delete_agent;
};

/// POST /agents/{name}/events
struct AgentEventPost {
  std::string type;
  Json payload;
};

struct AgentEvent {
  std::optional<std::string> id;
  std::string type;
  Json payload;
  std::optional<std::uint64_t> sequence;
  std::optional<std::string> created_at;
};

/// POST /agents/{name}/recover
struct AgentRecoverRequest {
  std::string expected_agent_id;
  std::optional<std::string> recovery_proof;
  std::string reason;
  std::string session_ref;
  std::optional<std::string> node_id;
};

/// POST /agents/{name}/takeover
struct AgentTakeover {
  std::string expected_agent_id;
  std::string actor;
  std::string reason;
  std::string session_ref;
  std::optional<std::string> node_id;
};

/// Answer to a recovery and to a takeover.
struct AgentTakenOver {
  std::string agent_id;
  std::string name;
  std::string token;
  std::optional<std::string> audit_id;
};

/// PATCH /agents/{name}/legacy-identity
struct LegacyIdentity {
  std::string identity_key_hash;
};

}  // namespace relay::wire
