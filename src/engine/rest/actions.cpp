#include <algorithm>

#include "engine/names.hpp"
#include "engine/placement.hpp"
#include "engine/rest/operations.hpp"
#include "engine/views.hpp"
#include "wire/rest_actions.hpp"

namespace relay::engine::rest {
namespace {

constexpr std::size_t kLongestActionName = 128;

bool is_action_name(std::string_view name) {
  if (name.empty() || name.size() > kLongestActionName) return false;
  return std::none_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == '/' || c == 0x7f;
  });
}

std::string json_or_nothing(const std::optional<wire::Json>& json) {
  return json && !json->is_null() ? json->text() : std::string();
}

wire::Action action_view(const Store& store, const Action& action) {
  wire::Action view;
  view.id = "act_" + std::to_string(action.id);
  view.name = action.name;
  view.description = action.description;
  if (action.handler_agent != 0) {
    auto agent = store.agent(action.handler_agent);
    if (agent) view.handler_agent = agent->name;
  } else {
    auto node = store.node(action.handler_node);
    if (node) {
      view.handler_node = node->name;
      view.handler_node_id = node->node_id;
    }
  }
  view.input_schema = stored_json(action.input_schema);
  view.output_schema = stored_json(action.output_schema);
  view.available_to = action.available_to;
  view.is_active = true;
  view.created_at = wire_time(time_of(action.id));
  return view;
}

/// Its handler, by the name that was asked for.
Result<void> find_handler(const Store& store, const Call& call, const wire::ActionCreate& asked,
                          Action& action) {
  if (asked.handler_agent.has_value() == asked.handler_node.has_value()) {
    return refuse(Refusal::invalid_action_handler,
                  "an action has one handler: handler_agent or handler_node");
  }
  if (asked.handler_agent) {
    auto agent = store.find_agent(call.workspace(), *asked.handler_agent);
    if (!agent) return fail(std::move(agent).error());
    if (call.by_agent() && agent->id != call.agent().id) {
      return refuse(Refusal::forbidden, "an agent offers actions of its own only");
    }
    action.handler_agent = agent->id;
    return {};
  }
  auto node = store.find_node(call.workspace(), *asked.handler_node);
  if (!node) return fail(std::move(node).error());
  if (!has_capability(*node, asked.name)) {
    return refuse(Refusal::capability_mismatch,
                  "node " + node->name + " does not offer " + asked.name);
  }
  action.handler_node = node->id;
  return {};
}

/// For its handler and the workspace; forbidden for other agents.
Result<void> check_owner(const Call& call, const Action& action) {
  if (!call.by_agent() || action.handler_agent == call.agent().id) return {};
  return refuse(Refusal::forbidden, "action " + action.name + " is another agent's");
}

std::string caller_name(const Call& call) {
  return call.by_agent() ? call.agent().name : std::string();
}

Result<Action> visible_action(const Store& store, const Call& call) {
  auto action = store.find_action(call.workspace(), call.parameter("name"));
  if (!action) return action;
  const bool own = call.by_agent() && action->handler_agent == call.agent().id;
  if (own || is_visible(*action, caller_name(call))) return action;
  return refuse(Refusal::action_not_found, "there is no action called " + action->name);
}

}  // namespace

bool is_visible(const Action& action, const std::string& agent) {
  const auto& only = action.available_to;
  return !only || std::find(only->begin(), only->end(), agent) != only->end();
}

Result<Answer> register_action(Store& store, Call& call) {
  auto asked = call.body<wire::ActionCreate>();
  if (!asked) return fail(std::move(asked).error());
  if (!is_action_name(asked->name) || !is_action_capability(asked->name)) {
    return refuse(Refusal::invalid_request,
                  "an action's name is one word, and none of spawn, release and spawn:…");
  }
  Action action;
  action.workspace = call.workspace();
  action.name = asked->name;
  action.description = asked->description;
  action.input_schema = json_or_nothing(asked->input_schema);
  action.output_schema = json_or_nothing(asked->output_schema);
  action.available_to = asked->available_to;
  auto handled = find_handler(store, call, *asked, action);
  if (!handled) return fail(std::move(handled).error());
  auto before = store.find_action(call.workspace(), asked->name);
  if (before) {
    auto mine = check_owner(call, *before);
    if (!mine) return fail(std::move(mine).error());
  }
  auto put = store.put_action(action);
  if (!put) return fail(std::move(put).error());
  return good(action_view(store, *put), before ? 200 : 201);
}

Result<Answer> list_actions(const Store& store, Call& call) {
  auto actions = store.actions(call.workspace());
  if (!actions) return fail(std::move(actions).error());
  std::vector<wire::Action> views;
  for (const auto& action : *actions) {
    const bool own = call.by_agent() && action.handler_agent == call.agent().id;
    if (own || is_visible(action, caller_name(call))) views.push_back(action_view(store, action));
  }
  return good(views);
}

Result<Answer> show_action(const Store& store, Call& call) {
  auto action = visible_action(store, call);
  if (!action) return fail(std::move(action).error());
  return good(action_view(store, *action));
}

Result<Answer> delete_action(Store& store, Call& call) {
  auto action = store.find_action(call.workspace(), call.parameter("name"));
  if (!action) return fail(std::move(action).error());
  auto mine = check_owner(call, *action);
  if (!mine) return fail(std::move(mine).error());
  auto removed = store.remove_action(action->id);
  if (!removed) return fail(std::move(removed).error());
  return nothing();
}

}  // namespace relay::engine::rest
