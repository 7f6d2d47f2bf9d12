#include "pty/keeper/sessions.hpp"

#include <algorithm>
#include <utility>

namespace relay::pty::keeper {

Session* Sessions::named(const std::string& generation) {
  const auto number = number_of(generation);
  return number ? numbered(*number) : nullptr;
}

Session* Sessions::led_by(pid_t pid) {
  const auto found = std::find_if(all_.begin(), all_.end(), [&](const auto& each) {
    return each.second.facts.pid == pid && each.second.facts.ended.empty();
  });
  return found == all_.end() ? nullptr : &found->second;
}

Session* Sessions::numbered(SessionNumber number) {
  const auto found = all_.find(number);
  return found == all_.end() ? nullptr : &found->second;
}

std::optional<SessionNumber> Sessions::number_of(const std::string& generation) const {
  const auto found = by_generation_.find(generation);
  if (found == by_generation_.end()) return std::nullopt;
  return found->second;
}

Session& Sessions::add(SessionNumber number, Session session) {
  by_generation_.emplace(session.facts.generation, number);
  return all_.insert_or_assign(number, std::move(session)).first->second;
}

void Sessions::remove(const std::string& generation) {
  const auto found = by_generation_.find(generation);
  if (found == by_generation_.end()) return;
  all_.erase(found->second);
  by_generation_.erase(found);
}

std::vector<Root> Sessions::roots() const {
  std::vector<Root> roots;
  for (const auto& [number, session] : all_) {
    if (session.facts.gone) continue;
    // Once its end was collected, the leader's pid can be anyone's.
    const pid_t leader = session.facts.ended.empty() ? session.facts.pid : 0;
    roots.push_back(Root{number, leader, session.leader_started});
  }
  return roots;
}

bool Sessions::all_gone() const {
  return std::all_of(all_.begin(), all_.end(),
                     [](const auto& each) { return each.second.facts.gone; });
}

bool Sessions::any_ending() const {
  return std::any_of(all_.begin(), all_.end(),
                     [](const auto& each) { return each.second.ending.has_value(); });
}

}  // namespace relay::pty::keeper
