#include "engine/refusal.hpp"

#include <array>
#include <utility>

namespace relay::engine {
namespace {

struct RefusalRow {
  Refusal refusal;
  std::string_view name;
  int status;
  Code code;
};

// The one table. `tests/unit/engine/refusal_test.cpp` restates it by hand.
constexpr std::array kRefusals{
    RefusalRow{Refusal::internal_error, "internal_error", 500, Code::internal_error},
    RefusalRow{Refusal::invalid_request, "invalid_request", 400, Code::invalid_argument},
    RefusalRow{Refusal::unauthorized, "unauthorized", 401, Code::unauthorized},
    RefusalRow{Refusal::agent_token_invalid, "agent_token_invalid", 401, Code::token_rejected},
    RefusalRow{Refusal::node_token_invalid, "node_token_invalid", 401, Code::token_rejected},
    RefusalRow{Refusal::forbidden, "forbidden", 403, Code::forbidden},
    RefusalRow{Refusal::agent_token_required, "agent_token_required", 403, Code::forbidden},
    RefusalRow{Refusal::workspace_not_found, "workspace_not_found", 404, Code::not_found},
    RefusalRow{Refusal::agent_not_found, "agent_not_found", 404, Code::agent_not_found},
    RefusalRow{Refusal::agent_already_exists, "agent_already_exists", 409, Code::name_conflict},
    RefusalRow{Refusal::agent_location_conflict, "agent_location_conflict", 409, Code::conflict},
    RefusalRow{Refusal::agent_not_node_bound, "agent_not_node_bound", 409, Code::conflict},
    RefusalRow{Refusal::channel_not_found, "channel_not_found", 404, Code::not_found},
    RefusalRow{Refusal::channel_already_exists, "channel_already_exists", 409, Code::name_conflict},
    RefusalRow{Refusal::channel_archived, "channel_archived", 400, Code::invalid_argument},
    RefusalRow{Refusal::cannot_archive_general, "cannot_archive_general", 400,
               Code::invalid_argument},
    RefusalRow{Refusal::invalid_channel_name, "invalid_channel_name", 400, Code::invalid_argument},
    RefusalRow{Refusal::not_a_member, "not_a_member", 403, Code::forbidden},
    RefusalRow{Refusal::message_not_found, "message_not_found", 404, Code::not_found},
    RefusalRow{Refusal::delivery_not_found, "delivery_not_found", 404, Code::not_found},
    RefusalRow{Refusal::idempotency_key_reused, "idempotency_key_reused", 409, Code::conflict},
    RefusalRow{Refusal::node_not_found, "node_not_found", 404, Code::node_not_found},
    RefusalRow{Refusal::node_id_mismatch, "node_id_mismatch", 409, Code::conflict},
    RefusalRow{Refusal::node_capacity_exceeded, "node_capacity_exceeded", 409, Code::conflict},
    RefusalRow{Refusal::direct_node_capacity_exceeded, "direct_node_capacity_exceeded", 400,
               Code::invalid_argument},
    RefusalRow{Refusal::capability_mismatch, "capability_mismatch", 409, Code::conflict},
    RefusalRow{Refusal::handler_unavailable, "handler_unavailable", 503, Code::node_not_ready},
    RefusalRow{Refusal::placement_self_requires_agent, "placement_self_requires_agent", 400,
               Code::invalid_argument},
    RefusalRow{Refusal::placement_self_unavailable, "placement_self_unavailable", 409,
               Code::conflict},
    RefusalRow{Refusal::action_not_found, "action_not_found", 404, Code::not_found},
    RefusalRow{Refusal::action_denied, "action_denied", 403, Code::forbidden},
    RefusalRow{Refusal::invalid_action_handler, "invalid_action_handler", 400,
               Code::invalid_argument},
    RefusalRow{Refusal::node_owned_invocation, "node_owned_invocation", 403, Code::forbidden},
    RefusalRow{Refusal::invocation_not_found, "invocation_not_found", 404, Code::not_found},
    RefusalRow{Refusal::invalid_json, "invalid_json", 400, Code::invalid_json},
    RefusalRow{Refusal::not_found, "not_found", 404, Code::not_found},
    RefusalRow{Refusal::node_token_forbidden, "node_token_forbidden", 401, Code::unauthorized},
    RefusalRow{Refusal::observer_token_forbidden, "observer_token_forbidden", 401,
               Code::unauthorized},
    RefusalRow{Refusal::observer_token_invalid, "observer_token_invalid", 401,
               Code::token_rejected},
    RefusalRow{Refusal::insufficient_scope, "insufficient_scope", 403, Code::forbidden},
    RefusalRow{Refusal::invalid_idempotency_key, "invalid_idempotency_key", 400,
               Code::invalid_argument},
    RefusalRow{Refusal::agent_bound_to_node, "agent_bound_to_node", 409, Code::conflict},
    RefusalRow{Refusal::invalid_event_type, "invalid_event_type", 400, Code::invalid_argument},
    RefusalRow{Refusal::invalid_release_request, "invalid_release_request", 400,
               Code::invalid_argument},
    RefusalRow{Refusal::invalid_pattern, "invalid_pattern", 400, Code::invalid_argument},
    RefusalRow{Refusal::trigger_not_found, "trigger_not_found", 404, Code::not_found},
    RefusalRow{Refusal::observer_token_not_found, "observer_token_not_found", 404, Code::not_found},
    RefusalRow{Refusal::observer_token_name_conflict, "observer_token_name_conflict", 409,
               Code::name_conflict},
    RefusalRow{Refusal::webhook_not_found, "webhook_not_found", 404, Code::not_found},
    RefusalRow{Refusal::webhook_token_invalid, "webhook_token_invalid", 401, Code::token_rejected},
    RefusalRow{Refusal::subscription_not_found, "subscription_not_found", 404, Code::not_found},
    RefusalRow{Refusal::file_not_found, "file_not_found", 404, Code::not_found},
};

constexpr bool refusals_in_order() {
  for (std::size_t i = 0; i < kRefusals.size(); ++i) {
    if (static_cast<std::size_t>(kRefusals[i].refusal) != i) return false;
  }
  return true;
}
static_assert(refusals_in_order() && kRefusals.back().refusal == Refusal::file_not_found);

const RefusalRow& row_of(Refusal refusal) {
  return kRefusals[static_cast<std::size_t>(refusal)];
}

}  // namespace

std::string_view name_of(Refusal refusal) noexcept {
  return row_of(refusal).name;
}

int status_of(Refusal refusal) noexcept {
  return row_of(refusal).status;
}

tl::unexpected<Error> refuse(Refusal refusal, std::string message) {
  Error error(row_of(refusal).code, std::move(message));
  error.detail = row_of(refusal).name;
  return tl::unexpected<Error>(std::move(error));
}

Refusal refusal_of(const Error& error) noexcept {
  for (const auto& row : kRefusals) {
    if (!error.detail.empty() && row.name == error.detail) return row.refusal;
  }
  return Refusal::internal_error;
}

}  // namespace relay::engine
