#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "wire/body.hpp"
#include "wire/common.hpp"

namespace relay::wire {

// Bodies of /v1/deliveries: an agent's own durable deliveries.

struct DeliveryMessage {
  std::string id;
  std::string channel_id;
  std::string agent_id;
  std::string agent_name;
  std::string text;
  std::optional<std::string> thread_id;
  std::string created_at;
};

/// One of GET /deliveries; `message` only in lists.
struct Delivery {
  std::string id;
  std::string message_id;
  std::optional<std::string> channel_id;
  std::string agent_id;
  std::string status;  // queued, delivered, acked, failed or dead_lettered
  std::uint64_t seq = 0;
  std::optional<std::string> location_type;
  std::optional<std::string> location_node_id;
  std::optional<std::string> route_node_id;
  std::optional<std::string> route_node_kind;
  std::optional<std::string> route_node_role;
  std::optional<std::string> delivery_adapter;
  std::uint32_t dispatch_attempts = 0;
  std::optional<std::string> next_attempt_at;
  std::optional<std::string> last_dispatch_error;
  std::string mode;    // immediate or next-tool-call
  std::string reason;  // message, mention, thread-reply or dm
  std::string priority;
  std::optional<bool> retryable;
  std::optional<std::string> error;
  std::optional<std::string> available_at;
  std::optional<std::string> deadline;
  std::optional<std::string> expires_at;
  std::optional<std::string> delivered_at;
  std::optional<std::string> acked_at;
  std::optional<std::string> dead_lettered_at;
  std::optional<std::string> created_at;
  std::optional<std::string> updated_at;
  std::optional<DeliveryMessage> message;
};

/// POST /deliveries/{id}/fail; the body may be empty.
struct DeliveryFail {
  std::optional<std::string> error;
  std::optional<bool> retryable;
};

/// POST /deliveries/{id}/defer
struct DeliveryDefer {
  std::string available_at;
  std::optional<std::string> reason;
};

}  // namespace relay::wire
