#include "base/json_writer.hpp"
#include "engine/digest.hpp"
#include "engine/events.hpp"
#include "engine/names.hpp"
#include "engine/rest/operations.hpp"
#include "engine/views.hpp"
#include "wire/rest_agents.hpp"

namespace relay::engine::rest {
namespace {

constexpr std::uint32_t kMostPending = 50;

const char* type_name(wire::AgentType type) {
  if (type == wire::AgentType::human) return "human";
  return type == wire::AgentType::agent ? "agent" : "system";
}

void fill_agent(const Agent& agent, wire::Agent& view) {
  view.id = std::to_string(agent.id);
  view.name = agent.name;
  view.handle = "@" + agent.name;
  view.type = agent.type;
  view.status = name_of(agent.status);
  view.persona = agent.persona;
  view.capabilities = stored_json(agent.capabilities);
  view.created_at = wire_time(time_of(agent.id));
  view.last_seen = wire_time(agent.last_seen);
  view.metadata = stored_json(agent.metadata);
}

/// `base` with the members of `over`, which win.
std::string merged(const std::string& base, const wire::Json& over) {
  auto below = wire::JsonDocument::parse(base, wire::kEngineLimits);
  auto above = wire::JsonDocument::parse(over.text(), wire::kEngineLimits);
  if (!below || !above) return over.text();
  return wire::Json::build([&](JsonWriter& out) {
           out.begin_object();
           const auto mine = above->root().members();
           const auto old = below->root().members();
           for (const auto& member : old) {
             if (mine.find(member.key) != nullptr) continue;
             out.key(member.key);
             out.raw(member.value.json().text());
           }
           for (const auto& member : mine) {
             out.key(member.key);
             out.raw(member.value.json().text());
           }
           out.end_object();
         })
      .text();
}

/// Skills are a part of what an agent says about itself.
std::string with_skills(const std::optional<wire::Json>& capabilities,
                        const std::optional<wire::Json>& skills, const std::string& before) {
  std::string all = capabilities ? capabilities->text() : before;
  if (!skills) return all;
  return merged(all, wire::Json::build([&](JsonWriter& out) {
                  out.begin_object();
                  out.key("skills");
                  out.raw(skills->text());
                  out.end_object();
                }));
}

Result<void> check_object(const std::optional<wire::Json>& json, const char* name) {
  if (!json || json->is_object()) return {};
  return refuse(Refusal::invalid_request, std::string(name) + ": expected an object");
}

Result<Answer> detail_of(const Store& store, const Agent& agent) {
  wire::AgentDetail view;
  fill_agent(agent, view);
  auto memberships = store.memberships(agent.id);
  if (!memberships) return fail(std::move(memberships).error());
  for (const auto& membership : *memberships) {
    wire::AgentChannel& each = view.channels.emplace_back();
    each.id = std::to_string(membership.channel);
    each.name = membership.channel_name;
    each.role = membership.role;
    each.joined_at = wire_time(membership.joined);
  }
  auto actions = store.actions(agent.workspace);
  if (!actions) return fail(std::move(actions).error());
  std::vector<std::string> provided;
  std::vector<std::string> available;
  for (const auto& action : *actions) {
    if (action.handler_agent == agent.id) provided.push_back(action.name);
    if (is_visible(action, agent.name)) available.push_back(action.name);
  }
  view.actions_provided = json_texts(provided);
  view.actions_available_to = json_texts(available);
  auto pending = store.deliveries_of(agent.id, std::nullopt, kMostPending);
  if (!pending) return fail(std::move(pending).error());
  for (const auto& delivery : *pending) {
    wire::PendingDelivery& each = view.pending_deliveries.emplace_back();
    each.id = delivery_id(delivery);
    each.message_id = std::to_string(delivery.message);
    each.mode = mode_name(delivery);
    each.reason = name_of(delivery.reason);
    each.status = name_of(delivery.status);
    each.created_at = wire_time(time_of(delivery.message));
  }
  return good(view);
}

}  // namespace

Result<Answer> register_agent(Store& store, Call& call) {
  auto asked = call.body<wire::AgentCreate>();
  if (!asked) return fail(std::move(asked).error());
  auto fits = check_object(asked->metadata, "metadata");
  if (fits) fits = check_object(asked->capabilities, "capabilities");
  if (!fits) return fail(std::move(fits).error());
  const Secret token = new_token(TokenKind::agent, call.random());
  NewAgent fresh;
  fresh.workspace = call.workspace();
  fresh.name = asked->name;
  fresh.type = type_name(asked->type);
  fresh.persona = asked->persona;
  if (asked->metadata) fresh.metadata = asked->metadata->text();
  fresh.capabilities = with_skills(asked->capabilities, asked->skills, "{}");
  fresh.token_hash = sha256_hex(token.reveal());
  fresh.joins_general = asked->auto_join_general.value_or(true);
  auto made = store.register_agent(fresh);
  if (!made) return fail(std::move(made).error());
  tell_status(*made, call.to);
  auto general = store.find_channel(call.workspace(), std::string(kGeneral));
  if (general && fresh.joins_general) tell_member(store, *general, *made, "joined", call.to);
  wire::AgentCreated view;
  view.id = std::to_string(made->id);
  view.workspace_id = std::to_string(made->workspace);
  view.name = made->name;
  view.handle = "@" + made->name;
  view.token = token.reveal();
  view.status = name_of(made->status);
  view.capabilities = stored_json(made->capabilities);
  view.created_at = wire_time(time_of(made->id));
  return created(view);
}

Result<Answer> list_agents(const Store& store, Call& call) {
  std::optional<AgentStatus> wanted;
  const auto status = call.query("status");
  if (status && !status->empty() && *status != "all") {
    wanted = agent_status_of(*status);
    if (!wanted) return refuse(Refusal::invalid_request, "there is no status " + *status);
  }
  auto agents = store.agents(call.workspace(), wanted);
  if (!agents) return fail(std::move(agents).error());
  std::vector<wire::Agent> views;
  views.reserve(agents->size());
  for (const auto& agent : *agents) fill_agent(agent, views.emplace_back());
  return good(views);
}

Result<Answer> show_agent(const Store& store, Call& call) {
  auto agent = agent_asked(store, call);
  if (!agent) return fail(std::move(agent).error());
  return detail_of(store, *agent);
}

Result<Answer> show_self(const Store& store, Call& call) {
  return detail_of(store, call.agent());
}

Result<Answer> update_agent(Store& store, Call& call) {
  auto asked = call.body<wire::AgentUpdate>();
  if (!asked) return fail(std::move(asked).error());
  auto fits = check_object(asked->metadata, "metadata");
  if (fits) fits = check_object(asked->capabilities, "capabilities");
  if (!fits) return fail(std::move(fits).error());
  auto agent = agent_asked(store, call);
  if (!agent) return fail(std::move(agent).error());
  AgentChange change;
  if (asked->status) {
    change.status = agent_status_of(*asked->status);
    if (!change.status) {
      return refuse(Refusal::invalid_request, "there is no status " + *asked->status);
    }
  }
  change.persona = asked->persona;
  if (asked->metadata) change.metadata = merged(agent->metadata, *asked->metadata);
  if (asked->capabilities || asked->skills) {
    change.capabilities = with_skills(asked->capabilities, asked->skills, agent->capabilities);
  }
  const auto before = agent->status;
  auto changed = store.change_agent(agent->id, change);
  if (!changed) return fail(std::move(changed).error());
  if (changed->status != before) tell_status(*changed, call.to);
  wire::Agent view;
  fill_agent(*changed, view);
  return good(view);
}

Result<Answer> delete_agent(Store& store, Call& call) {
  auto agent = agent_asked(store, call);
  if (!agent) return fail(std::move(agent).error());
  auto direct = store.find_node_id(call.workspace(), direct_node_id(agent->id));
  auto removed = store.remove_agent(agent->id);
  if (!removed) return fail(std::move(removed).error());
  if (direct) call.to.cut_nodes.push_back(direct->id);
  call.to.changed_agents.push_back(agent->id);
  agent->status = AgentStatus::offline;
  tell_status(*agent, call.to);
  return nothing();
}

Result<Answer> rotate_agent_token(Store& store, Call& call) {
  auto agent = agent_asked(store, call);
  if (!agent) return fail(std::move(agent).error());
  const Secret token = new_token(TokenKind::agent, call.random());
  AgentChange change;
  change.token_hash = sha256_hex(token.reveal());
  auto changed = store.change_agent(agent->id, change);
  if (!changed) return fail(std::move(changed).error());
  call.to.changed_agents.push_back(agent->id);
  wire::AgentToken view;
  view.name = agent->name;
  view.token = token.reveal();
  return good(view);
}

Result<Answer> mint_node_token(Store& store, Call& call) {
  auto node = store.node(call.agent().node);
  if (!node) return fail(std::move(node).error());
  if (node->node_id != direct_node_id(call.agent().id)) {
    return refuse(Refusal::agent_bound_to_node, call.agent().name + " runs on node " + node->name);
  }
  const Secret token = new_token(TokenKind::node, call.random());
  auto put = store.set_node_token(node->id, sha256_hex(token.reveal()));
  if (!put) return fail(std::move(put).error());
  wire::NodeToken view;
  view.node_id = node->node_id;
  view.node_name = node->name;
  view.token = token.reveal();
  return good(view);
}

}  // namespace relay::engine::rest
