#include "broker/spawn_request.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "base/text.hpp"
#include "broker/json_fields.hpp"

namespace relay::broker {
namespace {

using wire::JsonView;
using Kind = JsonView::Kind;

constexpr std::size_t kLongestName = 64;
constexpr std::size_t kMostWords = 256;
constexpr unsigned kMostSize = 1000;
constexpr std::string_view kSpawnPrefix = "spawn:";

Error wrong(std::string message, std::string hint = {}) {
  return {Code::invalid_argument, std::move(message), std::move(hint)};
}

/// What a profile of a program says about how it is run: `harnessConfig`.
Result<void> read_harness(const JsonView& config, SpawnRequest& into) {
  if (config.kind() != Kind::object) {
    return fail(wrong("Invalid harnessConfig: it has to be an object"));
  }
  const JsonFields fields(config);
  const std::string runtime = fields.text({"runtime"});
  if (runtime == "headless" || runtime == "app_server") {
    return fail(wrong("Invalid harnessConfig: the runtime '" + runtime + "' is not supported here",
                      "use the runtime 'pty': the agent runs in a terminal of its own"));
  }
  if (!runtime.empty() && runtime != "pty") {
    return fail(wrong("Invalid harnessConfig: unknown runtime '" + runtime + "'"));
  }
  const std::string command = fields.text({"command"});
  if (command.empty()) return fail(wrong("Invalid harnessConfig: it has no command"));
  into.command = {command};
  for (auto& word : fields.texts({"args"})) into.command.push_back(std::move(word));
  if (const std::string cwd = fields.text({"cwd"}); !cwd.empty()) into.cwd = cwd;
  if (const std::string id = fields.text({"sessionId", "session_id"}); !id.empty()) {
    into.resume = id;
  }
  if (const auto environment = fields.any({"env"})) {
    for (const auto& [key, value] : environment->members()) {
      if (const auto text = value.string()) into.environment[std::string(key)] = *text;
    }
  }
  if (const auto metadata = fields.any({"metadata"})) {
    if (JsonFields(*metadata).flag({"verify_ready", "verifyReady"})) into.wait = SpawnWait::ready;
  }
  return {};
}

Result<void> read_mode(const JsonFields& fields, SpawnRequest& into) {
  const std::string mode = fields.text({"spawn_mode", "spawnMode"});
  into.exit_after_task = fields.flag({"exit_after_task", "exitAfterTask"});
  if (mode.empty() || mode == "interactive") return {};
  if (mode == "task_exit" || mode == "task-exit" || mode == "single_shot" ||
      mode == "single-shot") {
    into.exit_after_task = true;
    return {};
  }
  return fail(
      wrong("unsupported spawnMode '" + mode + "' (expected 'interactive' or 'task_exit')"));
}

void read_restart(const JsonFields& fields, SpawnRequest& into) {
  const auto policy = fields.any({"restart_policy", "restartPolicy"});
  if (!policy || policy->kind() != Kind::object) return;
  const JsonFields rule(*policy);
  const auto enabled = rule.any({"enabled"});
  into.restart.enabled = !enabled || enabled->boolean().value_or(false);
  const auto small = [&rule](JsonFields::Names names, std::uint32_t usual) {
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(rule.number(names).value_or(usual), 1'000'000));
  };
  into.restart.max_restarts = small({"max_restarts", "maxRestarts"}, into.restart.max_restarts);
  into.restart.max_consecutive_failures =
      small({"max_consecutive_failures", "maxConsecutiveFailures"},
            into.restart.max_consecutive_failures);
  into.restart.cooldown = std::chrono::milliseconds(small({"cooldown_ms", "cooldownMs"}, 2000));
}

/// What the API and the engine's actions have in common.
Result<void> read_common(const JsonFields& fields, SpawnRequest& into) {
  if (fields.any({"harness_id", "harnessId"})) {
    return fail(wrong("harnessId is not supported by the broker API; send harnessConfig"));
  }
  const std::string transport = fields.text({"transport", "runtime"});
  if (!transport.empty() && transport != "pty") {
    return fail(Code::spawn_failed, "unsupported transport '" + transport + "' (expected 'pty')",
                "agents run in terminals here");
  }
  into.model = fields.text({"model"});
  into.task = fields.text({"task", "initial_task", "initialTask", "prompt"});
  into.channels = fields.texts({"channels", "channel"});
  for (std::string& channel : into.channels) {
    if (channel.starts_with('#')) channel.erase(0, 1);
  }
  into.cwd = fields.text({"worker_cwd", "workerCwd", "cwd"});
  into.team = fields.text({"team"});
  into.resume = fields.text({"session_ref", "sessionRef", "resume"});
  into.skip_relay_prompt = fields.flag({"skip_relay_prompt", "skipRelayPrompt"});
  into.no_mcp = fields.flag({"no_mcp", "noMcp"});
  into.attended = fields.flag({"attended"});
  into.idempotency_key = fields.text({"idempotency_key", "idempotencyKey"});
  into.result_schema.reset();
  const auto schema = fields.any({"agent_result_schema", "agentResultSchema", "resultSchema"});
  if (schema) into.result_schema = schema->json();
  if (const auto idle = fields.number({"idle_threshold_secs", "idleThresholdSecs"})) {
    into.idle_after = std::chrono::seconds(std::min<std::uint64_t>(*idle, 1'000'000));
  }
  if (const auto environment = fields.any({"env", "environment"})) {
    for (const auto& [key, value] : environment->members()) {
      if (const auto text = value.string()) into.environment[std::string(key)] = *text;
    }
  }
  if (fields.text({"wait"}) == "ready" || fields.flag({"verify_ready", "verifyReady"})) {
    into.wait = SpawnWait::ready;
  }
  if (const auto within = fields.number({"timeout_ms", "timeoutMs"})) {
    into.within = std::chrono::milliseconds(std::clamp<std::uint64_t>(*within, 1, 3'600'000));
  }
  const auto size = [&fields](JsonFields::Names names, unsigned usual) {
    const auto given = fields.number(names);
    return given && *given > 0 && *given <= kMostSize ? static_cast<unsigned>(*given) : usual;
  };
  into.rows = size({"rows"}, into.rows);
  into.columns = size({"cols", "columns"}, into.columns);
  read_restart(fields, into);
  if (auto mode = read_mode(fields, into); !mode) return mode;
  if (const auto config =
          fields.any({"harness_config", "harnessConfig", "harness_plan", "harnessPlan"})) {
    return read_harness(*config, into);
  }
  return {};
}

/// The command line, unless a harnessConfig named the program.
Result<void> read_command(const std::string& cli, const JsonFields& fields, SpawnRequest& into) {
  if (into.command.empty()) {
    auto words = split_command(cli);
    if (!words) return fail(std::move(words).error());
    into.command = *std::move(words);
  }
  for (auto& word : fields.texts({"args"})) into.command.push_back(std::move(word));
  if (into.command.size() > kMostWords) {
    return fail(wrong(fmt::format("a command has at most {} words", kMostWords)));
  }
  for (const std::string& word : into.command) {
    if (word.find('\0') == std::string::npos) continue;
    return fail(wrong("a word of the command holds a zero byte"));
  }
  return {};
}

Result<void> check_rest(const SpawnRequest& request) {
  if (auto fine = check_agent_name(request.name); !fine) return fine;
  if (!request.cwd.empty() && request.cwd.front() != '/') {
    return fail(wrong("cwd '" + request.cwd + "' is not an absolute path"));
  }
  for (const auto& [key, value] : request.environment) {
    const bool fine = !key.empty() && key.find('=') == std::string::npos &&
                      key.find('\0') == std::string::npos && value.find('\0') == std::string::npos;
    if (!fine) return fail(wrong("'" + key + "' is no name of a variable"));
  }
  return {};
}

}  // namespace

