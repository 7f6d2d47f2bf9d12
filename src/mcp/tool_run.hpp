#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mcp/tools.hpp"
#include "wire/json.hpp"

namespace relay::mcp {

/// What a client gets to read.
class ToolResult {
 public:
  static ToolResult of(std::string text) { return ToolResult(std::move(text), false); }
  static ToolResult of(const Error& error);

  /// As the result of tools/call.
  [[nodiscard]] std::string json() const;

  std::string text;
  bool is_error = false;

 private:
  ToolResult(std::string text_in, bool is_error_in)
      : text(std::move(text_in)), is_error(is_error_in) {}
};

/// Whose right a request needs.
enum class Credential { agent, workspace, results };

/// A request to the engine. `path` begins with a slash; of `Credential::results` it is empty: that
/// address is a whole one.
class EngineRequest {
 public:
  std::string method;
  std::string path;
  /// JSON, or empty.
  std::string body;
  Credential credential = Credential::agent;
  /// A message: with an Idempotency-Key it may be asked twice and is sent once.
  bool keyed = false;
};

/// What it means that a request got no answer from the engine at this address: in words about the
/// engine, and whether it may have been carried out. `error` is the HTTP client's.
[[nodiscard]] Error engine_failure(Error error, const EngineRequest& request,
                                   std::string_view engine);

/// Who reads a hint: a model by the names of its tools, a person by commands.
enum class Audience { model, person };

/// A refusal of the engine's, with what may help. `body` as it came, `credential` what it was asked
/// with.
[[nodiscard]] Error engine_refusal(int status, std::string_view body, Credential credential,
                                   Audience audience);

/// One call of a tool: what is asked of the engine, and what its answers mean. Pure.
class ToolRun {
 public:
  /// Fails with `invalid_argument` for arguments that do not fit; the message names the first one.
  [[nodiscard]] static Result<ToolRun> plan(const Tool& tool, const wire::JsonView& arguments);

  [[nodiscard]] const EngineRequest& request() const { return request_; }
  [[nodiscard]] const Tool& tool() const { return *tool_; }

  /// What an answer with a good status leads to: the result, or nothing when `request()` is now
  /// another one that has to be asked first.
  [[nodiscard]] std::optional<ToolResult> take(std::string_view body);

 private:
  explicit ToolRun(const Tool& tool) : tool_(&tool) {}

  /// An element of the table, which does not move.
  const Tool* tool_;
  EngineRequest request_;
  std::string done_;
  /// Only agents of this status.
  std::string status_;
  /// The first message of a conversation that is being made; its body.
  std::string first_message_;
};

}  // namespace relay::mcp
