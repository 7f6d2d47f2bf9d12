#include <algorithm>

#include "engine/digest.hpp"
#include "engine/events.hpp"
#include "engine/names.hpp"
#include "engine/placement.hpp"
#include "engine/rest/operations.hpp"
#include "engine/views.hpp"
#include "wire/rest_nodes.hpp"

namespace relay::engine::rest {
namespace {

NodeKind stored_kind(wire::NodeKind kind) {
  return kind == wire::NodeKind::ws ? NodeKind::ws : NodeKind::poll;
}

wire::NodeBinding binding_view(const Binding& binding, const Node& node) {
  wire::NodeBinding view;
  view.id = "anb_" + std::to_string(binding.id);
  view.agent_id = std::to_string(binding.agent);
  view.agent_name = binding.agent_name;
  view.node_id = node.node_id;
  view.node_name = node.name;
  view.node_kind = name_of(node.kind);
  view.node_role = name_of(node.role);
  view.status = binding.active ? "active" : "inactive";
  view.session_ref = binding.session_ref;
  view.priority = binding.priority;
  view.created_at = wire_time(time_of(binding.id));
  view.updated_at = wire_time(binding.updated);
  return view;
}

Result<Node> node_asked(const Store& store, const Call& call) {
  return store.find_node(call.workspace(), call.parameter("name"));
}

}  // namespace

Result<Answer> enroll_node(Store& store, Call& call) {
  auto asked = call.body<wire::NodeCreate>();
  if (!asked) return fail(std::move(asked).error());
  if (!is_agent_name(asked->name)) {
    return refuse(Refusal::invalid_request, "a node's name has no spaces and none of @ # /");
  }
  if (asked->node_id && !is_agent_name(*asked->node_id)) {
    return refuse(Refusal::invalid_request, "a node_id has no spaces and none of @ # /");
  }
  if (asked->kind == wire::NodeKind::http_push) {
    return refuse(Refusal::invalid_request,
                  "this engine does not post to nodes (kind http_push): a node connects to it by "
                  "WebSocket (kind ws), its agents ask for what has come (kind poll), or a "
                  "subscription posts what happens (POST /v1/subscriptions)");
  }
  const Secret token = new_token(TokenKind::node, call.random());
  NodeEnrolment enrolment;
  enrolment.workspace = call.workspace();
  enrolment.node_id = asked->node_id;
  enrolment.name = asked->name;
  if (asked->kind) enrolment.kind = stored_kind(*asked->kind);
  if (asked->role) {
    const bool broker = *asked->role == wire::NodeRole::broker;
    enrolment.role = broker ? NodeRole::broker : NodeRole::direct;
  }
  enrolment.adapter = asked->delivery_adapter;
  if (asked->delivery) enrolment.delivery = asked->delivery->text();
  enrolment.capabilities = asked->capabilities;
  enrolment.tags = asked->tags;
  enrolment.version = asked->version;
  enrolment.max_agents = asked->max_agents;
  enrolment.token_hash = sha256_hex(token.reveal());
  auto node = store.enroll_node(enrolment);
  if (!node) return fail(std::move(node).error());
  wire::NodeCreated view;
  static_cast<wire::Node&>(view) = node_view(*node, store.now());
  view.token = token.reveal();
  return created(view);
}

Result<Answer> list_nodes(const Store& store, Call& call) {
  auto nodes = store.nodes(call.workspace());
  if (!nodes) return fail(std::move(nodes).error());
  const auto capability = call.query("capability");
  const auto name = call.query("name");
  std::vector<wire::Node> views;
  for (const auto& node : *nodes) {
    if (capability && !has_capability(node, *capability)) continue;
    if (name && node.name != without_hash(*name)) continue;
    views.push_back(node_view(node, store.now()));
  }
  return good(views);
}

Result<Answer> show_node(const Store& store, Call& call) {
  auto node = node_asked(store, call);
  if (!node) return fail(std::move(node).error());
  return good(node_view(*node, store.now()));
}

Result<Answer> list_node_agents(const Store& store, Call& call) {
  auto node = node_asked(store, call);
  if (!node) return fail(std::move(node).error());
  auto bindings = store.bindings(node->id);
  if (!bindings) return fail(std::move(bindings).error());
  std::vector<wire::NodeBinding> views;
  for (const auto& binding : *bindings) views.push_back(binding_view(binding, *node));
  return good(views);
}

Result<Answer> bind_agent(Store& store, Call& call) {
  auto asked = call.body<wire::NodeBind>();
  if (!asked) return fail(std::move(asked).error());
  auto node = node_asked(store, call);
  if (!node) return fail(std::move(node).error());
  auto agent = store.find_agent(call.workspace(), asked->agent_name);
  if (!agent) return fail(std::move(agent).error());
  auto binding =
      store.bind_agent(agent->id, node->id, asked->session_ref, asked->priority.value_or(0));
  if (!binding) return fail(std::move(binding).error());
  call.to.changed_agents.push_back(agent->id);
  call.to.mailboxes.push_back(agent->id);
  return created(binding_view(*binding, *node));
}

Result<Answer> unbind_agent(Store& store, Call& call) {
  auto node = node_asked(store, call);
  if (!node) return fail(std::move(node).error());
  auto agent = store.find_agent(call.workspace(), call.parameter("agent"));
  if (!agent) return fail(std::move(agent).error());
  auto was_there = store.unbind_agent(agent->id, node->id);
  if (!was_there) return fail(std::move(was_there).error());
  if (!*was_there) {
    return refuse(Refusal::agent_not_found, agent->name + " is not on node " + node->name);
  }
  call.to.changed_agents.push_back(agent->id);
  call.to.mailboxes.push_back(agent->id);
  return nothing();
}

}  // namespace relay::engine::rest
