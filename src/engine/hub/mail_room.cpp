#include "engine/hub/mail_room.hpp"

#include <algorithm>

namespace relay::engine {

void MailRoom::node_up(Id node, Numbering numbering) {
  node_down(node);
  ConnectedNode& connected = nodes_[node];
  connected.numbering = numbering;
  connected.up = true;
}

void MailRoom::node_down(Id node) {
  const auto found = nodes_.find(node);
  if (found == nodes_.end()) return;
  const auto agents = std::move(found->second.agents);
  for (const auto& [name, agent] : agents) {
    const auto resident = residents_.find(agent);
    if (resident != residents_.end()) leave(agent, resident->second);
  }
  nodes_.erase(node);
  resting_.erase(node);
}

bool MailRoom::is_up(Id node) const {
  return nodes_.contains(node);
}

void MailRoom::agent_here(Id agent, const std::string& name, Id node, bool fresh) {
  const auto at = nodes_.find(node);
  if (at == nodes_.end()) return agent_away(agent);
  const auto numbering = at->second.numbering;
  auto found = residents_.find(agent);
  if (found != residents_.end()) {
    Resident& known = found->second;
    known.doubted = false;
    const bool is_same = known.place.node == node && known.numbering == numbering;
    if (is_same && known.here && !fresh && known.place.agent_name == name) return;
    leave(agent, known);
    if (is_same) {
      known.outbox.restarted();
    } else {
      residents_.erase(found);
      found = residents_.end();
    }
  }
  if (found == residents_.end()) found = residents_.emplace(agent, Resident(numbering)).first;
  Resident& resident = found->second;
  resident.place.node = node;
  resident.place.agent_name = name;
  resident.here = true;
  resident.has_more = true;
  resident.ticket = 0;
  at->second.agents[name] = agent;
  enqueue(agent, resident);
}

void MailRoom::agent_doubted(Id agent, const std::string& name, Id node) {
  if (find(agent) != nullptr) return;
  agent_here(agent, name, node, false);
  const auto found = residents_.find(agent);
  if (found != residents_.end()) found->second.doubted = found->second.here;
}

void MailRoom::agent_away(Id agent) {
  const auto found = residents_.find(agent);
  if (found != residents_.end()) leave(agent, found->second);
}

void MailRoom::forget(Id agent) {
  agent_away(agent);
  residents_.erase(agent);
}

const MailRoom::Place* MailRoom::find(Id agent) const {
  const auto found = residents_.find(agent);
  return found != residents_.end() && found->second.here ? &found->second.place : nullptr;
}

const std::map<std::string, Id>& MailRoom::agents_at(Id node) const {
  static const std::map<std::string, Id> kNobody;
  const auto found = nodes_.find(node);
  return found == nodes_.end() ? kNobody : found->second.agents;
}

void MailRoom::news(Id agent) {
  const auto found = residents_.find(agent);
  if (found == residents_.end()) return;
  found->second.has_more = true;
  enqueue(agent, found->second);
}

void MailRoom::settled(Id agent, std::uint64_t seq) {
  const auto found = residents_.find(agent);
  if (found == residents_.end()) return;
  found->second.outbox.settled(seq);
  look_again(agent, found->second);
}

void MailRoom::asked_again(Id agent, Monotonic now) {
  const auto found = residents_.find(agent);
  if (found == residents_.end() || !found->second.here) return;
  found->second.outbox.asked_again(now);
  found->second.has_more = true;
  enqueue(agent, found->second);
  set_alarm(agent, found->second);
}

void MailRoom::event_sent(Id agent) {
  const auto found = residents_.find(agent);
  if (found != residents_.end()) found->second.outbox.event_sent();
}

std::optional<MailRoom::Ack> MailRoom::acked(Id node, const std::string& agent, std::uint64_t up_to,
                                             Monotonic now) {
  const auto& here = agents_at(node);
  const auto named = here.find(agent);
  if (named == here.end()) return std::nullopt;
  Resident& resident = residents_.at(named->second);
  const Id id = named->second;
  const auto acknowledged = resident.outbox.acked(up_to, now);
  if (is_absent(id, resident)) return std::nullopt;
  look_again(id, resident);
  if (!acknowledged) return std::nullopt;
  return Ack{id, *acknowledged, std::exchange(resident.doubted, false)};
}

std::vector<MailRoom::Look> MailRoom::due(Monotonic now, std::size_t most) {
  while (!alarms_.empty() && alarms_.begin()->first <= now) {
    const Id agent = alarms_.begin()->second;
    Resident& resident = residents_.at(agent);
    clear_alarm(agent, resident);
    enqueue(agent, resident);
  }
  std::vector<Look> looks;
  while (!queue_.empty() && looks.size() < most) {
    const Id agent = queue_.front();
    queue_.pop_front();
    const auto found = residents_.find(agent);
    if (found == residents_.end() || !found->second.queued) continue;
    Resident& resident = found->second;
    if (resting_.contains(resident.place.node)) {
      nodes_.at(resident.place.node).waiting.push_back(agent);
      continue;
    }
    resident.queued = false;
    const auto after = resident.outbox.wants(now);
    if (!after) {
      set_alarm(agent, resident);
      continue;
    }
    resident.ticket = ++tickets_;
    looks.push_back({agent, *after, resident.ticket});
  }
  return looks;
}

std::vector<DeliveryOutbox::Frame> MailRoom::take(const Look& look,
                                                  const std::vector<std::uint64_t>& seqs,
                                                  bool whole, Monotonic now) {
  const auto found = residents_.find(look.agent);
  if (found == residents_.end() || !found->second.here) return {};
  Resident& resident = found->second;
  if (resident.ticket != look.ticket) {
    enqueue(look.agent, resident);
    return {};
  }
  resident.outbox.read(look.after, seqs, whole);
  // Rows that were written since are in its queue by their own news.
  resident.has_more = !whole || resident.queued || !resident.outbox.wants_more();
  auto frames = resident.outbox.take(now);
  if (is_absent(look.agent, resident)) return {};
  look_again(look.agent, resident);
  // The reading was cut short, the window is not full.
  if (!whole && resident.outbox.wants_more()) enqueue(look.agent, resident);
  return frames;
}

void MailRoom::not_sent(Id agent, const std::vector<DeliveryOutbox::Frame>& frames, bool rests) {
  const auto found = residents_.find(agent);
  if (found == residents_.end() || frames.empty()) return;
  Resident& resident = found->second;
  for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) {
    resident.outbox.not_sent(*frame);
  }
  if (rests && is_up(resident.place.node)) resting_.insert(resident.place.node);
  enqueue(agent, resident);
  set_alarm(agent, resident);
}

