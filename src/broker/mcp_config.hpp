#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "os/environment.hpp"
#include "pty/injection/profile.hpp"

namespace relay::broker {

/// The name under which an agent's program knows the server: its tools are `mcp__agent-relay__…`
/// there, as those of the published server.
inline constexpr std::string_view kMcpName = "agent-relay";

/// The server of message tools that an agent's program is to start.
class McpServer {
 public:
  McpServer() = default;

  std::string command;
  std::vector<std::string> args{"mcp"};
  /// Nothing secret: it may become an argument, which everybody can read.
  std::map<std::string, std::string> environment;
  /// What may be secret. It goes into files; of arguments only the names.
  std::map<std::string, std::string> private_environment;
};

/// What is added to a start for it.
class McpPlan {
 public:
  McpPlan() = default;

  std::vector<std::string> args;
  /// Set to the file's path; empty for none.
  std::string variable;
  /// The file's text; empty when none is needed.
  std::string file;
};

/// As the profile says it; nothing for a program that knows no way, or whose user has chosen
/// another one in `argv` or `environment`. `path` is where the file will be. Pure.
[[nodiscard]] McpPlan plan_mcp(const pty::McpRule& rule, const McpServer& server,
                               const std::string& path, const std::vector<std::string>& argv,
                               const os::Environment& environment);

/// {"mcpServers":{"agent-relay":{"command","args","env"}}}, which most programs read.
[[nodiscard]] std::string mcp_servers_json(const McpServer& server);

/// The server at `command`, with what it needs of its agent's environment.
[[nodiscard]] McpServer mcp_server_for(std::string command, const os::Environment& environment);

}  // namespace relay::broker
