#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "wire/body.hpp"
#include "wire/common.hpp"

namespace relay::wire {

// Bodies of /v1/workspaces, /v1/workspace, /v1/activity and /v1/observer-tokens, and of /health.

/// POST /workspaces
struct WorkspaceCreate {
  std::string name;
};

struct WorkspaceCreated {
  std::string workspace_id;
  std::optional<std::string> api_key;
  std::optional<std::string> created_at;
};

/// GET /workspaces/by-name/{name}
struct WorkspaceSummary {
  std::string id;
  std::string name;
  std::string created_at;
};

/// GET and PATCH /workspace
struct Workspace {
  std::string id;
  std::string name;
  std::string plan;
  std::optional<std::string> system_prompt;
  std::string created_at;
  Json metadata;
};

struct WorkspaceUpdate {
  std::optional<std::string> name;
  std::optional<std::string> system_prompt;
};

/// GET and PUT /workspace/system-prompt
struct SystemPrompt {
  std::optional<std::string> prompt;
  bool is_default = false;
};

struct SystemPromptUpdate {
  std::optional<std::string> prompt;
  std::optional<bool> reset;
};

/// GET and PUT /workspace/fleet-nodes
struct FleetNodes {
  bool enabled = false;
  bool default_enabled = false;
  std::optional<bool> override_;
};

/// `enabled` null takes the override away.
struct FleetNodesUpdate {
  std::optional<bool> enabled;
};

struct WorkspaceLogEvent {
  std::uint64_t seq = 0;
  std::string type;
  std::optional<std::string> channel_id;
  Json payload;
  std::string created_at;
};

/// GET /workspace/events
struct WorkspaceLog {
  std::vector<WorkspaceLogEvent> events;
  std::uint64_t latest_seq = 0;
  std::uint64_t next_since = 0;
};

/// One of GET /activity
struct ActivityItem {
  std::string type;  // message or dm
  std::string id;
  std::optional<std::string> channel_name;
  std::optional<std::string> conversation_id;
  std::string agent_name;
  std::string text;
  std::string created_at;
};

struct ObserverFilters {
  std::optional<std::vector<std::string>> channel_ids;
  std::optional<std::vector<std::string>> channel_names;
  std::optional<bool> include_dms;
  std::optional<std::vector<std::string>> dm_conversation_ids;
  std::optional<std::vector<std::string>> agent_ids;
  std::optional<std::vector<std::string>> event_types;
  std::optional<std::string> created_after;
};

/// POST /observer-tokens
struct ObserverTokenCreate {
  std::string name;
  std::vector<std::string> scopes;
  std::optional<std::string> description;
  std::optional<ObserverFilters> filters;
  std::optional<std::string> expires_at;
};

struct ObserverTokenUpdate {
  std::optional<std::string> name;
  std::optional<std::vector<std::string>> scopes;
  std::optional<std::string> description;
  std::optional<ObserverFilters> filters;
  std::optional<std::string> expires_at;
};

/// `token` is there once: in the answer that made it.
struct ObserverToken {
  std::string id;
  std::string name;
  std::vector<std::string> scopes;
  std::optional<std::string> description;
  std::optional<ObserverFilters> filters;
  std::optional<std::string> expires_at;
  std::string created_at;
  std::optional<std::string> token;
};

/// GET /health, not inside an envelope.
struct Health {
  bool ok = false;
  std::optional<std::string> version;
  std::optional<std::string> build;
};

}  // namespace relay::wire
