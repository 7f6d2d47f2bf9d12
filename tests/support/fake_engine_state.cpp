#include "support/fake_engine_state.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <stdexcept>

#include "base/ids.hpp"
#include "wire/deliver_events.hpp"

namespace relay::test {
namespace {

/// Every time in the fake's answers: a redelivery must equal the first delivery.
constexpr const char* kCreatedAt = "2026-01-01T00:00:00.000Z";

template <class T>
T& found(T* item, std::string_view what, std::string_view name) {
  if (item == nullptr)
    throw std::out_of_range(fmt::format("the fake engine has no {} {}", what, name));
  return *item;
}

template <class List, class Is>
auto* find_in(List& list, Is is) {
  const auto it = std::find_if(list.begin(), list.end(), is);
  return it == list.end() ? nullptr : &*it;
}

}  // namespace

FakeState::FakeState(Send send) : send_(std::move(send)) {
  workspaces.push_back({new_id(), "test", kWorkspaceKey});
  channel_named(workspaces.front().id, "general");
}

std::string FakeState::new_id(std::string_view prefix) {
  return fmt::format("{}{}", prefix, ++last_id_);
}

std::string FakeState::new_token(std::string_view prefix, std::size_t bytes) {
  return secrets.emplace_back(random_hex(prefix, bytes, random_));
}

FakeAgent* FakeState::find_agent(std::string_view workspace, std::string_view name) {
  return find_in(agents, [&](const FakeAgent& agent) {
    return agent.workspace == workspace && agent.name == name;
  });
}

FakeNode* FakeState::find_node(std::string_view workspace, std::string_view name) {
  return find_in(nodes, [&](const FakeNode& node) {
    return node.workspace == workspace && node.name == name;
  });
}

FakeChannel* FakeState::find_channel(std::string_view workspace, std::string_view name) {
  return find_in(channels, [&](const FakeChannel& channel) {
    return channel.workspace == workspace && channel.name == name;
  });
}

FakeNode* FakeState::node_with_token(std::string_view token) {
  return find_in(nodes, [&](const FakeNode& node) { return node.token == token; });
}

FakeNode* FakeState::node_with_id(std::string_view id) {
  return find_in(nodes, [&](const FakeNode& node) { return node.id == id; });
}

FakeAgent& FakeState::agent(std::string_view name) {
  return found(find_agent(workspaces.front().id, name), "agent", name);
}

FakeNode& FakeState::node(std::string_view name) {
  return found(find_node(workspaces.front().id, name), "node", name);
}

FakeInvocation& FakeState::invocation(std::string_view id) {
  return found(find_in(invocations, [&](const FakeInvocation& each) { return each.id == id; }),
               "invocation", id);
}

FakeChannel& FakeState::channel_named(const std::string& workspace, const std::string& name) {
  if (auto* known = find_channel(workspace, name)) return *known;
  FakeChannel& channel = channels.emplace_back();
  channel.workspace = workspace;
  channel.id = new_id();
  channel.name = name;
  return channel;
}

FakeAgent& FakeState::add_agent(const std::string& workspace, const std::string& name) {
  FakeAgent& agent = agents.emplace_back();
  agent.workspace = workspace;
  agent.id = new_id();
  agent.name = name;
  agent.token = new_token("at_live_", 16);
  go_home(agent);
  channel_named(workspace, "general").members.insert(name);
  return agent;
}

FakeAgent& FakeState::agent_or_new(const std::string& name) {
  const std::string& workspace = workspaces.front().id;
  FakeAgent* known = find_agent(workspace, name);
  return known != nullptr ? *known : add_agent(workspace, name);
}

void FakeState::expire(FakeAgent& agent, std::uint64_t seq) {
  auto& mailbox = agent.mailbox;
  mailbox.erase(std::remove_if(mailbox.begin(), mailbox.end(),
                               [&](const wire::Deliver& each) { return each.seq == seq; }),
                mailbox.end());
}

std::string FakeState::add_workspace(std::string name) {
  workspaces.push_back({new_id(), std::move(name), new_token("rk_live_", 16)});
  channel_named(workspaces.back().id, "general");
  return workspaces.back().key;
}

FakeNode& FakeState::add_node(std::string name, std::string node_id, std::string token) {
  FakeNode& node = nodes.emplace_back();
  node.workspace = workspaces.front().id;
  node.name = std::move(name);
  node.id = std::move(node_id);
  node.token = secrets.emplace_back(std::move(token));
  return node;
}

void FakeState::go_home(FakeAgent& agent) {
  agent.node_id = "node_direct_" + agent.id;
}

bool FakeState::is_online(const FakeAgent& agent) const {
  return agent.status != "offline";
}

void FakeState::deliver(FakeAgent& to, std::string msg_id, wire::Json payload,
                        wire::InjectionMode mode) {
  wire::Deliver& frame = to.mailbox.emplace_back();
  frame.delivery_id = fmt::format("del_{}_{}", msg_id, to.id);
  frame.agent_id = to.id;
  frame.agent = to.name;
  frame.msg_id = std::move(msg_id);
  frame.seq = ++to.last_seq;
  frame.mode = mode;
  frame.payload = std::move(payload);
  const FakeNode* node = node_with_id(to.node_id);
  if (node != nullptr && node->registered) send_(node->id, "deliver", wire::encode(frame));
}

void FakeState::notify(const FakeAgent& to, std::string msg_id, wire::Json payload) {
  const FakeNode* node = node_with_id(to.node_id);
  if (node == nullptr || !node->registered) return;
  wire::Deliver frame;
  frame.delivery_id = fmt::format("evt_{}_{}", msg_id, to.id);
  frame.agent_id = to.id;
  frame.agent = to.name;
  frame.msg_id = std::move(msg_id);
  frame.payload = std::move(payload);
  send_(node->id, "deliver", wire::encode(frame));
}

std::string FakeState::dm(FakeAgent& from, FakeAgent& to, const std::string& text,
                          wire::InjectionMode mode) {
  wire::DmReceived event;
  event.id = new_id();
  event.conversation_id = "dm_" + short_hash(std::min(from.id, to.id) + std::max(from.id, to.id));
  event.created_at = kCreatedAt;
  event.from_agent_id = from.id;
  event.from_name = from.name;
  event.to = to.name;
  event.text = text;
  event.injection_mode = mode;
  event.message.id = event.id;
  event.message.agent_id = from.id;
  event.message.agent_name = from.name;
  event.message.text = text;
  event.message.injection_mode = mode;
  if (&from != &to) deliver(to, event.id, wire::encode_payload(event), mode);
  return event.id;
}

std::string FakeState::post(FakeAgent& from, FakeChannel& in, const std::string& text,
                            wire::InjectionMode mode) {
  wire::MessageCreated event;
  event.id = new_id();
  event.channel_id = in.id;
  event.channel_name = in.name;
  event.agent_id = from.id;
  event.agent_name = from.name;
  event.from_name = from.name;
  event.text = text;
  event.created_at = kCreatedAt;
  event.injection_mode = mode;
  const wire::Json payload = wire::encode_payload(event);
  for (const std::string& name : in.members) {
    FakeAgent* to = find_agent(in.workspace, name);
    if (to != nullptr && to != &from) deliver(*to, event.id, payload, mode);
  }
  return event.id;
}

FakeInvocation& FakeState::invoke(FakeNode& on, std::string action, wire::Json input,
                                  std::string caller) {
  FakeInvocation& invocation = invocations.emplace_back();
  invocation.workspace = on.workspace;
  invocation.id = new_id("inv_");
  invocation.action = std::move(action);
  invocation.input = std::move(input);
  invocation.node_id = on.id;
  invocation.caller = std::move(caller);
  invocation.status = "pending";
  if (on.registered) dispatch(invocation);
  return invocation;
}

void FakeState::dispatch(FakeInvocation& invocation) {
  wire::ActionInvoke frame;
  frame.invocation_id = invocation.id;
  frame.action = invocation.action;
  frame.input = invocation.input;
  if (FakeAgent* caller = find_agent(invocation.workspace, invocation.caller)) {
    frame.agent_id = caller->id;
    frame.agent_name = caller->name;
  }
  invocation.status = "dispatched";
  send_(invocation.node_id, "action.invoke", wire::encode(frame));
}

void FakeState::finish(FakeInvocation& invocation, std::variant<wire::Json, std::string> outcome) {
  wire::ActionOutcome event;
  if (auto* output = std::get_if<wire::Json>(&outcome)) {
    invocation.status = "completed";
    invocation.output = std::move(*output);
  } else {
    invocation.status = "failed";
    invocation.error = std::get<std::string>(outcome);
    event.error = invocation.error;
  }
  if (invocation.action == "release" && invocation.status == "completed") {
    const auto input = wire::JsonDocument::parse(invocation.input.text(), wire::kEngineLimits);
    const auto name = input ? input->root().find("name") : std::nullopt;
    FakeAgent* released =
        name ? find_agent(invocation.workspace, name->string().value_or("")) : nullptr;
    if (released != nullptr) {
      released->status = "offline";
      go_home(*released);
    }
  }
  const FakeAgent* caller = find_agent(invocation.workspace, invocation.caller);
  if (caller == nullptr) return;
  event.invocation_id = invocation.id;
  event.action_name = invocation.action;
  event.status = invocation.status;
  event.output = invocation.output;
  const bool good = invocation.status == "completed";
  const wire::Json payload = good ? wire::encode_payload(wire::ActionCompleted{event})
                                  : wire::encode_payload(wire::ActionFailed{event});
  notify(*caller, invocation.id, payload);
}

void FakeState::disconnected(FakeNode& node) {
  node.registered = false;
  node.handlers_live = false;
  node.load = 0;
  node.active_agents = 0;
  for (FakeAgent& agent : agents) {
    if (agent.node_id == node.id) agent.status = "offline";
  }
  for (FakeInvocation& invocation : invocations) {
    if (invocation.node_id == node.id && invocation.status == "dispatched") {
      invocation.status = "pending";
    }
  }
}

}  // namespace relay::test
