#include "wire/rest_actions.hpp"

#include "wire/common_fields.hpp"

namespace relay::wire {

template <class V, Of<ActionCreate> S>
void fields(V& v, S& s) {
  v("name", s.name);
  v.defaulted("description", s.description);
  v("handler_agent", s.handler_agent);
  v("handler_node", s.handler_node);
  v("input_schema", s.input_schema);
  v("output_schema", s.output_schema);
  v("available_to", s.available_to);
}

template <class V, Of<Action> S>
void fields(V& v, S& s) {
  v.id("id", s.id);
  v("name", s.name);
  v.defaulted("description", s.description);
  v.nullable("handler_agent", s.handler_agent);
  v.nullable("handler_node", s.handler_node);
  v.nullable("handler_node_id", s.handler_node_id);
  v.defaulted("input_schema", s.input_schema);
  v.defaulted("output_schema", s.output_schema);
  v.nullable("available_to", s.available_to);
  v.defaulted("is_active", s.is_active);
  v("created_at", s.created_at);
}

template <class V, Of<InvokeRequest> S>
void fields(V& v, S& s) {
  v("input", s.input);
}

template <class V, Of<Invoked> S>
void fields(V& v, S& s) {
  v.id("invocation_id", s.invocation_id);
  v("action_name", s.action_name);
  v.nullable("handler_agent_id", s.handler_agent_id);
  v.nullable("handler_node_id", s.handler_node_id);
  v.nullable("dispatched_node_id", s.dispatched_node_id);
  v.defaulted("input", s.input);
  v("status", s.status);
  v("created_at", s.created_at);
}

template <class V, Of<InvocationComplete> S>
void fields(V& v, S& s) {
  v("output", s.output);
  v("error", s.error);
  v("duration_ms", s.duration_ms);
}

template <class V, Of<Invocation> S>
void fields(V& v, S& s) {
  v.id("invocation_id", s.invocation_id);
  v("action_name", s.action_name);
  v.nullable("caller_id", s.caller_id);
  v.nullable("caller_name", s.caller_name);
  v.defaulted("input", s.input);
  v.defaulted("output", s.output);
  v("status", s.status);
  v.nullable("error", s.error);
  v.nullable("duration_ms", s.duration_ms);
  v.nullable("dispatched_node_id", s.dispatched_node_id);
  v.nullable("dispatched_at", s.dispatched_at);
  v("created_at", s.created_at);
  v.nullable("completed_at", s.completed_at);
}

RELAY_WIRE_BODY(ActionCreate);
RELAY_WIRE_BODY(Action);
RELAY_WIRE_BODY(InvokeRequest);
RELAY_WIRE_BODY(Invoked);
RELAY_WIRE_BODY(InvocationComplete);
RELAY_WIRE_BODY(Invocation);
RELAY_WIRE_BODY(std::vector<Action>);

}  // namespace relay::wire
