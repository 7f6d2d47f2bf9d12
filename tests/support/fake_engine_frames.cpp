#include <algorithm>
#include <fmt/format.h>
#include <map>

#include "support/fake_engine_state.hpp"

// What the fake engine does with the frames of a node.
namespace relay::test {
namespace {

bool has_capability(const FakeNode& node, std::string_view name) {
  return std::any_of(node.capabilities.begin(), node.capabilities.end(),
                     [&](const wire::Capability& each) { return each.name == name; });
}

}  // namespace

void FakeState::take(FakeNode& node, std::string_view text) {
  const auto frame = wire::decode_node_frame(text, wire::Strictness::strict);
  if (!frame) {
    invalid_frames.push_back(fmt::format("{}: {}", frame.error().message, text));
    refuse(node, "invalid", std::nullopt, "invalid_message");
    return;
  }
  std::visit([&](const auto& known) { take_frame(node, known); }, *frame);
}

void FakeState::reply(const FakeNode& node, std::string_view to,
                      const std::optional<std::string>& id, wire::Json data) {
  wire::Reply frame;
  frame.id = id.value_or(new_id());
  frame.data = std::move(data);
  send_(node.id, fmt::format("reply:{}", to), wire::encode(frame));
}

void FakeState::refuse(const FakeNode& node, std::string_view to,
                       const std::optional<std::string>& id, std::string code) {
  wire::ErrorFrame frame;
  frame.id = id.value_or(new_id());
  frame.message = "refused by the fake engine: " + code;
  frame.code = std::move(code);
  send_(node.id, fmt::format("error:{}", to), wire::encode(frame));
}

void FakeState::replay(const FakeNode& node, const FakeAgent* only) {
  std::vector<const FakeAgent*> here;
  for (const FakeAgent& agent : agents) {
    if (agent.node_id == node.id && (only == nullptr || only == &agent)) here.push_back(&agent);
  }
  std::sort(here.begin(), here.end(),
            [](const FakeAgent* a, const FakeAgent* b) { return a->name < b->name; });
  for (const FakeAgent* agent : here) {
    for (const wire::Deliver& frame : agent->mailbox) {
      send_(node.id, "deliver", wire::encode(frame));
    }
  }
}

void FakeState::take_frame(FakeNode& node, const wire::NodeRegister& frame) {
  if (frame.node_id != node.id) return refuse(node, "node.register", frame.id, "node_id_mismatch");
  const FakeNode* owner = find_node(node.workspace, frame.name);
  if (owner != nullptr && owner != &node) {
    return refuse(node, "node.register", frame.id, "node_name_conflict");
  }
  node.name = frame.name;
  node.capabilities = frame.capabilities;
  node.max_agents = frame.max_agents;
  node.tags = frame.tags;
  node.version = frame.version;
  node.registered = true;
  node.handlers_live = !frame.capabilities.empty();
  wire::Node entry = shown(node);
  reply(node, "node.register", frame.id, wire::to_json(entry));
  replay(node, nullptr);
  for (FakeInvocation& each : invocations) {
    if (each.node_id == node.id && each.status == "pending") dispatch(each);
  }
}

void FakeState::take_frame(FakeNode& node, const wire::NodeHeartbeat& frame) {
  if (frame.node_id.value_or(node.id) != node.id) {
    return refuse(node, "node.heartbeat", frame.id, "node_id_mismatch");
  }
  if (frame.capabilities) node.capabilities = *frame.capabilities;
  if (frame.max_agents) node.max_agents = *frame.max_agents;
  node.load = frame.load;
  node.active_agents = frame.active_agents;
  node.handlers_live = frame.handlers_live;
}

void FakeState::take_frame(FakeNode& node, const wire::NodeDeregister&) {
  disconnected(node);
}

void FakeState::take_frame(FakeNode& node, const wire::AgentRegister& frame) {
  FakeAgent* agent = find_agent(node.workspace, frame.name);
  if (agent != nullptr && agent->node_id != node.id && is_online(*agent) &&
      agent->node_id != "node_direct_" + agent->id) {
    return refuse(node, "agent.register", frame.id, "agent_location_conflict");
  }
  const auto hosted = std::count_if(agents.begin(), agents.end(), [&](const FakeAgent& each) {
    return &each != agent && each.node_id == node.id && is_online(each);
  });
  if (node.max_agents != 0 && hosted >= node.max_agents) {
    return refuse(node, "agent.register", frame.id, "node_capacity_exceeded");
  }
  if (agent == nullptr) agent = &add_agent(node.workspace, frame.name);
  agent->token = new_token("at_live_", 16);
  agent->status = "active";
  agent->node_id = node.id;
  wire::AgentRegistered data;
  data.agent_id = agent->id;
  data.token = agent->token;
  data.name = agent->name;
  if (has_capability(node, "relay:delivery-cursor-v1")) data.delivery_ack_seq = agent->acked_seq;
  reply(node, "agent.register", frame.id, wire::to_json(data));
  replay(node, agent);
}

void FakeState::take_frame(FakeNode& node, const wire::AgentRecover& frame) {
  // v5 does not know this type.
  refuse(node, "invalid", frame.id, "invalid_message");
  invalid_frames.emplace_back("agent.recover is not in v5");
}

void FakeState::take_frame(FakeNode& node, const wire::AgentDeregister& frame) {
  for (FakeAgent& agent : agents) {
    if (agent.id != frame.agent_id || agent.node_id != node.id) continue;
    agent.status = "offline";
    go_home(agent);
  }
}

void FakeState::take_frame(FakeNode& node, const wire::InventorySync& frame) {
  // A node may list a thousand, as often as one of them comes or goes.
  std::map<std::string_view, FakeAgent*> by_name;
  for (FakeAgent& each : agents) {
    if (each.workspace == node.workspace) by_name[each.name] = &each;
  }
  for (const wire::InventoryEntry& entry : frame.agents) {
    const FakeAgent* agent = by_name[entry.name];
    if (agent == nullptr) continue;
    if (agent->id != entry.agent_id) {
      return refuse(node, "inventory.sync", frame.id, "agent_identity_mismatch");
    }
    if (agent->node_id != node.id && is_online(*agent) &&
        agent->node_id != "node_direct_" + agent->id) {
      return refuse(node, "inventory.sync", frame.id, "agent_location_conflict");
    }
  }
  wire::InventorySynced data;
  for (FakeAgent& agent : agents) {
    if (agent.node_id == node.id) agent.status = "offline";
  }
  for (const wire::InventoryEntry& entry : frame.agents) {
    FakeAgent* agent = by_name[entry.name];
    if (agent == nullptr) continue;
    agent->node_id = node.id;
    agent->status = "active";
    ++data.rebound_agents;
  }
  for (FakeInvocation& each : invocations) {
    if (each.node_id != node.id || each.status != "dispatched") continue;
    ++data.open_invocations;
    const auto entry =
        std::find_if(frame.agents.begin(), frame.agents.end(),
                     [&](const auto& agent) { return agent.invocation_id == each.id; });
    if (entry == frame.agents.end()) {
      each.status = "pending";
      ++data.rescheduled_invocations;
      continue;
    }
    ++data.completed_invocations;
    finish(each, wire::Json::build([&](JsonWriter& out) {
             out.begin_object();
             out.field("agent_id", entry->agent_id);
             out.field("name", entry->name);
             out.field("invocation_id", each.id);
             out.end_object();
           }));
  }
  reply(node, "inventory.sync", frame.id, wire::to_json(data));
  replay(node, nullptr);
}

void FakeState::take_frame(FakeNode& node, const wire::DeliveryAck& frame) {
  FakeAgent* agent = find_agent(node.workspace, frame.agent);
  if (agent == nullptr || agent->node_id != node.id || frame.up_to_seq <= agent->acked_seq) return;
  agent->acked_seq = frame.up_to_seq;
  while (!agent->mailbox.empty() && agent->mailbox.front().seq <= frame.up_to_seq) {
    agent->mailbox.pop_front();
  }
}

void FakeState::take_frame(FakeNode& node, const wire::ActionResult& frame) {
  for (FakeInvocation& each : invocations) {
    const bool ours = each.id == frame.invocation_id && each.node_id == node.id;
    if (ours && each.status == "dispatched") finish(each, frame.outcome);
  }
}

void FakeState::take_frame(FakeNode&, const wire::UnknownFrame&) {}

}  // namespace relay::test
