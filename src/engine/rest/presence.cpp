#include <algorithm>

#include "engine/events.hpp"
#include "engine/names.hpp"
#include "engine/rest/caller.hpp"
#include "engine/rest/operations.hpp"
#include "engine/views.hpp"
#include "wire/rest_agents.hpp"

namespace relay::engine::rest {
namespace {

constexpr std::string_view kStatusPrefix = "status.";
constexpr std::string_view kHarnessPrefix = "harness.";
constexpr std::size_t kLongestType = 128;

bool is_event_type(std::string_view type) {
  if (type.empty() || type.size() > kLongestType) return false;
  return std::all_of(type.begin(), type.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

wire::AgentEvent event_view(const AgentLogEvent& event) {
  wire::AgentEvent view;
  view.id = std::to_string(event.id);
  view.type = event.type;
  view.payload = stored_json(event.payload);
  view.sequence = event.seq;
  view.created_at = wire_time(time_of(event.id));
  return view;
}

/// `status.idle` says what the agent is now; `status.changed` says so in its payload.
Result<void> take_status(Store& store, const Agent& agent, std::string_view word,
                         const wire::Json& payload, Happenings& to) {
  std::optional<AgentStatus> status;
  if (word == "changed") {
    auto document = wire::JsonDocument::parse(payload.text(), wire::kInboundLimits);
    const auto said = document ? document->root().find("status") : std::nullopt;
    const auto name = said ? said->string() : std::nullopt;
    if (!name) return {};
    word = *name;
    status = agent_status_of(word);
  } else {
    status = agent_status_of(word);
  }
  if (!status) {
    return refuse(Refusal::invalid_event_type, "there is no status " + std::string(word));
  }
  if (*status == agent.status) return {};
  AgentChange change;
  change.status = status;
  auto changed = store.change_agent(agent.id, change);
  if (!changed) return fail(std::move(changed).error());
  tell_status(*changed, to);
  return {};
}

Result<Agent> own_agent_asked(const Store& store, const Call& call) {
  auto agent = agent_asked(store, call);
  if (agent && call.by_agent() && agent->id != call.agent().id) {
    return refuse(Refusal::forbidden, "an agent posts events of its own only");
  }
  return agent;
}

}  // namespace

Result<Answer> list_presence(const Store& store, Call& call) {
  auto agents = store.agents(call.workspace(), std::nullopt);
  if (!agents) return fail(std::move(agents).error());
  std::vector<wire::AgentPresence> views;
  for (const auto& agent : *agents) {
    wire::AgentPresence& view = views.emplace_back();
    view.agent_id = std::to_string(agent.id);
    view.agent_name = agent.name;
    view.status = agent.status == AgentStatus::offline ? "offline" : "online";
  }
  return good(views);
}

// That the agent has called at all is written down for every call.
Result<Answer> beat_agent(Store& store, Call& call) {
  auto touched = touch(store, call);
  if (!touched) return fail(std::move(touched).error());
  return done();
}

Result<Answer> disconnect_agent(Store& store, Call& call) {
  const Agent& agent = call.agent();
  auto direct = store.find_node_id(call.workspace(), direct_node_id(agent.id));
  if (!direct) return fail(std::move(direct).error());
  if (agent.node != direct->id) {
    auto unbound = store.unbind_agent(agent.id, agent.node);
    if (!unbound) return fail(std::move(unbound).error());
  }
  AgentChange change;
  change.status = AgentStatus::offline;
  auto changed = store.change_agent(agent.id, change);
  if (!changed) return fail(std::move(changed).error());
  call.to.cut_nodes.push_back(direct->id);
  call.to.changed_agents.push_back(agent.id);
  if (agent.status != AgentStatus::offline) tell_status(*changed, call.to);
  return done();
}

Result<Answer> post_agent_event(Store& store, Call& call) {
  auto asked = call.body<wire::AgentEventPost>();
  if (!asked) return fail(std::move(asked).error());
  auto agent = own_agent_asked(store, call);
  if (!agent) return fail(std::move(agent).error());
  std::string type = asked->type;
  if (!is_event_type(type)) {
    return refuse(Refusal::invalid_event_type, "an event's type is a word with dots");
  }
  if (type.starts_with(kStatusPrefix)) {
    auto taken = take_status(store, *agent, std::string_view(type).substr(kStatusPrefix.size()),
                             asked->payload, call.to);
    if (!taken) return fail(std::move(taken).error());
  } else {
    if (!type.starts_with(kHarnessPrefix)) type.insert(0, kHarnessPrefix);
    tell_agent_event(*agent, type, asked->payload, call.to);
  }
  auto added = store.add_agent_event(agent->id, type, asked->payload.text());
  if (!added) return fail(std::move(added).error());
  return created(event_view(*added));
}

Result<Answer> list_agent_events(const Store& store, Call& call) {
  auto most = call.limit(50, kMostRows);
  if (!most) return fail(std::move(most).error());
  auto agent = agent_asked(store, call);
  if (!agent) return fail(std::move(agent).error());
  auto events = store.agent_events(agent->id, *most);
  if (!events) return fail(std::move(events).error());
  std::vector<wire::AgentEvent> views;
  for (const auto& event : *events) views.push_back(event_view(event));
  return good(views);
}

}  // namespace relay::engine::rest
