#include "broker/api_json.hpp"

#include <ctime>
#include <fmt/format.h>
#include <openssl/evp.h>

namespace relay::broker {
namespace {

/// The peer knows three states.
std::string_view peer_state(AgentState state) {
  switch (state) {
    case AgentState::starting:
    case AgentState::ending:
    case AgentState::working: return "working";
    case AgentState::blocked: return "blocked_on_send";
    case AgentState::idle:
    case AgentState::exited: return "idle";
  }
  return "idle";
}

void write_exit(JsonWriter& out, const AgentView& agent) {
  out.key("exit");
  if (!agent.exit) return out.null();
  out.begin_object();
  if (const auto status = agent.exit->status()) out.field("code", *status);
  if (const auto signal = agent.exit->signal()) out.field("signal", os::signal_name(*signal));
  out.end_object();
}

void write_pid(JsonWriter& out, std::string_view key, pid_t pid) {
  out.key(key);
  if (pid == 0) return out.null();
  out.value(std::int64_t{pid});
}

}  // namespace

std::string base64(std::string_view bytes) {
  // OpenSSL puts a zero behind the text.
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::string rfc3339(Wall when) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(when);
  const auto rest = (when - whole).count();
  const std::time_t time = whole.time_since_epoch().count();
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     rest);
}

std::int64_t milliseconds(Duration time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

std::int64_t seconds(Duration time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time).count();
}

void text_or_null(JsonWriter& out, std::string_view key, std::string_view text) {
  out.key(key);
  if (text.empty()) return out.null();
  out.value(text);
}

void texts(JsonWriter& out, std::string_view key, const std::vector<std::string>& items) {
  out.key(key);
  out.begin_array();
  for (const auto& item : items) out.value(item);
  out.end_array();
}

void write_agent(JsonWriter& out, const AgentView& agent) {
  out.begin_object();
  out.field("name", agent.name);
  out.field("runtime", "pty");
  text_or_null(out, "provider", "");
  out.field("cli", agent.cli);
  text_or_null(out, "model", agent.model);
  text_or_null(out, "sessionId", agent.session_id);
  text_or_null(out, "team", agent.team);
  texts(out, "channels", agent.channels);
  text_or_null(out, "parent", agent.parent);
  write_pid(out, "pid", agent.state == AgentState::starting ? 0 : agent.pid);
  write_pid(out, "workerPid", agent.pid);
  out.field("last_activity_ms", milliseconds(agent.quiet));
  out.field("last_activity_at", rfc3339(agent.last_activity));
  text_or_null(out, "context_budget_pct", "");
  out.field("current_state", peer_state(agent.state));
  out.field("pending_messages", std::uint64_t{agent.pending});
  out.field("runtime_kind", "pty");
  out.field("agent_id", agent.agent_id);
  out.field("generation", agent.generation);
  out.field("profile", agent.profile);
  out.field("cwd", agent.cwd);
  out.field("state", name_of(agent.state));
  text_or_null(out, "blocked_by", agent.blocked_by);
  write_exit(out, agent);
  out.field("started_at", rfc3339(agent.started));
  out.field("delivery_mode", name_of(agent.mode));
  out.field("delivery_revision", agent.mode_revision);
  out.field("submitted", agent.submitted);
  out.field("typed", agent.typed);
  out.field("unread", agent.unread);
  out.field("dead", agent.dead);
  out.field("restarts", agent.restarts);
  out.field("memory_bytes", agent.memory);
  out.field("wrapped", agent.wrapped);
  text_or_null(out, "terminal", agent.terminal);
  out.end_object();
}

void write_spawned(JsonWriter& out, const SpawnedAgent& agent) {
  out.field("success", true);
  out.field("name", agent.name);
  out.field("runtime", "pty");
  text_or_null(out, "model", agent.model);
  text_or_null(out, "sessionId", agent.session_id);
  write_pid(out, "pid", agent.pid);
  out.field("pre_registered", agent.pre_registered);
  text_or_null(out, "warning", agent.warning);
  text_or_null(out, "agent_id", agent.agent_id);
  text_or_null(out, "generation", agent.generation);
  text_or_null(out, "node", agent.node);
  if (agent.argv.empty()) return;
  out.key("argv");
  out.begin_array();
  for (const std::string& word : agent.argv) out.value(word);
  out.end_array();
  out.key("environment");
  out.begin_object();
  for (const auto& [name, value] : agent.environment) out.field(name, value);
  out.end_object();
}

void write_memberships(JsonWriter& out, const WorkspaceFacts* workspace) {
  out.key("memberships");
  out.begin_array();
  if (workspace) {
    out.begin_object();
    out.field("workspace_id", workspace->id);
    if (!workspace->alias.empty()) out.field("workspace_alias", workspace->alias);
    out.field("is_default", true);
    out.end_object();
  }
  out.end_array();
}

}  // namespace relay::broker
