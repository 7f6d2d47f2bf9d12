#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "engine/ids.hpp"
#include "engine/invocation.hpp"

namespace relay::engine {

struct Action {
  Id id = 0;
  Id workspace = 0;
  std::string name;
  std::string description;
  /// One of the two.
  Id handler_agent = 0;
  Id handler_node = 0;
  std::string input_schema;   // JSON, or empty
  std::string output_schema;  // JSON, or empty
  /// Names of agents that may see and invoke it; nothing: all.
  std::optional<std::vector<std::string>> available_to;
};

class ActionStore {
 public:
  virtual ~ActionStore() = default;

  /// One of that name is replaced, its id stays.
  virtual Result<Action> put_action(const Action& action) = 0;
  virtual Result<void> remove_action(Id id) = 0;
  /// action_not_found.
  [[nodiscard]] virtual Result<Action> find_action(Id workspace, const std::string& name) const = 0;
  [[nodiscard]] virtual Result<std::vector<Action>> actions(Id workspace) const = 0;

  /// With an id; what decides about it is `invocation.hpp`.
  virtual Result<Invocation> add_invocation(const Invocation& invocation) = 0;
  /// Its state, as a decision has left it.
  virtual Result<void> put_invocation(const Invocation& invocation) = 0;
  /// invocation_not_found.
  [[nodiscard]] virtual Result<Invocation> invocation(Id id) const = 0;
  /// Not ended, dispatched to that node or waiting for it; oldest first.
  [[nodiscard]] virtual Result<std::vector<Invocation>> open_invocations(Id node) const = 0;
  /// Not ended, and due: a dispatch without an answer, or a wait that is over. Oldest first.
  [[nodiscard]] virtual Result<std::vector<Invocation>> due_invocations(
      std::uint32_t most) const = 0;
  /// Removes those that ended before then, at most `most`; how many.
  virtual Result<std::uint32_t> prune_invocations(Wall before, std::uint32_t most) = 0;
};

}  // namespace relay::engine
