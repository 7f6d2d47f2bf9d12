#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "wire/body.hpp"
#include "wire/common.hpp"

namespace relay::wire {

// Bodies of /v1/actions and of their invocations.

/// POST /actions: one of the two handlers.
struct ActionCreate {
  std::string name;
  std::string description;
  std::optional<std::string> handler_agent;
  std::optional<std::string> handler_node;
  std::optional<Json> input_schema;
  std::optional<Json> output_schema;
  std::optional<std::vector<std::string>> available_to;
};

struct Action {
  std::string id;
  std::string name;
  std::string description;
  std::optional<std::string> handler_agent;
  std::optional<std::string> handler_node;
  std::optional<std::string> handler_node_id;
  Json input_schema;
  Json output_schema;
  std::optional<std::vector<std::string>> available_to;
  bool is_active = false;
  std::optional<std::string> created_at;
};

/// POST /actions/{name}/invoke
struct InvokeRequest {
  std::optional<Json> input;
};

/// Answer to an invoke, a spawn and a release.
struct Invoked {
  std::string invocation_id;
  std::string action_name;
  std::optional<std::string> handler_agent_id;
  std::optional<std::string> handler_node_id;
  std::optional<std::string> dispatched_node_id;
  Json input;
  std::string status;  // dispatched or pending
  std::string created_at;
};

/// POST /actions/{name}/invocations/{id}/complete
struct InvocationComplete {
  std::optional<Json> output;
  std::optional<std::string> error;
  std::optional<double> duration_ms;
};

struct Invocation {
  std::string invocation_id;
  std::string action_name;
  std::optional<std::string> caller_id;
  std::optional<std::string> caller_name;
  Json input;
  Json output;
  std::string status;  // pending, dispatched, completed or failed
  std::optional<std::string> error;
  std::optional<double> duration_ms;
  std::optional<std::string> dispatched_node_id;
  std::optional<std::string> dispatched_at;
  std::string created_at;
  std::optional<std::string> completed_at;
};

}  // namespace relay::wire
