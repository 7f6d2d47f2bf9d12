#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "wire/engine_frames.hpp"
#include "wire/json.hpp"

namespace relay::broker {

/// Who asks for an agent.
enum class SpawnSource { local_api, action };

/// What happens when the program ends by itself. Off unless it is asked for.
struct RestartRule {
  bool enabled = false;
  std::uint32_t max_restarts = 5;
  Duration cooldown = std::chrono::seconds(2);
  std::uint32_t max_consecutive_failures = 3;
};

/// What a caller of spawn waits for.
enum class SpawnWait {
  /// The program runs.
  spawned,
  /// It shows that it can be talked to, as its profile knows it.
  ready,
};

/// An agent to start, whoever asks for it: checked, with every default filled in but those that the
/// broker alone knows (its directory, its channels).
class SpawnRequest {
 public:
  SpawnRequest() = default;

  SpawnSource source = SpawnSource::local_api;
  std::string name;
  /// The program and its arguments, taken apart: {"claude", "--verbose"}.
  std::vector<std::string> command;
  std::string model;
  /// The first message, once the program is ready.
  std::string task;
  std::vector<std::string> channels;
  /// Absolute, or empty: the broker's own.
  std::string cwd;
  std::map<std::string, std::string> environment;
  std::string team;
  std::string parent;
  /// A session of the agent's CLI to go on with.
  std::string resume;
  /// An identity that the caller has made; otherwise the agent is registered.
  Secret agent_token;
  std::string agent_id;
  bool exit_after_task = false;
  bool skip_relay_prompt = false;
  /// The program is not told of its message tools.
  bool no_mcp = false;
  /// A person will answer the program's questions; otherwise it is started with what its profile
  /// knows against them.
  bool attended = false;
  /// Without output for this long the agent counts as idle; zero: never.
  Duration idle_after = std::chrono::seconds(30);
  RestartRule restart;
  /// A JSON schema for results, as the caller gave it.
  std::optional<wire::Json> result_schema;
  /// Of the engine's action.
  std::string invocation_id;
  /// The same key, the same agent: a second request with it gets the answer of the first.
  std::string idempotency_key;
  SpawnWait wait = SpawnWait::spawned;
  Duration within = std::chrono::seconds(30);
  unsigned columns = 80;
  unsigned rows = 24;
  /// The program runs in a person's own terminal: the control socket of its `wrap`. Nothing is
  /// started here then; the answer says how it is to be started.
  std::string guest_control;
};

/// The body of POST /api/spawn, keys in snake_case or camelCase. `invalid_argument` names the
/// field; a missing name is "Missing required field: name".
[[nodiscard]] Result<SpawnRequest> spawn_request_of_api(std::string_view body);

/// An action "spawn" or "spawn:<harness>". Its errors have the engine's words as message:
/// "spawn_missing_agent_name", "spawn_missing_cli".
[[nodiscard]] Result<SpawnRequest> spawn_request_of_action(const wire::ActionInvoke& action);

/// The agent that an action "release" names: "release_missing_agent_name" when it names none.
[[nodiscard]] Result<std::string> release_name_of_action(const wire::ActionInvoke& action);

/// Whether a name may be an agent's: 1 to 64 of letters, digits, '.', '_' and '-', beginning with a
/// letter or digit. It becomes a part of paths and of headers.
[[nodiscard]] Result<void> check_agent_name(std::string_view name);

/// A command line in one string as its words, by a shell's rules for quotes and backslashes and
/// none of its other powers. `invalid_argument` for an open quote or no word at all.
[[nodiscard]] Result<std::vector<std::string>> split_command(std::string_view line);

}  // namespace relay::broker
