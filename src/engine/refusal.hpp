#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace relay::engine {

/// Every way in which the engine refuses what it is asked, by the name that goes over the wire
/// (REST and node socket). An `Error` that no refusal stands behind is an `internal_error` there.
enum class Refusal {
  internal_error,
  invalid_request,
  unauthorized,
  agent_token_invalid,
  node_token_invalid,
  forbidden,
  agent_token_required,
  workspace_not_found,
  agent_not_found,
  agent_already_exists,
  agent_location_conflict,
  agent_not_node_bound,
  channel_not_found,
  channel_already_exists,
  channel_archived,
  cannot_archive_general,
  invalid_channel_name,
  not_a_member,
  message_not_found,
  delivery_not_found,
  idempotency_key_reused,
  node_not_found,
  node_id_mismatch,
  node_capacity_exceeded,
  direct_node_capacity_exceeded,
  capability_mismatch,
  handler_unavailable,
  placement_self_requires_agent,
  placement_self_unavailable,
  action_not_found,
  action_denied,
  invalid_action_handler,
  node_owned_invocation,
  invocation_not_found,
  invalid_json,
  not_found,
  node_token_forbidden,
  observer_token_forbidden,
  observer_token_invalid,
  insufficient_scope,
  invalid_idempotency_key,
  agent_bound_to_node,
  invalid_event_type,
  invalid_release_request,
  invalid_pattern,
  trigger_not_found,
  observer_token_not_found,
  observer_token_name_conflict,
  webhook_not_found,
  webhook_token_invalid,
  subscription_not_found,
  file_not_found,
};

[[nodiscard]] std::string_view name_of(Refusal refusal) noexcept;
/// The HTTP status of the answer.
[[nodiscard]] int status_of(Refusal refusal) noexcept;

/// `return refuse(Refusal::channel_not_found, "there is no channel #build");`
[[nodiscard]] tl::unexpected<Error> refuse(Refusal refusal, std::string message);

/// What a failed operation says on the wire.
[[nodiscard]] Refusal refusal_of(const Error& error) noexcept;

}  // namespace relay::engine
