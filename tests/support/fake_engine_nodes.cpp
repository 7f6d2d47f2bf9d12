#include <algorithm>

#include "support/fake_engine_rest.hpp"

// The fake engine's REST handlers for nodes and actions.
namespace relay::test {
namespace {

wire::Invoked invoked(const FakeInvocation& invocation) {
  wire::Invoked data;
  data.invocation_id = invocation.id;
  data.action_name = invocation.action;
  data.handler_node_id = invocation.node_id;
  data.dispatched_node_id = invocation.node_id;
  data.input = invocation.input;
  data.status = invocation.status;
  data.created_at = kFakeTime;
  return data;
}

}  // namespace

FakeNode& FakeState::node_of(const Call& call) {
  FakeNode* node = find_node(call.workspace->id, call.parameter(0));
  if (node == nullptr) throw FakeRefusal{404, "node_not_found"};
  return *node;
}

wire::NodeCreated FakeState::shown(const FakeNode& node) const {
  wire::NodeCreated entry;
  entry.id = node.id;
  entry.name = node.name;
  entry.kind = "ws";
  entry.role = node.role;
  entry.delivery_adapter = "ws.node.v1";
  entry.capabilities = node.capabilities;
  entry.tags = node.tags;
  entry.version = node.version;
  entry.status = node.registered ? "online" : "offline";
  entry.live = node.registered;
  entry.handlers_live = node.handlers_live;
  entry.load = node.load;
  entry.active_agents = node.active_agents;
  entry.max_agents = node.max_agents;
  entry.created_at = kFakeTime;
  return entry;
}

// The node_id decides when it is given, the name only otherwise. The old token dies at once, the
// old socket lives on.
net::HttpResponse FakeState::create_node(Call& call) {
  const auto body = fake_body<wire::NodeCreate>(call.request);
  FakeNode* named = find_node(call.workspace->id, body.name);
  FakeNode* node = body.node_id ? node_with_id(*body.node_id) : named;
  if (node != nullptr && node->workspace != call.workspace->id) {
    throw FakeRefusal{409, "node_id_conflict"};
  }
  if (named != nullptr && named != node) throw FakeRefusal{409, "node_name_conflict"};
  if (node == nullptr) {
    node = &nodes.emplace_back();
    node->workspace = call.workspace->id;
    node->id = body.node_id.value_or(new_id("node_"));
  }
  node->name = body.name;
  node->token = new_token("nt_live_", 24);
  if (body.max_agents) node->max_agents = *body.max_agents;
  if (body.tags) node->tags = *body.tags;
  if (body.version) node->version = *body.version;
  if (body.role) node->role = *body.role == wire::NodeRole::broker ? "broker" : "direct";
  wire::NodeCreated data = shown(*node);
  data.token = node->token;
  return fake_answer(201, data);
}

net::HttpResponse FakeState::list_nodes(Call& call) {
  const auto name = call.request.query_value("name");
  std::vector<wire::Node> data;
  for (const FakeNode& node : nodes) {
    if (node.workspace != call.workspace->id || (name && node.name != *name)) continue;
    data.push_back(shown(node));
  }
  return fake_answer(200, data);
}

net::HttpResponse FakeState::show_node(Call& call) {
  const wire::Node data = shown(node_of(call));
  return fake_answer(200, data);
}

net::HttpResponse FakeState::bind_agent(Call& call) {
  const auto body = fake_body<wire::NodeBind>(call.request);
  const FakeNode& node = node_of(call);
  FakeAgent& agent = agent_of(call, body.agent_name);
  agent.node_id = node.id;
  agent.status = "active";
  wire::NodeBinding data;
  data.id = new_id("anb_");
  data.agent_id = agent.id;
  data.agent_name = agent.name;
  data.node_id = node.id;
  data.node_name = node.name;
  data.node_kind = "ws";
  data.node_role = node.role;
  data.status = "active";
  // The published broker 12.4.1 takes no null for it.
  data.priority = 0;
  data.created_at = kFakeTime;
  return fake_answer(201, data);
}

net::HttpResponse FakeState::unbind_agent(Call& call) {
  const FakeNode& node = node_of(call);
  FakeAgent& agent = agent_of(call, call.parameter(1));
  if (agent.node_id != node.id) throw FakeRefusal{404, "binding_not_found"};
  go_home(agent);
  return net::HttpResponse(204);
}

net::HttpResponse FakeState::mint_agent_node_token(Call& call) {
  const std::string id = "node_direct_" + call.agent->id;
  if (call.agent->node_id != id) throw FakeRefusal{409, "agent_bound_to_node"};
  FakeNode* node = node_with_id(id);
  if (node == nullptr) {
    node = &nodes.emplace_back();
    node->workspace = call.workspace->id;
    node->id = id;
    node->name = "direct-" + call.agent->id;
    node->role = "direct";
    node->max_agents = 1;
  }
  node->token = new_token("nt_live_", 24);
  wire::NodeToken data;
  data.node_id = node->id;
  data.node_name = node->name;
  data.token = node->token;
  return fake_answer(200, data);
}

net::HttpResponse FakeState::spawn(Call& call) {
  const auto body = fake_body<wire::SpawnRequest>(call.request);
  const std::string capability = "spawn:" + body.cli;
  for (FakeNode& node : nodes) {
    const bool able = std::any_of(node.capabilities.begin(), node.capabilities.end(),
                                  [&](const auto& each) { return each.name == capability; });
    if (node.workspace != call.workspace->id || !node.registered || !able) continue;
    const std::string caller = call.agent != nullptr ? call.agent->name : std::string();
    FakeInvocation& invocation = invoke(node, capability, wire::to_json(body), caller);
    wire::Invoked data = invoked(invocation);
    data.action_name = "spawn";
    return fake_answer(201, data);
  }
  throw FakeRefusal{503, "handler_unavailable"};
}

net::HttpResponse FakeState::release(Call& call) {
  const auto body = fake_body<wire::ReleaseRequest>(call.request);
  FakeAgent& agent = agent_of(call, body.name);
  FakeNode* node = node_with_id(agent.node_id);
  if (node == nullptr || node->role == "direct") throw FakeRefusal{409, "agent_not_node_bound"};
  const std::string caller = call.agent != nullptr ? call.agent->name : std::string();
  return fake_answer(201, invoked(invoke(*node, "release", wire::to_json(body), caller)));
}

net::HttpResponse FakeState::invoke_action(Call& call) {
  const auto body = fake_body<wire::InvokeRequest>(call.request);
  const std::string& action = call.parameter(0);
  for (FakeNode& node : nodes) {
    const bool able = std::any_of(node.capabilities.begin(), node.capabilities.end(),
                                  [&](const auto& each) { return each.name == action; });
    if (node.workspace != call.workspace->id || !able) continue;
    const wire::Json input = body.input.value_or(wire::Json());
    return fake_answer(201, invoked(invoke(node, action, input, call.agent->name)));
  }
  throw FakeRefusal{404, "action_not_found"};
}

net::HttpResponse FakeState::show_invocation(Call& call) {
  for (const FakeInvocation& each : invocations) {
    if (each.workspace != call.workspace->id || each.id != call.parameter(1)) continue;
    wire::Invocation data;
    data.invocation_id = each.id;
    data.action_name = each.action;
    data.input = each.input;
    data.output = each.output;
    data.status = each.status;
    if (!each.error.empty()) data.error = each.error;
    if (!each.caller.empty()) data.caller_name = each.caller;
    data.dispatched_node_id = each.node_id;
    data.created_at = kFakeTime;
    return fake_answer(200, data);
  }
  throw FakeRefusal{404, "invocation_not_found"};
}

net::HttpResponse FakeState::complete_invocation(Call& call) {
  for (const FakeInvocation& each : invocations) {
    if (each.workspace != call.workspace->id || each.id != call.parameter(1)) continue;
    throw FakeRefusal{403, "node_owned_invocation"};
  }
  throw FakeRefusal{404, "invocation_not_found"};
}

}  // namespace relay::test
