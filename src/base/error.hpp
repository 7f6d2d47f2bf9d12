#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace relay {

/// Every way in which relay-broker can fail, as users and scripts see it. The name (`name_of`) is
/// part of the machine-readable interface and never changes; `exit_status_of` is the only map to
/// exit statuses.
enum class Code {
  // 1: failed
  internal_error,
  io_error,
  spawn_failed,
  protocol_error,
  engine_error,
  cancelled,
  // 2: wrong usage or bad input
  invalid_argument,
  invalid_json,
  too_large,
  // 3: nothing there to talk to
  broker_not_running,
  engine_unreachable,
  connection_closed,
  tls_failed,
  // 4: who you are
  not_enrolled,
  unauthorized,
  forbidden,
  token_rejected,
  unsafe_file,
  // 5: no such thing
  not_found,
  agent_not_found,
  node_not_found,
  token_not_found,
  cwd_missing,
  // 6: conflict
  conflict,
  name_conflict,
  conversation_busy,
  already_running,
  // 75: not now
  node_not_ready,
  relay_deferred,
  queue_full,
  rate_limited,
  disk_full,
  // 124: time is up
  timeout,
  // 126, 127: `wrap`'s child
  cli_not_executable,
  cli_not_found,
};

/// The stable, machine-readable name: `Code::agent_not_found` -> "agent_not_found".
[[nodiscard]] std::string_view name_of(Code code) noexcept;

/// The process exit status of a command that ended with this code.
[[nodiscard]] int exit_status_of(Code code) noexcept;

/// The code with that name, if there is one. For codes read back from JSON of our own API.
[[nodiscard]] std::optional<Code> code_named(std::string_view name) noexcept;

/// What went wrong, in a form that can be shown: `message` says what happened with the real cause,
/// `hint` what to do next (may be empty). Not an aggregate, because g++ 12 miscompiles aggregates
/// in co_await.
struct [[nodiscard]] Error {
  Error(Code code, std::string message, std::string hint = {});

  /// Puts what was being done in front: "cannot read token: permission denied".
  [[nodiscard]] Error within(std::string_view what) &&;
  /// The message without what was put in front last; all of it when nothing was.
  [[nodiscard]] std::string cause() const;

  Code code;
  std::string message;
  std::string hint;
  /// A finer name than the code has, for those who speak one protocol (the engine's refusals);
  /// mostly empty. A constant.
  std::string_view detail;
  /// When a new try makes sense, for codes with exit status 75.
  std::optional<std::chrono::milliseconds> retry_after;
};

}  // namespace relay
