#include "wire/rest_workspace.hpp"

#include "wire/common_fields.hpp"

namespace relay::wire {

template <class V, Of<WorkspaceCreate> S>
void fields(V& v, S& s) {
  v("name", s.name);
}

template <class V, Of<WorkspaceCreated> S>
void fields(V& v, S& s) {
  v.id("workspace_id", s.workspace_id);
  v("api_key", s.api_key);
  v("created_at", s.created_at);
}

template <class V, Of<WorkspaceSummary> S>
void fields(V& v, S& s) {
  v.id("id", s.id);
  v("name", s.name);
  v("created_at", s.created_at);
}

template <class V, Of<Workspace> S>
void fields(V& v, S& s) {
  v.id("id", s.id);
  v("name", s.name);
  v.defaulted("plan", s.plan);
  v.nullable("system_prompt", s.system_prompt);
  v("created_at", s.created_at);
  v.defaulted("metadata", s.metadata);
}

template <class V, Of<WorkspaceUpdate> S>
void fields(V& v, S& s) {
  v("name", s.name);
  v("system_prompt", s.system_prompt);
}

template <class V, Of<SystemPrompt> S>
void fields(V& v, S& s) {
  v.nullable("prompt", s.prompt);
  v.defaulted("is_default", s.is_default);
}

template <class V, Of<SystemPromptUpdate> S>
void fields(V& v, S& s) {
  v("prompt", s.prompt);
  v("reset", s.reset);
}

template <class V, Of<FleetNodes> S>
void fields(V& v, S& s) {
  v("enabled", s.enabled);
  v.defaulted("default_enabled", s.default_enabled);
  v.nullable("override", s.override_);
}

template <class V, Of<FleetNodesUpdate> S>
void fields(V& v, S& s) {
  v.nullable("enabled", s.enabled);
}

template <class V, Of<WorkspaceLogEvent> S>
void fields(V& v, S& s) {
  v("seq", s.seq);
  v("type", s.type);
  v.nullable("channel_id", s.channel_id);
  v.defaulted("payload", s.payload);
  v("created_at", s.created_at);
}

template <class V, Of<WorkspaceLog> S>
void fields(V& v, S& s) {
  v("events", s.events);
  v("latest_seq", s.latest_seq);
  v("next_since", s.next_since);
}

template <class V, Of<ActivityItem> S>
void fields(V& v, S& s) {
  v("type", s.type);
  v.id("id", s.id);
  v("channel_name", s.channel_name);
  v("conversation_id", s.conversation_id);
  v("agent_name", s.agent_name);
  v("text", s.text);
  v("created_at", s.created_at);
}

template <class V, Of<ObserverFilters> S>
void fields(V& v, S& s) {
  v("channel_ids", s.channel_ids);
  v("channel_names", s.channel_names);
  v("include_dms", s.include_dms);
  v("dm_conversation_ids", s.dm_conversation_ids);
  v("agent_ids", s.agent_ids);
  v("event_types", s.event_types);
  v("created_after", s.created_after);
}

template <class V, Of<ObserverTokenCreate> S>
void fields(V& v, S& s) {
  v("name", s.name);
  v("scopes", s.scopes);
  v("description", s.description);
  v("filters", s.filters);
  v("expires_at", s.expires_at);
}

template <class V, Of<ObserverTokenUpdate> S>
void fields(V& v, S& s) {
  v("name", s.name);
  v("scopes", s.scopes);
  v("description", s.description);
  v("filters", s.filters);
  v("expires_at", s.expires_at);
}

template <class V, Of<ObserverToken> S>
void fields(V& v, S& s) {
  v.id("id", s.id);
  v("name", s.name);
  v("scopes", s.scopes);
  v.nullable("description", s.description);
  v.nullable("filters", s.filters);
  v.nullable("expires_at", s.expires_at);
  v("created_at", s.created_at);
  v("token", s.token);
}

template <class V, Of<Health> S>
void fields(V& v, S& s) {
  v("ok", s.ok);
  v("version", s.version);
  v("build", s.build);
}

RELAY_WIRE_BODY(WorkspaceCreate);
RELAY_WIRE_BODY(WorkspaceCreated);
RELAY_WIRE_BODY(WorkspaceSummary);
RELAY_WIRE_BODY(Workspace);
RELAY_WIRE_BODY(WorkspaceUpdate);
RELAY_WIRE_BODY(SystemPrompt);
RELAY_WIRE_BODY(SystemPromptUpdate);
RELAY_WIRE_BODY(FleetNodes);
RELAY_WIRE_BODY(FleetNodesUpdate);
RELAY_WIRE_BODY(WorkspaceLogEvent);
RELAY_WIRE_BODY(WorkspaceLog);
RELAY_WIRE_BODY(ActivityItem);
RELAY_WIRE_BODY(ObserverFilters);
RELAY_WIRE_BODY(ObserverTokenCreate);
RELAY_WIRE_BODY(ObserverTokenUpdate);
RELAY_WIRE_BODY(ObserverToken);
RELAY_WIRE_BODY(Health);
RELAY_WIRE_BODY(std::vector<ActivityItem>);
RELAY_WIRE_BODY(std::vector<ObserverToken>);

}  // namespace relay::wire
