#include "broker/roster.hpp"

#include <utility>

namespace relay::broker {

Result<std::shared_ptr<Reservation>> Roster::reserve(const std::string& name) {
  const auto former = find(name);
  if (former && former->leaving) {
    return fail(Code::name_conflict, "agent '" + name + "' is being released",
                "choose another name, or wait until relay-broker status has it no more");
  }
  if (agents_.contains(name) || reserved_.contains(name)) {
    return fail(Code::name_conflict, "agent '" + name + "' already exists",
                "choose another name, or release that one first");
  }
  auto made = std::make_shared<Reservation>(executor_);
  reserved_[name] = made;
  return made;
}

void Roster::give_up(const std::string& name, const std::shared_ptr<Reservation>& reservation) {
  if (reservation == nullptr || this->reservation(name) != reservation) return;
  reserved_.erase(name);
  reservation->ended.notify();
}

void Roster::add(std::shared_ptr<Agent> agent) {
  give_up(agent->name(), reservation(agent->name()));
  agents_[agent->name()] = std::move(agent);
}

std::shared_ptr<Agent> Roster::remove(const std::string& name) {
  const auto found = agents_.find(name);
  if (found == agents_.end()) return nullptr;
  auto out = std::move(found->second);
  agents_.erase(found);
  return out;
}

std::shared_ptr<Agent> Roster::find(const std::string& name) {
  const auto found = agents_.find(name);
  return found == agents_.end() ? nullptr : found->second;
}

Agent* Roster::by_id(const std::string& agent_id) {
  for (auto& [name, agent] : agents_) {
    if (agent->agent_id == agent_id) return agent.get();
  }
  return nullptr;
}

Agent* Roster::by_generation(const std::string& generation) {
  for (auto& [name, agent] : agents_) {
    if (agent->generation() == generation) return agent.get();
  }
  return nullptr;
}

std::shared_ptr<Reservation> Roster::reservation(const std::string& name) {
  const auto found = reserved_.find(name);
  return found == reserved_.end() ? nullptr : found->second;
}

std::shared_ptr<Agent> Roster::speaker(const std::string& name) {
  auto agent = find(name);
  if (agent) return agent;
  const auto spawning = reservation(name);
  return spawning ? spawning->agent : nullptr;
}

std::vector<std::shared_ptr<Agent>> Roster::speakers() {
  auto out = all();
  for (const auto& [name, reserved] : reserved_) {
    if (reserved->agent) out.push_back(reserved->agent);
  }
  return out;
}

std::vector<std::shared_ptr<Agent>> Roster::all() {
  std::vector<std::shared_ptr<Agent>> out;
  out.reserve(agents_.size());
  for (auto& [name, agent] : agents_) out.push_back(agent);
  return out;
}

std::vector<wire::InventoryEntry> Roster::inventory() {
  std::vector<wire::InventoryEntry> out;
  for (auto& [name, agent] : agents_) {
    if (!agent->takes_messages() || agent->agent_id.empty()) continue;
    wire::InventoryEntry entry;
    entry.agent_id = agent->agent_id;
    entry.name = name;
    const std::string& invocation = agent->request().invocation_id;
    if (!invocation.empty()) entry.invocation_id = invocation;
    if (!agent->session_id.empty()) entry.session_ref = agent->session_id;
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace relay::broker
