#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "engine/ids.hpp"

namespace relay::engine {

struct Workspace {
  Id id = 0;
  std::string name;
  std::optional<std::string> system_prompt;
  Wall created;
};

/// Workspaces and their keys. Of a key the store knows only the hash.
class WorkspaceStore {
 public:
  virtual ~WorkspaceStore() = default;

  /// With its channel `general`. Names need not be unique.
  virtual Result<Workspace> create_workspace(const std::string& name,
                                             const std::string& key_hash) = 0;
  [[nodiscard]] virtual Result<Workspace> workspace(Id id) const = 0;
  [[nodiscard]] virtual Result<Workspace> workspace_of_key(const std::string& key_hash) const = 0;
  /// The oldest of that name.
  [[nodiscard]] virtual Result<Workspace> find_workspace(const std::string& name) const = 0;
  virtual Result<void> rename_workspace(Id id, const std::string& name) = 0;
  virtual Result<void> set_system_prompt(Id id, const std::optional<std::string>& prompt) = 0;
  /// With all that is in it.
  virtual Result<void> remove_workspace(Id id) = 0;
};

enum class AgentStatus { active, idle, blocked, waiting, offline };

struct Agent {
  Id id = 0;
  Id workspace = 0;
  std::string name;
  std::string type;  // agent, human or system
  AgentStatus status = AgentStatus::active;
  std::optional<std::string> persona;
  std::string metadata;      // JSON
  std::string capabilities;  // JSON
  /// Where its messages go, and where it was first.
  Id node = 0;
  Id origin_node = 0;
  std::optional<std::string> session_ref;
  bool resumable = false;
  Wall last_seen;
};

struct NewAgent {
  Id workspace = 0;
  std::string name;
  std::string type = "agent";
  std::optional<std::string> persona;
  std::string metadata = "{}";
  std::string capabilities = "{}";
  std::string token_hash;
  bool joins_general = true;
};

/// What is to be another value from now on.
struct AgentChange {
  std::optional<AgentStatus> status;
  std::optional<std::string> persona;
  std::optional<std::string> metadata;
  std::optional<std::string> capabilities;
  std::optional<std::string> token_hash;
};

/// A node says that an agent runs on it (agent.register).
struct AgentClaim {
  Id node = 0;
  std::string name;
  std::string token_hash;
  std::optional<std::string> invocation_id;
  std::optional<std::string> session_ref;
  bool resumable = false;
  /// When there is no agent of this name yet.
  bool joins_general = true;
};

class AgentStore {
 public:
  virtual ~AgentStore() = default;

  /// With its mailbox, its direct node and, if it joins, its place in `general`.
  /// agent_already_exists.
  virtual Result<Agent> register_agent(const NewAgent& agent) = 0;
  /// Makes the agent when there is none; its token is the new one from now on, and it is on that
  /// node. agent_location_conflict when it is at work elsewhere, node_capacity_exceeded.
  virtual Result<Agent> claim_agent(const AgentClaim& claim) = 0;
  virtual Result<Agent> change_agent(Id id, const AgentChange& change) = 0;
  /// The agent has just called: active, and seen now; whether that changed its status.
  virtual Result<bool> touch_agent(Id id) = 0;
  virtual Result<void> remove_agent(Id id) = 0;
  /// Active agents that nobody has seen since become offline; who they were.
  virtual Result<std::vector<Agent>> take_stale_agents(Wall seen_before) = 0;

  [[nodiscard]] virtual Result<Agent> agent(Id id) const = 0;
  [[nodiscard]] virtual Result<Agent> find_agent(Id workspace, const std::string& name) const = 0;
  /// agent_token_invalid.
  [[nodiscard]] virtual Result<Agent> agent_of_token(const std::string& token_hash) const = 0;
  /// By name.
  [[nodiscard]] virtual Result<std::vector<Agent>> agents(
      Id workspace, std::optional<AgentStatus> status) const = 0;
};

}  // namespace relay::engine
