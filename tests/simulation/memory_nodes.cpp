// The part of the store in memory that is about nodes and what they do.
#include <algorithm>

#include "engine/names.hpp"
#include "engine/placement.hpp"
#include "engine/refusal.hpp"
#include "simulation/memory_store.hpp"

namespace relay::engine {
namespace {

tl::unexpected<Error> absent_node(const std::string& which) {
  return refuse(Refusal::node_not_found, "there is no node " + which);
}

void to_milliseconds(std::optional<Wall>& time) {
  if (time) time = std::chrono::floor<std::chrono::milliseconds>(*time);
}

}  // namespace

std::uint32_t MemoryStore::present(Id node) const {
  std::uint32_t count = 0;
  for (const auto& [id, agent] : agents_.rows()) {
    if (agent.node == node && agent.status != AgentStatus::offline) ++count;
  }
  return count;
}

bool MemoryStore::is_full(const Node& node, Id but_agent) const {
  if (node.max_agents == 0) return false;
  const auto* but = agents_.find(but_agent);
  const bool is_counted =
      but != nullptr && but->node == node.id && but->status != AgentStatus::offline;
  return present(node.id) - (is_counted ? 1 : 0) >= node.max_agents;
}

Node MemoryStore::with_presence(const Node& node) const {
  Node out = node;
  out.present = node.max_agents != 0 ? present(node.id) : 0;
  return out;
}

void MemoryStore::place_agent(Id agent, Id node) {
  Agent& moved = agents_.edit(agent);
  // Somebody leaves it: it says so itself only at its next heartbeat.
  if (moved.node != node && moved.status != AgentStatus::offline &&
      nodes_.find(moved.node) != nullptr) {
    Node& left = nodes_.edit(moved.node);
    left.active_agents -= std::min(left.active_agents, 1U);
  }
  moved.node = node;
  const auto* at = nodes_.find(node);
  if (at == nullptr || at->role != NodeRole::broker) return;
  fresh_.push_back({Landmark::Kind::placed, agent, moved.name, 0, 0, node});
}

void MemoryStore::write_manifest(Id id, const NodeManifest& manifest) {
  Node& node = nodes_.edit(id);
  if (manifest.capabilities) node.capabilities = *manifest.capabilities;
  if (manifest.tags) node.tags = *manifest.tags;
  if (manifest.version) node.version = *manifest.version;
  if (manifest.max_agents) node.max_agents = *manifest.max_agents;
  for (const auto& capability : node.capabilities) {
    if (!is_action_capability(capability.name) || actions_.find(capability.name) != nullptr) {
      continue;
    }
    Action action;
    action.id = ids_.next(now());
    action.workspace = node.workspace;
    action.name = capability.name;
    action.handler_node = id;
    actions_.put(action.name, action);
  }
}

Result<Node> MemoryStore::enroll_node(const NodeEnrolment& enrolment) {
  Node node;
  node.id = ids_.next(now());
  node.workspace = enrolment.workspace;
  node.node_id = "node_" + std::to_string(node.id);
  node.name = enrolment.name;
  return nodes_.put(node.id, node);
}

Result<Node> MemoryStore::node_connected(Id id, const NodeManifest& manifest) {
  if (nodes_.find(id) == nullptr) return absent_node(std::to_string(id));
  write_manifest(id, manifest);
  Node& node = nodes_.edit(id);
  node.online = true;
  node.heartbeat = std::chrono::floor<std::chrono::milliseconds>(now());
  node.handlers_live = !node.capabilities.empty();
  return with_presence(node);
}

Result<Node> MemoryStore::node_beat(Id id, const NodeBeat& beat) {
  if (nodes_.find(id) == nullptr) return absent_node(std::to_string(id));
  write_manifest(id, beat.manifest);
  Node& node = nodes_.edit(id);
  node.online = true;
  node.heartbeat = std::chrono::floor<std::chrono::milliseconds>(now());
  node.load = beat.load;
  node.active_agents = beat.active_agents;
  node.handlers_live = beat.handlers_live;
  return with_presence(node);
}

Result<void> MemoryStore::set_handlers_live(Id id, bool live) {
  if (nodes_.find(id) != nullptr) nodes_.edit(id).handlers_live = live;
  return {};
}

Result<std::vector<Agent>> MemoryStore::node_lost(Id id) {
  if (nodes_.find(id) == nullptr) return absent_node(std::to_string(id));
  Node& node = nodes_.edit(id);
  node.online = false;
  node.load = 0;
  node.active_agents = 0;
  node.handlers_live = false;
  auto lost = *agents_on(id);
  std::erase_if(lost, [](const Agent& agent) { return agent.status == AgentStatus::offline; });
  for (auto& agent : lost) {
    agent.status = AgentStatus::offline;
    agents_.edit(agent.id).status = AgentStatus::offline;
  }
  return lost;
}

Result<bool> MemoryStore::unbind_agent(Id agent, Id node) {
  auto known = this->agent(agent);
  if (!known) return fail(std::move(known).error());
  if (known->node != node) return false;
  auto direct = find_node_id(known->workspace, direct_node_id(agent));
  if (!direct) return fail(std::move(direct).error());
  place_agent(agent, direct->id);
  return true;
}

Result<InventoryOutcome> MemoryStore::sync_inventory(Id node,
                                                     const std::vector<InventoryItem>& items) {
  const auto* on = nodes_.find(node);
  if (on == nullptr) return absent_node(std::to_string(node));
  InventoryOutcome outcome;
  std::vector<Id> listed;
  for (const auto& item : items) {
    auto known = find_agent(on->workspace, item.name);
    if (!known) continue;
    const auto* at = nodes_.find(known->node);
    const bool elsewhere = at != nullptr && at->role == NodeRole::broker && at->id != node &&
                           at->online && known->status != AgentStatus::offline;
    if (elsewhere || known->id != item.agent || is_full(*on, known->id)) {
      outcome.rejected.push_back(item.name);
      continue;
    }
    if (known->node != node || known->status != AgentStatus::active) {
      place_agent(known->id, node);
      agents_.edit(known->id).status = AgentStatus::active;
    }
    known->node = node;
    known->status = AgentStatus::active;
    listed.push_back(known->id);
    outcome.bound.push_back(*std::move(known));
  }
  auto here = *agents_on(node);
  for (auto& agent : here) {
    const bool is_listed = std::find(listed.begin(), listed.end(), agent.id) != listed.end();
    if (is_listed || agent.status == AgentStatus::offline) continue;
    agents_.edit(agent.id).status = AgentStatus::offline;
    agent.status = AgentStatus::offline;
    outcome.gone.push_back(std::move(agent));
  }
  return outcome;
}

Result<bool> MemoryStore::reserve_place(Id node) {
  const auto* known = nodes_.find(node);
  if (known == nullptr || !has_room(with_presence(*known))) return false;
  ++nodes_.edit(node).reserved;
  return true;
}

Result<void> MemoryStore::give_place_back(Id node) {
  if (nodes_.find(node) == nullptr) return {};
  Node& known = nodes_.edit(node);
  known.reserved -= std::min(known.reserved, 1U);
  return {};
}

Result<Node> MemoryStore::node(Id id) const {
  const auto* found = nodes_.find(id);
  if (found == nullptr) return absent_node(std::to_string(id));
  return with_presence(*found);
}

Result<Node> MemoryStore::find_node(Id workspace, const std::string& name) const {
  (void)workspace;
  for (const auto& [id, node] : nodes_.rows()) {
    if (node.name == name) return with_presence(node);
  }
  return absent_node(name);
}

Result<Node> MemoryStore::find_node_id(Id workspace, const std::string& node_id) const {
  (void)workspace;
  for (const auto& [id, node] : nodes_.rows()) {
    if (node.node_id == node_id) return with_presence(node);
  }
  return absent_node(node_id);
}

Result<std::vector<Node>> MemoryStore::nodes_with(Id workspace,
                                                  const std::string& capability) const {
  (void)workspace;
  std::vector<Node> able;
  for (const auto& [id, node] : nodes_.rows()) {
    if (node.online && has_capability(node, capability)) able.push_back(with_presence(node));
  }
  return able;
}

Result<std::vector<Node>> MemoryStore::silent_nodes(Wall since) const {
  std::vector<Node> silent;
  for (const auto& [id, node] : nodes_.rows()) {
    if (node.online && node.heartbeat && *node.heartbeat < since) silent.push_back(node);
  }
  return silent;
}

Result<std::vector<Agent>> MemoryStore::agents_on(Id node) const {
  std::vector<Agent> here;
  for (const auto& [id, agent] : agents_.rows()) {
    if (agent.node == node) here.push_back(agent);
  }
  return here;
}

// Actions

Result<Action> MemoryStore::find_action(Id workspace, const std::string& name) const {
  (void)workspace;
  const auto* found = actions_.find(name);
  if (found == nullptr) return refuse(Refusal::action_not_found, "there is no action " + name);
  return *found;
}

Result<Invocation> MemoryStore::add_invocation(const Invocation& invocation) {
  Invocation added = invocation;
  added.id = ids_.next(now());
  fresh_.push_back({Landmark::Kind::called, 0, {}, 0, added.id, 0});
  return invocations_.put(added.id, added);
}

Result<void> MemoryStore::put_invocation(const Invocation& invocation) {
  const auto* known = invocations_.find(invocation.id);
  if (known == nullptr && closed_.find(invocation.id) == nullptr) {
    return refuse(Refusal::invocation_not_found, "there is no such invocation");
  }
  Invocation row = invocation;
  to_milliseconds(row.dispatched);
  to_milliseconds(row.retry_after);
  to_milliseconds(row.completed);
  if (is_open(row)) {
    invocations_.put(row.id, std::move(row));
    return {};
  }
  fresh_.push_back({Landmark::Kind::answered, 0, {}, 0, row.id, 0});
  ended_with_place_ = ended_with_place_ || row.place_held;
  invocations_.erase(row.id);
  closed_.put(row.id, std::move(row));
  return {};
}

Result<Invocation> MemoryStore::invocation(Id id) const {
  const auto* open = invocations_.find(id);
  const auto* found = open != nullptr ? open : closed_.find(id);
  if (found == nullptr) {
    return refuse(Refusal::invocation_not_found, "there is no such invocation");
  }
  return *found;
}

Result<std::vector<Invocation>> MemoryStore::open_invocations(Id node) const {
  std::vector<Invocation> open;
  for (const auto& [id, each] : invocations_.rows()) {
    if (is_open(each) && each.node == node) open.push_back(each);
  }
  return open;
}

Result<std::vector<Invocation>> MemoryStore::due_invocations(std::uint32_t most) const {
  std::vector<Invocation> due;
  for (const auto& [id, each] : invocations_.rows()) {
    if (due.size() < most && is_due(each, now())) due.push_back(each);
  }
  return due;
}

}  // namespace relay::engine
