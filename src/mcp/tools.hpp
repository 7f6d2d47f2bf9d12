#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace relay::mcp {

enum class ParameterKind {
  text,
  /// A text without its leading '#' or '@'.
  channel,
  agent,
  /// A character or one of the usual short names.
  emoji,
  /// A whole number.
  number,
  flag,
  /// A list of texts.
  texts,
  object,
  /// Any JSON.
  anything,
};

/// Where a tool's argument goes: into the path's {name}, else into the query of a GET, else into
/// the body.
struct Parameter {
  std::string_view name;
  ParameterKind kind;
  bool required;
  std::string_view description;
  /// The name on the wire where it is another one.
  std::string_view wire_name = {};
  /// The only texts allowed, with '|' between them.
  std::string_view choices = {};
};

/// What has to be there for a tool to be offered.
enum class ToolNeeds { identity, no_identity, spawning, results };

enum class ToolManner { reads, adds, repeatable, destroys };

/// A tool as a client sees it, and the request of the engine's that does it.
struct Tool {
  std::string_view name;
  std::string_view title;
  std::string_view description;
  std::string_view method;
  std::string_view path;
  std::vector<Parameter> parameters;
  ToolManner manner = ToolManner::adds;
  ToolNeeds needs = ToolNeeds::identity;
  /// The engine's answer goes under this name; as it is when empty.
  std::string_view answer_name = {};
  /// What is said instead of the answer, with {parameters} in it.
  std::string_view done = {};
  /// The body goes under this name; as it is when empty.
  std::string_view body_name = {};
};

/// What this agent may use.
struct Offer {
  /// It has a token; without one only a workspace key, to register with.
  bool identity = false;
  bool spawning = false;
  /// Someone waits for a structured result of it.
  bool results = false;
  /// The schema of that result, as JSON; may be empty.
  std::string result_schema;
};

/// Every tool there is. Their names, and those of their arguments, are the ones that agents know
/// from the published server.
[[nodiscard]] std::span<const Tool> all_tools();
[[nodiscard]] bool is_offered(const Tool& tool, const Offer& offer);
/// Null for a name of none, or of one that is not offered.
[[nodiscard]] const Tool* find_tool(std::string_view name, const Offer& offer);

/// {"tools":[…]} as tools/list answers it.
[[nodiscard]] std::string tools_json(const Offer& offer);

}  // namespace relay::mcp