void MailRoom::reads_on(Id node) {
  if (resting_.erase(node) == 0) return;
  const auto found = nodes_.find(node);
  if (found == nodes_.end()) return;
  const auto waiting = std::exchange(found->second.waiting, {});
  queue_.insert(queue_.end(), waiting.begin(), waiting.end());
}

std::optional<Monotonic> MailRoom::next() const {
  if (alarms_.empty()) return std::nullopt;
  return alarms_.begin()->first;
}

void MailRoom::enqueue(Id agent, Resident& resident) {
  if (!resident.here || resident.queued) return;
  resident.queued = true;
  queue_.push_back(agent);
}

bool MailRoom::is_absent(Id agent, Resident& resident) {
  if (!resident.doubted || resident.outbox.cursor() != std::uint64_t{0}) return false;
  leave(agent, resident);
  resident.outbox.restarted();
  return true;
}

void MailRoom::leave(Id agent, Resident& resident) {
  if (!resident.here) return;
  resident.here = false;
  resident.doubted = false;
  resident.queued = false;
  clear_alarm(agent, resident);
  const auto at = nodes_.find(resident.place.node);
  if (at == nodes_.end()) return;
  const auto named = at->second.agents.find(resident.place.agent_name);
  if (named != at->second.agents.end() && named->second == agent) at->second.agents.erase(named);
  std::erase(at->second.waiting, agent);
}

void MailRoom::set_alarm(Id agent, Resident& resident) {
  const auto at = resident.here ? resident.outbox.next() : std::nullopt;
  if (at == resident.alarm) return;
  clear_alarm(agent, resident);
  if (!at) return;
  resident.alarm = at;
  alarms_.emplace(*at, agent);
}

void MailRoom::clear_alarm(Id agent, Resident& resident) {
  if (!resident.alarm) return;
  alarms_.erase({*resident.alarm, agent});
  resident.alarm.reset();
}

/// After something was answered: is there more to send, and when else.
void MailRoom::look_again(Id agent, Resident& resident) {
  const bool wants_rows =
      resident.has_more && resident.outbox.room() >= DeliveryOutbox::kWindow / 2;
  if (resident.outbox.has_unsent() || wants_rows) enqueue(agent, resident);
  set_alarm(agent, resident);
}

}  // namespace relay::engine
