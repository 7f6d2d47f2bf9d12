#include "broker/launch.hpp"

#include <algorithm>
#include <array>

#include "broker/mcp_config.hpp"

namespace relay::broker {
namespace {

constexpr std::array<std::string_view, 23> kKept{
    // Secrets
    "AGENT_RELAY_WORKSPACE_KEY", "RELAY_WORKSPACE_KEY", "RELAY_API_KEY", "RELAY_WORKSPACES_JSON",
    "RELAY_NODE_TOKEN", "RELAY_AGENT_TOKEN", "RELAY_AGENT_TOKEN_FILE", "RELAY_AGENT_IDENTITY_KEY",
    "AGENT_RELAY_RESULT_TOKEN", "AGENT_RELAY_APP_SERVER_AUTH_TOKEN",
    "AGENT_RELAY_APP_SERVER_AUTH_PASSWORD",
    // The service manager's words to us
    "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES",
    "MAINPID",
    // Of an agent that we were started by
    "CLAUDECODE", "RELAY_AGENT_NAME", "RELAY_AGENT_BROKER", "AGENT_RELAY_RESULT_URL",
    "RELAY_ATTEST_SESSION_ID"};

bool has_one_of(const std::vector<std::string>& argv, const std::vector<std::string>& options) {
  return std::any_of(argv.begin(), argv.end(), [&options](const std::string& word) {
    return std::any_of(options.begin(), options.end(), [&word](const std::string& option) {
      return word == option || word.starts_with(option + "=");
    });
  });
}

std::string filled_in(std::string text, std::string_view id) {
  constexpr std::string_view kPlace = "{id}";
  const auto at = text.find(kPlace);
  if (at != std::string::npos) text.replace(at, kPlace.size(), id);
  return text;
}

void add_session(const SpawnRequest& request, const pty::ResumeRule& rule, std::string_view new_id,
                 Launch& into) {
  if (has_one_of(into.argv, rule.skip_if)) return;
  const bool goes_on = !request.resume.empty() && !rule.args.empty();
  if (!goes_on && rule.new_session_args.empty()) return;
  into.session_id = goes_on ? request.resume : std::string(new_id);
  for (const std::string& word : goes_on ? rule.args : rule.new_session_args) {
    into.argv.push_back(filled_in(word, into.session_id));
  }
}

void add_arguments(const SpawnRequest& request, const pty::Profile& profile,
                   std::string_view new_id, Launch& into) {
  into.argv = request.command;
  if (!request.attended && !has_one_of(into.argv, profile.unattended_args)) {
    into.argv.insert(into.argv.end(), profile.unattended_args.begin(),
                     profile.unattended_args.end());
  }
  if (!request.model.empty() && !has_one_of(into.argv, {"--model", "-m"})) {
    into.argv.emplace_back("--model");
    into.argv.push_back(request.model);
  }
  add_session(request, profile.resume, new_id, into);
}

/// The server with its message tools, for one that has a name at an engine.
void add_tools(const SpawnRequest& request, const pty::Profile& profile,
               const AgentSurroundings& surroundings, Launch& into) {
  const bool of_use = !surroundings.mcp_command.empty() && !surroundings.token_file.empty() &&
                      !surroundings.engine.empty();
  if (request.no_mcp || !of_use) return;
  const McpServer server = mcp_server_for(surroundings.mcp_command, into.environment);
  McpPlan plan = plan_mcp(profile.mcp, server, surroundings.mcp_file, into.argv, into.environment);
  into.argv.insert(into.argv.end(), plan.args.begin(), plan.args.end());
  if (!plan.variable.empty()) into.environment.set(plan.variable, surroundings.mcp_file);
  into.mcp_config = std::move(plan.file);
}

}  // namespace

bool is_kept_from_agents(std::string_view variable) {
  // Everything that is set for the broker itself: a key, a token, an address of another instance.
  if (variable.starts_with("RELAY_BROKER_")) return true;
  return std::find(kKept.begin(), kKept.end(), variable) != kKept.end();
}

Launch plan_launch(const SpawnRequest& request, const pty::Profile& profile,
                   const AgentSurroundings& surroundings, const os::Environment& ours,
                   std::string_view new_id) {
  Launch out;
  add_arguments(request, profile, new_id, out);
  for (const std::string& entry : ours.entries()) {
    const auto equals = entry.find('=');
    const std::string_view name = std::string_view(entry).substr(0, equals);
    if (!is_kept_from_agents(name)) out.environment.set(name, entry.substr(equals + 1));
  }
  const auto terminal = out.environment.get("TERM");
  if (!terminal || *terminal == "dumb") out.environment.set("TERM", "xterm-256color");
  for (const auto& [name, value] : profile.environment) out.environment.set(name, value);
  for (const auto& [name, value] : request.environment) out.environment.set(name, value);
  const auto set = [&out](std::string_view name, const std::string& value) {
    if (!value.empty()) out.environment.set(name, value);
  };
  set("RELAY_BASE_URL", surroundings.engine);
  set("RELAY_WORKSPACE_ID", surroundings.workspace_id);
  set("RELAY_DEFAULT_WORKSPACE", surroundings.workspace_id);
  set("AGENT_RELAY_RESULT_URL", surroundings.result_url);
  set("AGENT_RELAY_RESULT_TOKEN", surroundings.result_token);
  if (request.result_schema) set("AGENT_RELAY_RESULT_SCHEMA", request.result_schema->text());
  if (request.skip_relay_prompt) return out;
  set("RELAY_AGENT_NAME", surroundings.agent_name);
  set("RELAY_AGENT_BROKER", surroundings.broker);
  set("RELAY_AGENT_TYPE", "agent");
  set("RELAY_STRICT_AGENT_NAME", "1");
  set("RELAY_AGENT_TOKEN_FILE", surroundings.token_file);
  // The identity is there: whoever speaks for the agent must not make another one.
  if (!surroundings.token_file.empty()) set("RELAY_SKIP_BOOTSTRAP", "1");
  add_tools(request, profile, surroundings, out);
  return out;
}

}  // namespace relay::broker