Result<void> check_agent_name(std::string_view name) {
  const auto alphanumeric = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  };
  const bool fine = !name.empty() && name.size() <= kLongestName && alphanumeric(name.front()) &&
                    std::all_of(name.begin(), name.end(), [&](char c) {
                      return alphanumeric(c) || c == '.' || c == '_' || c == '-';
                    });
  if (fine) return {};
  return fail(wrong("an agent cannot have this name",
                    "1 to 64 letters, digits, '.', '_' and '-', beginning with a letter or digit"));
}

Result<std::vector<std::string>> split_command(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    const bool blank = c == ' ' || c == '\t' || c == '\n';
    if (quote != 0 && c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
      in_word = true;
    } else if (quote == 0 && blank) {
      if (in_word) words.push_back(std::move(word));
      word.clear();
      in_word = false;
    } else {
      in_word = true;
      const bool escapes = c == '\\' && quote != '\'' && i + 1 < line.size();
      if (escapes) {
        const char next = line[++i];
        // Between double quotes it only takes the power from those that have one there.
        if (quote == '"' && next != '"' && next != '\\') word += c;
        word += next;
      } else {
        word += c;
      }
    }
  }
  if (quote != 0) {
    return fail(wrong("invalid CLI command '" + std::string(line) + "'", "a quote is open"));
  }
  if (in_word) words.push_back(std::move(word));
  if (words.empty()) return fail(wrong("invalid CLI command '" + std::string(line) + "'"));
  return words;
}

