#include "wire/rest_deliveries.hpp"

#include "wire/common_fields.hpp"

namespace relay::wire {

template <class V, Of<DeliveryMessage> S>
void fields(V& v, S& s) {
  v.id("id", s.id);
  v.id("channel_id", s.channel_id);
  v.id("agent_id", s.agent_id);
  v("agent_name", s.agent_name);
  v("text", s.text);
  v.nullable("thread_id", s.thread_id);
  v("created_at", s.created_at);
}

template <class V, Of<Delivery> S>
void fields(V& v, S& s) {
  v.id("id", s.id);
  v.id("message_id", s.message_id);
  v.nullable("channel_id", s.channel_id);
  v.id("agent_id", s.agent_id);
  v("status", s.status);
  v("seq", s.seq);
  v.nullable("location_type", s.location_type);
  v.nullable("location_node_id", s.location_node_id);
  v.nullable("route_node_id", s.route_node_id);
  v.nullable("route_node_kind", s.route_node_kind);
  v.nullable("route_node_role", s.route_node_role);
  v.nullable("delivery_adapter", s.delivery_adapter);
  v.defaulted("dispatch_attempts", s.dispatch_attempts);
  v.nullable("next_attempt_at", s.next_attempt_at);
  v.nullable("last_dispatch_error", s.last_dispatch_error);
  v.defaulted("mode", s.mode);
  v.defaulted("reason", s.reason);
  v.defaulted("priority", s.priority);
  v.nullable("retryable", s.retryable);
  v.nullable("error", s.error);
  v.nullable("available_at", s.available_at);
  v.nullable("deadline", s.deadline);
  v.nullable("expires_at", s.expires_at);
  v.nullable("delivered_at", s.delivered_at);
  v.nullable("acked_at", s.acked_at);
  v.nullable("dead_lettered_at", s.dead_lettered_at);
  v("created_at", s.created_at);
  v("updated_at", s.updated_at);
  v("message", s.message);
}

template <class V, Of<DeliveryFail> S>
void fields(V& v, S& s) {
  v("error", s.error);
  v("retryable", s.retryable);
}

template <class V, Of<DeliveryDefer> S>
void fields(V& v, S& s) {
  v("available_at", s.available_at);
  v("reason", s.reason);
}

RELAY_WIRE_BODY(DeliveryMessage);
RELAY_WIRE_BODY(Delivery);
RELAY_WIRE_BODY(DeliveryFail);
RELAY_WIRE_BODY(DeliveryDefer);
RELAY_WIRE_BODY(std::vector<Delivery>);

}  // namespace relay::wire
