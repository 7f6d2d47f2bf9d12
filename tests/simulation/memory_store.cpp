#include "simulation/memory_store.hpp"

#include <algorithm>

#include "engine/names.hpp"
#include "engine/placement.hpp"
#include "engine/refusal.hpp"

namespace relay::engine {
namespace {

tl::unexpected<Error> nobody(const std::string& who) {
  return refuse(Refusal::agent_not_found, "there is no agent " + who);
}

Wall stored_time(Wall time) {
  return std::chrono::floor<std::chrono::milliseconds>(time);
}

}  // namespace

MemoryStore::MemoryStore(const Clock& clock, IdSource& ids, Limits limits)
    : clock_(clock), ids_(ids), limits_(limits) {
  Agent author;
  author.id = kAuthor;
  author.workspace = kWorkspace;
  author.name = "boss";
  agents_.put(author.id, author);
  names_.put(author.name, author.id);
  keep();
}

Wall MemoryStore::now() const {
  return clock_.wall();
}

void MemoryStore::keep() {
  agents_.keep();
  names_.keep();
  nodes_.keep();
  actions_.keep();
  mailboxes_.keep();
  deliveries_.keep();
  messages_.keep();
  keys_.keep();
  invocations_.keep();
  closed_.keep();
  landmarks_.insert(landmarks_.end(), fresh_.begin(), fresh_.end());
  fresh_.clear();
}

void MemoryStore::undo() {
  agents_.undo();
  names_.undo();
  nodes_.undo();
  actions_.undo();
  mailboxes_.undo();
  deliveries_.undo();
  messages_.undo();
  keys_.undo();
  invocations_.undo();
  closed_.undo();
  fresh_.clear();
}

std::optional<std::string> MemoryStore::broken() const {
  std::map<Id, std::uint32_t> held;
  for (const auto& [id, each] : invocations_.rows()) {
    if (each.place_held) ++held[each.node];
  }
  if (ended_with_place_) return "a call that has ended holds a place";
  for (const auto& [id, node] : nodes_.rows()) {
    if (node.role == NodeRole::direct) continue;
    const auto places = held.find(id);
    const std::uint32_t expected = places == held.end() ? 0 : places->second;
    if (node.reserved != expected) {
      return "node " + node.name + " holds " + std::to_string(node.reserved) + " places for " +
             std::to_string(expected) + " spawns";
    }
    if (node.max_agents != 0 && present(id) > node.max_agents) {
      return "node " + node.name + " has more agents than it takes";
    }
  }
  return std::nullopt;
}

std::size_t MemoryStore::open_deliveries(Id agent) const {
  const auto& rows = deliveries_.rows();
  const auto from = rows.lower_bound({agent, 0});
  return static_cast<std::size_t>(std::distance(from, rows.lower_bound({agent + 1, 0})));
}

std::vector<Invocation> MemoryStore::open_calls() const {
  std::vector<Invocation> open;
  for (const auto& [id, each] : invocations_.rows()) {
    if (is_open(each)) open.push_back(each);
  }
  return open;
}

// Agents

Result<Agent> MemoryStore::register_agent(const NewAgent& fresh) {
  if (names_.find(fresh.name) != nullptr) {
    return refuse(Refusal::agent_already_exists, "there is an agent called " + fresh.name);
  }
  Agent agent;
  agent.id = ids_.next(now());
  agent.workspace = fresh.workspace;
  agent.name = fresh.name;
  agent.type = fresh.type;
  agent.last_seen = stored_time(now());
  Node direct;
  direct.id = ids_.next(now());
  direct.workspace = fresh.workspace;
  direct.node_id = direct_node_id(agent.id);
  direct.name = direct_node_name(agent.id);
  direct.role = NodeRole::direct;
  direct.max_agents = 1;
  agent.node = direct.id;
  agent.origin_node = direct.id;
  nodes_.put(direct.id, direct);
  names_.put(agent.name, agent.id);
  mailboxes_.put(agent.id, MailboxRow());
  return agents_.put(agent.id, agent);
}

Result<Agent> MemoryStore::claim_agent(const AgentClaim& claim) {
  auto on = node(claim.node);
  if (!on) return fail(std::move(on).error());
  auto known = find_agent(on->workspace, claim.name);
  if (!known) {
    NewAgent fresh;
    fresh.workspace = on->workspace;
    fresh.name = claim.name;
    known = register_agent(fresh);
    if (!known) return known;
  } else {
    const auto* at = nodes_.find(known->node);
    const bool elsewhere = at != nullptr && at->role == NodeRole::broker && at->id != on->id;
    if (elsewhere && at->online && known->status != AgentStatus::offline) {
      return refuse(Refusal::agent_location_conflict, claim.name + " is at work on " + at->name);
    }
  }
  if (is_full(*on, known->id)) {
    return refuse(Refusal::node_capacity_exceeded, on->name + " takes no more agents");
  }
  Agent& agent = agents_.edit(known->id);
  agent.status = AgentStatus::active;
  agent.last_seen = stored_time(now());
  place_agent(agent.id, on->id);
  return agents_.edit(known->id);
}

Result<Agent> MemoryStore::change_agent(Id id, const AgentChange& change) {
  if (agents_.find(id) == nullptr) return nobody(std::to_string(id));
  Agent& agent = agents_.edit(id);
  if (change.status) agent.status = *change.status;
  return agent;
}

Result<bool> MemoryStore::touch_agent(Id id) {
  if (agents_.find(id) == nullptr) return nobody(std::to_string(id));
  Agent& agent = agents_.edit(id);
  const bool was_active = agent.status == AgentStatus::active;
  agent.status = AgentStatus::active;
  agent.last_seen = stored_time(now());
  return !was_active;
}

Result<std::vector<Agent>> MemoryStore::take_stale_agents(Wall seen_before) {
  std::vector<Agent> stale;
  for (const auto& [id, agent] : agents_.rows()) {
    const auto* at = nodes_.find(agent.node);
    if (at == nullptr || at->role != NodeRole::direct || at->online) continue;
    if (agent.status == AgentStatus::active && agent.last_seen < seen_before) {
      stale.push_back(agent);
    }
  }
  for (auto& agent : stale) {
    agent.status = AgentStatus::offline;
    agents_.edit(agent.id).status = AgentStatus::offline;
  }
  return stale;
}

Result<Agent> MemoryStore::agent(Id id) const {
  const auto* found = agents_.find(id);
  if (found == nullptr) return nobody(std::to_string(id));
  return *found;
}

Result<Agent> MemoryStore::find_agent(Id workspace, const std::string& name) const {
  (void)workspace;
  const auto* id = names_.find(name);
  if (id == nullptr) return nobody(name);
  return agent(*id);
}

// Messages

/// The conversation of the author with the agent of that id.
Result<Channel> MemoryStore::channel(Id id) const {
  Channel channel;
  channel.id = id;
  channel.workspace = kWorkspace;
  channel.kind = ChannelKind::direct;
  channel.name = "dm-" + std::to_string(id);
  return channel;
}

Result<Posted> MemoryStore::append_message(const MessageDraft& draft) {
  Posted posted;
  if (draft.key) {
    if (const auto* known = keys_.find(draft.key->key)) {
      posted.message.id = *known;
      posted.replayed = true;
      return posted;
    }
  }
  if (mailboxes_.find(draft.channel) == nullptr) return nobody(std::to_string(draft.channel));
  Message& message = posted.message;
  message.id = ids_.next(now());
  message.workspace = kWorkspace;
  message.channel = draft.channel;
  message.author = draft.author;
  message.author_name = "boss";
  message.text = draft.text;
  message.steer = draft.steer;
  if (open_deliveries(draft.channel) >= limits_.depth) {
    auto expired = expire_mailbox(draft.channel);
    if (!expired) return fail(std::move(expired).error());
    posted.expired = *std::move(expired);
  }
  if (draft.key) keys_.put(draft.key->key, message.id);
  if (open_deliveries(draft.channel) >= limits_.depth) {
    posted.refused.push_back(draft.channel);
    fresh_.push_back({Landmark::Kind::refused, draft.channel, message.text, 0, 0, 0});
    return posted;
  }
  messages_.put(message.id, message);
  MailboxRow& mailbox = mailboxes_.edit(draft.channel);
  Delivery delivery;
  delivery.agent = draft.channel;
  delivery.seq = ++mailbox.last_seq;
  delivery.message = message.id;
  delivery.reason = DeliveryReason::direct;
  delivery.steer = message.steer;
  delivery.node = agents_.find(draft.channel)->node;
  delivery.expires = stored_time(now() + limits_.ttl);
  deliveries_.put({delivery.agent, delivery.seq}, delivery);
  posted.deliveries.push_back(delivery);
  fresh_.push_back({Landmark::Kind::numbered, delivery.agent, message.text, delivery.seq, 0, 0});
  return posted;
}

Result<Message> MemoryStore::message(Id id) const {
  const auto* found = messages_.find(id);
  if (found == nullptr) return refuse(Refusal::message_not_found, "there is no such message");
  return *found;
}

void MemoryStore::settle(const Delivery& delivery, Landmark::Kind how) {
  const auto* text = messages_.find(delivery.message);
  if (text != nullptr) fresh_.push_back({how, delivery.agent, text->text, delivery.seq, 0, 0});
  messages_.erase(delivery.message);
  deliveries_.erase({delivery.agent, delivery.seq});
}

// Deliveries

Result<void> MemoryStore::mark_sent(Id agent, const std::vector<std::uint64_t>& seqs) {
  for (const auto seq : seqs) {
    if (deliveries_.find({agent, seq}) == nullptr) continue;
    Delivery& delivery = deliveries_.edit({agent, seq});
    delivery.status = DeliveryStatus::delivered;
    ++delivery.attempts;
  }
  return {};
}

Result<Acked> MemoryStore::ack_up_to(Id agent, Id node, std::uint64_t seq) {
  const auto* mailbox = mailboxes_.find(agent);
  if (mailbox == nullptr) return nobody(std::to_string(agent));
  Acked acked;
  acked.cursor = mailbox->acked_seq;
  if (agents_.find(agent)->node != node) return acked;
  const auto up_to = std::min(seq, mailbox->last_seq);
  if (up_to <= acked.cursor) return acked;
  const auto& rows = deliveries_.rows();
  for (auto row = rows.lower_bound({agent, 0});
       row != rows.end() && row->first.first == agent && row->first.second <= up_to; ++row) {
    acked.settled.push_back(row->second);
  }
  for (auto& delivery : acked.settled) {
    settle(delivery, Landmark::Kind::acked);
    delivery.status = DeliveryStatus::acked;
    delivery.settled = now();
  }
  mailboxes_.edit(agent).acked_seq = up_to;
  acked.cursor = up_to;
  return acked;
}

Result<std::vector<Expired>> MemoryStore::expire_mailbox(Id agent) {
  std::vector<Expired> expired;
  const auto& rows = deliveries_.rows();
  for (auto row = rows.lower_bound({agent, 0}); row != rows.end() && row->first.first == agent;
       ++row) {
    if (row->second.expires > now()) continue;
    expired.push_back({row->second, kAuthor});
  }
  for (auto& each : expired) {
    settle(each.delivery, Landmark::Kind::expired);
    each.delivery.status = DeliveryStatus::dead;
  }
  return expired;
}

Result<Mailbox> MemoryStore::mailbox(Id agent) const {
  const auto* row = mailboxes_.find(agent);
  if (row == nullptr) return nobody(std::to_string(agent));
  Mailbox mailbox;
  mailbox.agent = agent;
  mailbox.last_seq = row->last_seq;
  mailbox.acked_seq = row->acked_seq;
  mailbox.open = open_deliveries(agent);
  return mailbox;
}

Result<std::vector<Id>> MemoryStore::overdue_mailboxes(std::uint32_t most) const {
  std::vector<Id> overdue;
  const auto& rows = deliveries_.rows();
  for (auto row = rows.begin(); row != rows.end() && overdue.size() < most;
       row = rows.lower_bound({row->first.first + 1, 0})) {
    if (row->second.expires <= now()) overdue.push_back(row->first.first);
  }
  return overdue;
}

Result<std::vector<Delivery>> MemoryStore::backlog(Id agent, std::uint64_t after,
                                                   std::uint32_t most) const {
  std::vector<Delivery> open;
  const auto& rows = deliveries_.rows();
  for (auto row = rows.lower_bound({agent, after + 1});
       row != rows.end() && row->first.first == agent && open.size() < most; ++row) {
    if (row->second.expires > now()) open.push_back(row->second);
  }
  return open;
}

}  // namespace relay::engine
