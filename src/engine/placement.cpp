#include "engine/placement.hpp"

#include <algorithm>
#include <tuple>

#include "engine/names.hpp"
#include "engine/refusal.hpp"

namespace relay::engine {

bool is_live(const Node& node, Wall now) {
  if (!node.online || !node.heartbeat) return false;
  return *node.heartbeat <= now && now - *node.heartbeat <= kNodeSilence;
}

bool has_room(const Node& node) {
  if (node.max_agents == 0) return true;
  return std::max(node.active_agents, node.present) + node.reserved < node.max_agents;
}

bool has_capability(const Node& node, const std::string& capability) {
  return std::any_of(node.capabilities.begin(), node.capabilities.end(),
                     [&](const auto& each) { return each.name == capability; });
}

bool is_own_agent(const Node& node, const Agent& agent) {
  return agent.node == node.id || node.node_id == direct_node_id(agent.id);
}

std::vector<Node> ranked(std::vector<Node> nodes, const std::string& capability, bool takes_place,
                         Wall now) {
  std::erase_if(nodes, [&](const Node& node) {
    return !is_live(node, now) || !node.handlers_live || !has_capability(node, capability) ||
           (takes_place && !has_room(node));
  });
  std::sort(nodes.begin(), nodes.end(), [](const Node& a, const Node& b) {
    return std::tuple(a.load, a.active_agents + a.reserved, a.name) <
           std::tuple(b.load, b.active_agents + b.reserved, b.name);
  });
  return nodes;
}

Result<TargetVerdict> judge_target(const Node& node, const std::string& capability, Wall now) {
  if (!has_capability(node, capability)) {
    return refuse(Refusal::capability_mismatch,
                  "node " + node.name + " does not offer " + capability);
  }
  if (!is_live(node, now) || !node.handlers_live) return TargetVerdict::wait;
  if (!has_room(node)) {
    return refuse(Refusal::handler_unavailable, "node " + node.name + " takes no more agents");
  }
  return TargetVerdict::dispatch;
}

}  // namespace relay::engine
