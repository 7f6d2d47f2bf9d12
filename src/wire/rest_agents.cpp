#include "wire/rest_agents.hpp"

#include "wire/common_fields.hpp"

namespace relay::wire {

template <>
struct EnumNames<AgentType> {
  static constexpr std::pair<AgentType, std::string_view> kAll[] = {
      {AgentType::agent, "agent"},
      {AgentType::human, "human"},
      {AgentType::system, "system"},
  };
};

template <class V, Of<AgentCreate> S>
void fields(V& v, S& s) {
  v("name", s.name);
  v.defaulted("type", s.type);
  v("persona", s.persona);
  v("metadata", s.metadata);
  v("skills", s.skills);
  v("capabilities", s.capabilities);
  v("auto_join_general", s.auto_join_general);
}

template <class V, Of<AgentCreated> S>
void fields(V& v, S& s) {
  v.id_or("id", "agent_id", s.id);
  v("workspace_id", s.workspace_id);
  v("name", s.name);
  v("handle", s.handle);
  v.token("token", s.token);
  v("status", s.status);
  v("capabilities", s.capabilities);
  v("created_at", s.created_at);
}

template <class V, Of<Agent> S>
void fields(V& v, S& s) {
  v.id("id", s.id);
  v("name", s.name);
  v("handle", s.handle);
  v.defaulted("type", s.type);
  v.defaulted("status", s.status);
  v.nullable("persona", s.persona);
  v.defaulted("capabilities", s.capabilities);
  v("created_at", s.created_at);
  v.nullable("last_seen", s.last_seen);
  v.defaulted("metadata", s.metadata);
}

template <class V, Of<AgentChannel> S>
void fields(V& v, S& s) {
  v.id("id", s.id);
  v("name", s.name);
  v.defaulted("role", s.role);
  v("joined_at", s.joined_at);
}

template <class V, Of<PendingDelivery> S>
void fields(V& v, S& s) {
  v.id("id", s.id);
  v.id("message_id", s.message_id);
  v.defaulted("mode", s.mode);
  v.defaulted("reason", s.reason);
  v.defaulted("status", s.status);
  v("created_at", s.created_at);
}

template <class V, Of<AgentDetail> S>
void fields(V& v, S& s) {
  fields_of<Agent>(v, s);
  v.defaulted("channels", s.channels);
  v.defaulted("actions_provided", s.actions_provided);
  v.defaulted("actions_available_to", s.actions_available_to);
  v.defaulted("pending_deliveries", s.pending_deliveries);
}

template <class V, Of<AgentUpdate> S>
void fields(V& v, S& s) {
  v("status", s.status);
  v("persona", s.persona);
  v("metadata", s.metadata);
  v("skills", s.skills);
  v("capabilities", s.capabilities);
}

template <class V, Of<AgentToken> S>
void fields(V& v, S& s) {
  v("name", s.name);
  v.token("token", s.token);
}

template <class V, Of<NodeToken> S>
void fields(V& v, S& s) {
  v.id("node_id", s.node_id);
  v("node_name", s.node_name);
  v.token("token", s.token);
}

template <class V, Of<AgentPresence> S>
void fields(V& v, S& s) {
  v.id("agent_id", s.agent_id);
  v("agent_name", s.agent_name);
  v("status", s.status);
}

template <class V, Of<SpawnRequest> S>
void fields(V& v, S& s) {
  v("name", s.name);
  v("cli", s.cli);
  v("task", s.task);
  v("channel", s.channel);
  v("persona", s.persona);
  v("model", s.model);
  v("metadata", s.metadata);
}

template <class V, Of<ReleaseRequest> S>
void fields(V& v, S& s) {
  v("name", s.name);
  v("reason", s.reason);
  v("delete_agent", s.delete_agent);
}

template <class V, Of<AgentEventPost> S>
void fields(V& v, S& s) {
  v("type", s.type);
  v.defaulted("payload", s.payload);
}

template <class V, Of<AgentEvent> S>
void fields(V& v, S& s) {
  v.id("id", s.id);
  v("type", s.type);
  v.defaulted("payload", s.payload);
  v("sequence", s.sequence);
  v("created_at", s.created_at);
}

template <class V, Of<AgentRecoverRequest> S>
void fields(V& v, S& s) {
  v("expected_agent_id", s.expected_agent_id);
  v("recovery_proof", s.recovery_proof);
  v("reason", s.reason);
  v("session_ref", s.session_ref);
  v("node_id", s.node_id);
}

template <class V, Of<AgentTakeover> S>
void fields(V& v, S& s) {
  v("expected_agent_id", s.expected_agent_id);
  v("actor", s.actor);
  v("reason", s.reason);
  v("session_ref", s.session_ref);
  v("node_id", s.node_id);
}

template <class V, Of<AgentTakenOver> S>
void fields(V& v, S& s) {
  v.id("agent_id", s.agent_id);
  v("name", s.name);
  v.token("token", s.token);
  v.id("audit_id", s.audit_id);
}

template <class V, Of<LegacyIdentity> S>
void fields(V& v, S& s) {
  v("identity_key_hash", s.identity_key_hash);
}

RELAY_WIRE_BODY(AgentCreate);
RELAY_WIRE_BODY(AgentCreated);
RELAY_WIRE_BODY(Agent);
RELAY_WIRE_BODY(AgentChannel);
RELAY_WIRE_BODY(PendingDelivery);
RELAY_WIRE_BODY(AgentDetail);
RELAY_WIRE_BODY(AgentUpdate);
RELAY_WIRE_BODY(AgentToken);
RELAY_WIRE_BODY(NodeToken);
RELAY_WIRE_BODY(AgentPresence);
RELAY_WIRE_BODY(SpawnRequest);
RELAY_WIRE_BODY(ReleaseRequest);
RELAY_WIRE_BODY(AgentEventPost);
RELAY_WIRE_BODY(AgentEvent);
RELAY_WIRE_BODY(AgentRecoverRequest);
RELAY_WIRE_BODY(AgentTakeover);
RELAY_WIRE_BODY(AgentTakenOver);
RELAY_WIRE_BODY(LegacyIdentity);
RELAY_WIRE_BODY(std::vector<Agent>);
RELAY_WIRE_BODY(std::vector<AgentPresence>);
RELAY_WIRE_BODY(std::vector<AgentEvent>);

}  // namespace relay::wire
