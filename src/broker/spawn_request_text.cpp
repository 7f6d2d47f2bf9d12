#include "broker/spawner.hpp"

namespace relay::broker {
namespace {

void write_texts(JsonWriter& out, std::string_view key, const std::vector<std::string>& texts) {
  out.key(key);
  out.begin_array();
  for (const std::string& text : texts) out.value(text);
  out.end_array();
}

void write_harness(JsonWriter& out, const std::vector<std::string>& command) {
  out.key("harness_config");
  out.begin_object();
  out.field("runtime", "pty");
  out.field("command", command.front());
  write_texts(out, "args", {command.begin() + 1, command.end()});
  out.end_object();
}

}  // namespace

std::string spawn_request_text(const SpawnRequest& request, const std::string& session_id,
                               DeliveryMode mode) {
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.field("name", request.name);
  // As words, so that nothing is split again.
  write_harness(out, request.command);
  write_texts(out, "channels", request.channels);
  const auto field = [&out](std::string_view key, const std::string& value) {
    if (!value.empty()) out.field(key, value);
  };
  field("model", request.model);
  field("cwd", request.cwd);
  field("team", request.team);
  field("parent", request.parent);
  field("resume", session_id);
  field("guest_control", request.guest_control);
  out.field("delivery_mode", name_of(mode));
  out.field("attended", request.attended);
  out.field("skip_relay_prompt", request.skip_relay_prompt);
  out.field("no_mcp", request.no_mcp);
  out.field("exit_after_task", request.exit_after_task);
  out.field("idle_threshold_secs",
            static_cast<std::uint64_t>(
                std::chrono::duration_cast<std::chrono::seconds>(request.idle_after).count()));
  out.field("rows", request.rows);
  out.field("cols", request.columns);
  out.key("env");
  out.begin_object();
  for (const auto& [name, value] : request.environment) out.field(name, value);
  out.end_object();
  out.key("restart_policy");
  out.begin_object();
  out.field("enabled", request.restart.enabled);
  out.field("max_restarts", request.restart.max_restarts);
  out.field("max_consecutive_failures", request.restart.max_consecutive_failures);
  out.field(
      "cooldown_ms",
      static_cast<std::uint64_t>(
          std::chrono::duration_cast<std::chrono::milliseconds>(request.restart.cooldown).count()));
  out.end_object();
  out.end_object();
  out.finish();
  return text;
}

}  // namespace relay::broker
