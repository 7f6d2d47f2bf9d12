#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "broker/spawn_request.hpp"
#include "os/environment.hpp"
#include "pty/injection/profile.hpp"

namespace relay::broker {

/// What an agent's program is told about where it is.
struct AgentSurroundings {
  AgentSurroundings() = default;
  std::string agent_name;
  /// The instance of its broker.
  std::string broker;
  std::string engine;
  std::string workspace_id;
  /// A 0600 file with the agent's token; empty for none.
  std::string token_file;
  std::string result_url;
  /// The token for results, when a schema was given: good for one message of this agent.
  std::string result_token;
  /// relay-broker itself, for the agent's message tools; empty for none.
  std::string mcp_command;
  /// Where their configuration may be kept, in a directory of the agent's own.
  std::string mcp_file;
};

/// How an agent's program is started.
struct Launch {
  std::vector<std::string> argv;
  os::Environment environment;
  /// What has to be in `mcp_file`; empty when nothing reads it.
  std::string mcp_config;
  /// The session of the agent's own CLI that this start makes or goes on with; empty when the CLI
  /// knows none.
  std::string session_id;
};

/// The arguments that a profile adds to those of the request, unless the request has them, and the
/// variables: ours without anything secret, the profile's, the request's, and the agent's own.
/// `new_id` becomes the CLI's session where it takes one. Pure.
[[nodiscard]] Launch plan_launch(const SpawnRequest& request, const pty::Profile& profile,
                                 const AgentSurroundings& surroundings, const os::Environment& ours,
                                 std::string_view new_id);

/// Whether a variable of ours holds a secret, or tells something that is only meant for us.
[[nodiscard]] bool is_kept_from_agents(std::string_view variable);

}  // namespace relay::broker
