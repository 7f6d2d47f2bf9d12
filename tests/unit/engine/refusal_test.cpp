#include "engine/refusal.hpp"

#include <doctest/doctest.h>
#include <utility>
#include <vector>

using namespace relay;
using namespace relay::engine;

TEST_CASE("every refusal has its name on the wire, and its status") {
  struct Said {
    Refusal refusal;
    const char* name;
    int status;
  };
  // The contract, by hand.
  const std::vector<Said> all{
      {Refusal::internal_error, "internal_error", 500},
      {Refusal::invalid_request, "invalid_request", 400},
      {Refusal::unauthorized, "unauthorized", 401},
      {Refusal::agent_token_invalid, "agent_token_invalid", 401},
      {Refusal::node_token_invalid, "node_token_invalid", 401},
      {Refusal::forbidden, "forbidden", 403},
      {Refusal::agent_token_required, "agent_token_required", 403},
      {Refusal::workspace_not_found, "workspace_not_found", 404},
      {Refusal::agent_not_found, "agent_not_found", 404},
      {Refusal::agent_already_exists, "agent_already_exists", 409},
      {Refusal::agent_location_conflict, "agent_location_conflict", 409},
      {Refusal::agent_not_node_bound, "agent_not_node_bound", 409},
      {Refusal::channel_not_found, "channel_not_found", 404},
      {Refusal::channel_already_exists, "channel_already_exists", 409},
      {Refusal::channel_archived, "channel_archived", 400},
      {Refusal::cannot_archive_general, "cannot_archive_general", 400},
      {Refusal::invalid_channel_name, "invalid_channel_name", 400},
      {Refusal::not_a_member, "not_a_member", 403},
      {Refusal::message_not_found, "message_not_found", 404},
      {Refusal::delivery_not_found, "delivery_not_found", 404},
      {Refusal::idempotency_key_reused, "idempotency_key_reused", 409},
      {Refusal::node_not_found, "node_not_found", 404},
      {Refusal::node_id_mismatch, "node_id_mismatch", 409},
      {Refusal::node_capacity_exceeded, "node_capacity_exceeded", 409},
      {Refusal::direct_node_capacity_exceeded, "direct_node_capacity_exceeded", 400},
      {Refusal::capability_mismatch, "capability_mismatch", 409},
      {Refusal::handler_unavailable, "handler_unavailable", 503},
      {Refusal::placement_self_requires_agent, "placement_self_requires_agent", 400},
      {Refusal::placement_self_unavailable, "placement_self_unavailable", 409},
      {Refusal::action_not_found, "action_not_found", 404},
      {Refusal::action_denied, "action_denied", 403},
      {Refusal::invalid_action_handler, "invalid_action_handler", 400},
      {Refusal::node_owned_invocation, "node_owned_invocation", 403},
      {Refusal::invocation_not_found, "invocation_not_found", 404},
      {Refusal::invalid_json, "invalid_json", 400},
      {Refusal::not_found, "not_found", 404},
      {Refusal::node_token_forbidden, "node_token_forbidden", 401},
      {Refusal::observer_token_forbidden, "observer_token_forbidden", 401},
      {Refusal::observer_token_invalid, "observer_token_invalid", 401},
      {Refusal::insufficient_scope, "insufficient_scope", 403},
      {Refusal::invalid_idempotency_key, "invalid_idempotency_key", 400},
      {Refusal::agent_bound_to_node, "agent_bound_to_node", 409},
      {Refusal::invalid_event_type, "invalid_event_type", 400},
      {Refusal::invalid_release_request, "invalid_release_request", 400},
      {Refusal::invalid_pattern, "invalid_pattern", 400},
      {Refusal::trigger_not_found, "trigger_not_found", 404},
      {Refusal::observer_token_not_found, "observer_token_not_found", 404},
      {Refusal::observer_token_name_conflict, "observer_token_name_conflict", 409},
      {Refusal::webhook_not_found, "webhook_not_found", 404},
      {Refusal::webhook_token_invalid, "webhook_token_invalid", 401},
      {Refusal::subscription_not_found, "subscription_not_found", 404},
      {Refusal::file_not_found, "file_not_found", 404},
  };
  for (const auto& said : all) {
    CAPTURE(said.name);
    CHECK(name_of(said.refusal) == said.name);
    CHECK(status_of(said.refusal) == said.status);
    CHECK(refusal_of(refuse(said.refusal, "x").value()) == said.refusal);
  }
  CHECK(static_cast<std::size_t>(Refusal::file_not_found) + 1 == all.size());
  CHECK(refusal_of(Error(Code::io_error, "the disk")) == Refusal::internal_error);
}