Result<SpawnRequest> spawn_request_of_api(std::string_view body) {
  auto document = wire::JsonDocument::parse(body, wire::kInboundLimits);
  if (!document) return fail(std::move(document).error());
  if (document->root().kind() != Kind::object) return fail(wrong("Missing required field: name"));
  const JsonFields fields(document->root());
  SpawnRequest request;
  request.source = SpawnSource::local_api;
  request.name = fields.text({"name"});
  if (request.name.empty()) return fail(wrong("Missing required field: name"));
  auto fine = read_common(fields, request);
  if (!fine) return fail(std::move(fine).error());
  const std::string cli = fields.text({"cli"});
  fine = read_command(cli.empty() ? "claude" : cli, fields, request);
  if (!fine) return fail(std::move(fine).error());
  request.agent_token = Secret(fields.text({"agent_token", "agentToken"}));
  request.agent_id = fields.text({"agent_id", "agentId"});
  request.parent = fields.text({"parent"});
  request.guest_control = fields.text({"guest_control"});
  if (!request.guest_control.empty() && request.guest_control.front() != '/') {
    return fail(wrong("guest_control is no absolute path"));
  }
  fine = check_rest(request);
  if (!fine) return fail(std::move(fine).error());
  return request;
}

Result<SpawnRequest> spawn_request_of_action(const wire::ActionInvoke& action) {
  auto document = wire::JsonDocument::parse(action.input.text(), wire::kEngineLimits);
  if (!document) return fail(std::move(document).error());
  JsonFields fields(document->root());
  const auto nested = document->root().find("agent");
  fields.fall_back_to(nested);
  fields.fall_back_to(document->root().find("metadata"));

  SpawnRequest request;
  request.source = SpawnSource::action;
  request.invocation_id = action.invocation_id;
  request.name = action.agent_name.value_or(std::string());
  if (request.name.empty()) request.name = fields.text({"name", "agent_name", "agent"});
  if (request.name.empty()) request.name = action.agent_id.value_or(std::string());
  if (request.name.empty()) return fail(wrong("spawn_missing_agent_name"));
  auto fine = read_common(fields, request);
  if (!fine) return fail(std::move(fine).error());
  std::string cli = fields.text({"cli", "command", "provider"});
  const std::string_view name = action.action;
  if (cli.empty() && name.starts_with(kSpawnPrefix)) cli = name.substr(kSpawnPrefix.size());
  if (cli.empty() && request.command.empty()) return fail(wrong("spawn_missing_cli"));
  fine = read_command(cli, fields, request);
  if (!fine) return fail(std::move(fine).error());
  if (nested && nested->kind() == Kind::object) {
    request.agent_token = Secret(JsonFields(*nested).text({"token", "relay_key", "api_key"}));
  }
  if (request.agent_token.empty()) {
    request.agent_token = Secret(JsonFields(document->root()).text({"token"}));
  }
  request.agent_id = action.agent_id.value_or(std::string());
  fine = check_rest(request);
  if (!fine) return fail(std::move(fine).error());
  return request;
}

Result<std::string> release_name_of_action(const wire::ActionInvoke& action) {
  auto document = wire::JsonDocument::parse(action.input.text(), wire::kEngineLimits);
  if (!document) return fail(std::move(document).error());
  JsonFields fields(document->root());
  fields.fall_back_to(document->root().find("agent"));
  std::string name = action.agent_name.value_or(std::string());
  if (name.empty()) name = fields.text({"name", "agent_name", "agent"});
  if (name.empty()) name = action.agent_id.value_or(std::string());
  if (name.empty()) return fail(wrong("release_missing_agent_name"));
  return name;
}

}  // namespace relay::broker
