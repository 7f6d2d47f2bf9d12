#include "wire/rest_nodes.hpp"

#include "wire/common_fields.hpp"

namespace relay::wire {

template <>
struct EnumNames<NodeKind> {
  static constexpr std::pair<NodeKind, std::string_view> kAll[] = {
      {NodeKind::ws, "ws"},
      {NodeKind::http_push, "http_push"},
      {NodeKind::poll, "poll"},
  };
};

template <>
struct EnumNames<NodeRole> {
  static constexpr std::pair<NodeRole, std::string_view> kAll[] = {
      {NodeRole::broker, "broker"},
      {NodeRole::direct, "direct"},
  };
};

template <class V, Of<NodeCreate> S>
void fields(V& v, S& s) {
  v("node_id", s.node_id);
  v("name", s.name);
  v("kind", s.kind);
  v("role", s.role);
  v("delivery_adapter", s.delivery_adapter);
  v("delivery", s.delivery);
  v("capabilities", s.capabilities);
  v("max_agents", s.max_agents);
  v("tags", s.tags);
  v("version", s.version);
}

template <class V, Of<Node> S>
void fields(V& v, S& s) {
  v.id("id", s.id);
  v("name", s.name);
  v.defaulted("kind", s.kind);
  v.defaulted("role", s.role);
  v.nullable("delivery_adapter", s.delivery_adapter);
  v.defaulted("delivery", s.delivery);
  v.defaulted("capabilities", s.capabilities);
  v.defaulted("tags", s.tags);
  v.nullable("version", s.version);
  v.defaulted("status", s.status);
  v.defaulted("live", s.live);
  v.defaulted("handlers_live", s.handlers_live);
  v.nullable("load", s.load);
  v.defaulted("active_agents", s.active_agents);
  v.defaulted("max_agents", s.max_agents);
  v.nullable("last_heartbeat_at", s.last_heartbeat_at);
  v("created_at", s.created_at);
}

template <class V, Of<NodeCreated> S>
void fields(V& v, S& s) {
  fields_of<Node>(v, s);
  v.token("token", s.token);
}

template <class V, Of<NodeBind> S>
void fields(V& v, S& s) {
  v("agent_name", s.agent_name);
  v("session_ref", s.session_ref);
  v("priority", s.priority);
}

template <class V, Of<NodeBinding> S>
void fields(V& v, S& s) {
  v.id("id", s.id);
  v.id("agent_id", s.agent_id);
  v("agent_name", s.agent_name);
  v.id("node_id", s.node_id);
  v("node_name", s.node_name);
  v.defaulted("node_kind", s.node_kind);
  v.defaulted("node_role", s.node_role);
  v.defaulted("status", s.status);
  v.nullable("session_ref", s.session_ref);
  v.nullable("priority", s.priority);
  v("created_at", s.created_at);
  v("updated_at", s.updated_at);
}

template <class V, Of<TriggerCreate> S>
void fields(V& v, S& s) {
  v("channel", s.channel);
  v("pattern", s.pattern);
  v("mention", s.mention);
  v("action_name", s.action_name);
  v("enabled", s.enabled);
}

template <class V, Of<TriggerUpdate> S>
void fields(V& v, S& s) {
  v("channel", s.channel);
  v("pattern", s.pattern);
  v("mention", s.mention);
  v("action_name", s.action_name);
  v("enabled", s.enabled);
}

template <class V, Of<Trigger> S>
void fields(V& v, S& s) {
  v.id("id", s.id);
  v.nullable("channel", s.channel);
  v.nullable("pattern", s.pattern);
  v.nullable("mention", s.mention);
  v("action_name", s.action_name);
  v("enabled", s.enabled);
  v.nullable("last_triggered_at", s.last_triggered_at);
  v("created_at", s.created_at);
  v("updated_at", s.updated_at);
}

RELAY_WIRE_BODY(NodeCreate);
RELAY_WIRE_BODY(Node);
RELAY_WIRE_BODY(NodeCreated);
RELAY_WIRE_BODY(NodeBind);
RELAY_WIRE_BODY(NodeBinding);
RELAY_WIRE_BODY(TriggerCreate);
RELAY_WIRE_BODY(TriggerUpdate);
RELAY_WIRE_BODY(Trigger);
RELAY_WIRE_BODY(std::vector<Node>);
RELAY_WIRE_BODY(std::vector<NodeBinding>);
RELAY_WIRE_BODY(std::vector<Trigger>);

}  // namespace relay::wire
