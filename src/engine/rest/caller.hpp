#pragma once

#include <string_view>

#include "engine/rest/call.hpp"

namespace relay::engine::rest {

/// Whose token a route takes.
enum class Needs {
  nobody,
  /// Anybody; a workspace key counts when it is there.
  maybe_workspace,
  workspace,
  agent,
  /// An agent; a workspace key is told that it takes one.
  acting_agent,
  /// A workspace key or an agent.
  any,
};

/// Who asks. `scope`: observer tokens that have it may ask too; empty: none may. unauthorized,
/// agent_token_required, insufficient_scope, and …_token_invalid or …_token_forbidden by the kind
/// of the token.
[[nodiscard]] Result<Caller> resolve(const Store& store, const net::Headers& headers, Needs needs,
                                     std::string_view scope);

/// Whether it is worth writing down that this agent has called.
[[nodiscard]] bool is_to_be_touched(const Store& store, const Caller& caller);
/// Writes it down; who was not active is now, and others are told.
[[nodiscard]] Result<void> touch(Store& store, Call& call);

}  // namespace relay::engine::rest
