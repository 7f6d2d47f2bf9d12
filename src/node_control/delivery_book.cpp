#include "node_control/delivery_book.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace relay::node_control {

DeliveryBook::DeliveryBook(MailboxPolicy policy) : policy_(policy), stranger_policy_(policy) {
  stranger_policy_.most_frames = std::min(policy.most_frames, kMostStrangerFrames);
  stranger_policy_.most_bytes = std::min(policy.most_bytes, kMostStrangerBytes);
}

DeliveryBook::DeliveryBook(const BookState& state, Monotonic now, MailboxPolicy policy)
    : DeliveryBook(policy) {
  for (const auto& agent : state.live) {
    live_.try_emplace(agent.agent_id, agent.agent_id, agent.agent_name, policy_, counters_,
                      *agent.mailbox, now);
    if (!agent.agent_name.empty()) id_of_name_[agent.agent_name] = agent.agent_id;
  }
  for (const auto& agent : state.retired) {
    retired_.try_emplace(agent.agent_id, agent.agent_id, std::string(), policy_, counters_,
                         *agent.mailbox, now);
    retired_order_.push_back(agent.agent_id);
  }
  for (const auto& agent : state.strangers) {
    strangers_.try_emplace(agent.agent_id, agent.agent_id, agent.agent_name, stranger_policy_,
                           counters_, *agent.mailbox, now);
    strangers_order_.push_back(agent.agent_id);
  }
}

DeliveryBook::Actions DeliveryBook::connected(Monotonic now) {
  link_ = Link{true, now};
  resync_at_.reset();
  DeliveryEffects effects;
  for (const auto& [id, mailbox] : live_) mailbox.acknowledge(effects);
  return settle(now, std::move(effects));
}

void DeliveryBook::disconnected() {
  link_.up = false;
  resync_at_.reset();
}

void DeliveryBook::spawn_started(const std::string& agent_name) {
  spawning_.try_emplace(agent_name);
}

DeliveryBook::Actions DeliveryBook::spawn_failed(Monotonic now, const std::string& agent_name) {
  DeliveryEffects effects;
  const auto waiting = spawning_.find(agent_name);
  if (waiting == spawning_.end()) return {};
  if (!waiting->second.frames.empty()) effects.want_resync(now);
  spawning_.erase(waiting);
  return settle(now, std::move(effects));
}

DeliveryBook::Actions DeliveryBook::registered(Monotonic now, const std::string& agent_id,
                                               const std::string& agent_name,
                                               std::optional<std::uint64_t> delivery_ack_seq) {
  DeliveryEffects effects;
  Mailbox& mailbox = open_mailbox(now, agent_id, agent_name, effects);
  bind(mailbox, agent_name);
  if (delivery_ack_seq) {
    mailbox.seed(now, link_, *delivery_ack_seq, effects);
  } else {
    mailbox.acknowledge(effects);
  }
  if (const auto waiting = spawning_.find(agent_name); waiting != spawning_.end()) {
    Waiting waited = std::move(waiting->second);
    spawning_.erase(waiting);
    for (auto& frame : waited.frames) count(decide(now, std::move(frame), effects));
  }
  return settle(now, std::move(effects));
}

void DeliveryBook::released(const std::string& agent_id) {
  retire(agent_id);
}

Decision DeliveryBook::deliver(Monotonic now, Delivery frame) {
  Decision decision;
  DeliveryEffects effects;
  decision.verdict = decide(now, std::move(frame), effects);
  count(decision.verdict);
  decision.actions = settle(now, std::move(effects));
  return decision;
}

Verdict DeliveryBook::decide(Monotonic now, Delivery frame, DeliveryEffects& out) {
  if (frame.delivery_id.empty()) {
    // Without an id a sequenced frame is known by its number, an ephemeral one never repeats.
    frame.delivery_id = frame.seq > 0
                            ? "seq-" + std::to_string(frame.seq)
                            : "ephemeral-" + std::to_string(now.time_since_epoch().count()) + "-" +
                                  std::to_string(++ephemeral_without_id_);
  }
  const auto holder = id_of_name_.find(frame.agent_name);
  const auto spawning = spawning_.find(frame.agent_name);
  if (frame.agent_id.empty() && holder != id_of_name_.end()) frame.agent_id = holder->second;

  if (const auto live = live_.find(frame.agent_id); live != live_.end()) {
    Mailbox& mailbox = live->second;
    if (!frame.agent_name.empty() && mailbox.agent_name() != frame.agent_name) {
      if (holder != id_of_name_.end()) return Verdict::identity_rejected;
      out.actions.emplace_back(Renamed{mailbox.agent_id(), mailbox.agent_name(), frame.agent_name});
      bind(mailbox, frame.agent_name);
    }
    return mailbox.receive(now, link_, std::move(frame), out);
  }
  if (spawning != spawning_.end()) return wait_for_spawn(spawning->second, std::move(frame));
  if (retired_.contains(frame.agent_id)) return Verdict::retired;
  if (holder != id_of_name_.end()) return Verdict::identity_rejected;
  return bury(now, std::move(frame), out);
}

Verdict DeliveryBook::wait_for_spawn(Waiting& waiting, Delivery frame) {
  if (waiting.frames.size() >= kMostWaiting ||
      waiting.bytes + frame.payload.size() > policy_.most_bytes) {
    return Verdict::queue_full;
  }
  waiting.bytes += frame.payload.size();
  waiting.frames.push_back(std::move(frame));
  return Verdict::held_for_spawn;
}

/// Nobody here has this name and nobody is about to: an ack ends the repeats, a dead letter keeps
/// the message for people.
Verdict DeliveryBook::bury(Monotonic now, Delivery frame, DeliveryEffects& out) {
  const std::string id = frame.agent_id.empty() ? frame.agent_name : frame.agent_id;
  auto found = strangers_.find(id);
  if (found == strangers_.end()) {
    if (strangers_order_.size() >= kMostStrangers) {
      strangers_.erase(strangers_order_.front());
      strangers_order_.pop_front();
    }
    strangers_order_.push_back(id);
    found = strangers_.try_emplace(id, id, std::string(), stranger_policy_, counters_).first;
  }
  Mailbox& stranger = found->second;
  stranger.rename(frame.agent_name);
  const std::size_t before = out.actions.size();
  const Verdict verdict = stranger.receive(now, link_, std::move(frame), out);
  bury_surfaced(now, stranger, before, out);
  return verdict == Verdict::surfaced ? Verdict::unknown_agent : verdict;
}

/// Turns what a stranger's mailbox surfaced into dead letters; the ack comes after them.
void DeliveryBook::bury_surfaced(Monotonic now, Mailbox& stranger, std::size_t from,
                                 DeliveryEffects& out) {
  const std::size_t end = out.actions.size();
  DeliveryEffects acks;
  for (std::size_t i = from; i < end; ++i) {
    auto* surfaced = std::get_if<Surface>(&out.actions[i]);
    if (surfaced == nullptr) continue;
    Delivery delivery = std::move(surfaced->delivery);
    --counters_.surfaced;
    ++counters_.unknown_agent;
    stranger.finish(now, link_, delivery.seq, mark_of(delivery.delivery_id), acks);
    out.actions[i] = DeadLetter{std::move(delivery), DeadReason::unknown_agent};
  }
  for (auto& action : acks.actions) out.actions.push_back(std::move(action));
  if (acks.resync_at) out.want_resync(*acks.resync_at);
}

DeliveryBook::Actions DeliveryBook::done(Monotonic now, const std::string& agent_id,
                                         std::uint64_t seq, std::string_view delivery_id) {
  DeliveryEffects effects;
  const std::uint64_t mark = mark_of(delivery_id);
  if (const auto live = live_.find(agent_id); live != live_.end()) {
    live->second.finish(now, link_, seq, mark, effects);
  } else if (const auto gone = retired_.find(agent_id); gone != retired_.end()) {
    gone->second.finish(now, link_, seq, mark, effects);
  } else {
    ++counters_.stray_outcomes;
  }
  return settle(now, std::move(effects));
}

DeliveryBook::Actions DeliveryBook::failed(Monotonic now, const std::string& agent_id,
                                           std::uint64_t seq, const std::string& delivery_id) {
  DeliveryEffects effects;
  if (const auto live = live_.find(agent_id); live != live_.end()) {
    live->second.fail(now, link_, seq, delivery_id, effects);
  } else if (!retired_.contains(agent_id)) {
    ++counters_.stray_outcomes;
  }
  return settle(now, std::move(effects));
}

void DeliveryBook::listed(Monotonic now, const std::set<std::string>& agent_ids) {
  for (auto& [id, mailbox] : live_) mailbox.listed(now, agent_ids.contains(id));
}

DeliveryBook::Actions DeliveryBook::on_time(Monotonic now) {
  DeliveryEffects effects;
  for (auto& [id, mailbox] : live_) mailbox.on_time(now, link_, effects);
  for (auto& [id, stranger] : strangers_) {
    const std::size_t before = effects.actions.size();
    stranger.on_time(now, link_, effects);
    bury_surfaced(now, stranger, before, effects);
  }
  return settle(now, std::move(effects));
}

std::optional<Monotonic> DeliveryBook::next_deadline() const {
  if (!link_.up) return std::nullopt;
  std::optional<Monotonic> first;
  const auto consider = [&](std::optional<Monotonic> at) {
    if (at && (!first || *at < *first)) first = at;
  };
  if (resync_at_) {
    consider(last_resync_ ? std::max(*resync_at_, *last_resync_ + kResyncPause) : *resync_at_);
  }
  for (const auto& [id, mailbox] : live_) consider(mailbox.next_deadline(link_));
  for (const auto& [id, stranger] : strangers_) consider(stranger.next_deadline(link_));
  return first;
}

BookState DeliveryBook::state() const {
  BookState state;
  for (const auto& [id, mailbox] : live_) {
    state.live.push_back({id, mailbox.agent_name(), mailbox.state()});
  }
  for (const auto& id : retired_order_) {
    const auto gone = retired_.find(id);
    if (gone != retired_.end()) state.retired.push_back({id, {}, gone->second.state()});
  }
  for (const auto& id : strangers_order_) {
    const auto& stranger = strangers_.at(id);
    state.strangers.push_back({id, stranger.agent_name(), stranger.state()});
  }
  return state;
}

std::optional<std::uint64_t> DeliveryBook::cursor_of(const std::string& agent_id) const {
  const auto live = live_.find(agent_id);
  if (live == live_.end()) return std::nullopt;
  return live->second.cursor();
}

void DeliveryBook::count(Verdict verdict) {
  switch (verdict) {
    case Verdict::duplicate: ++counters_.duplicate; break;
    case Verdict::stale: ++counters_.stale; break;
    case Verdict::queue_full: ++counters_.queue_full; break;
    case Verdict::identity_rejected: ++counters_.identity_rejected; break;
    case Verdict::retired: ++counters_.retired; break;
    case Verdict::surfaced:  // these two are counted where they end, which may be later
    case Verdict::unknown_agent:
    case Verdict::held:
    case Verdict::held_for_spawn: break;
  }
}

/// The mailbox of an id: live, brought back from retirement, known as a stranger, or made.
Mailbox& DeliveryBook::open_mailbox(Monotonic now, const std::string& agent_id,
                                    const std::string& agent_name, DeliveryEffects& out) {
  if (const auto live = live_.find(agent_id); live != live_.end()) return live->second;
  // A new identity under a name: whoever had the name is gone.
  if (const auto holder = id_of_name_.find(agent_name); holder != id_of_name_.end()) {
    retire(std::string(holder->second));
  }
  if (auto gone = retired_.extract(agent_id); !gone.empty()) {
    std::erase(retired_order_, agent_id);
    gone.mapped().forget_unfinished(now);
    return live_.insert(std::move(gone)).position->second;
  }
  if (const auto stranger = strangers_.extract(agent_id); !stranger.empty()) {
    std::erase(strangers_order_, agent_id);
    // What was held for it comes again.
    out.want_resync(now);
    return live_
        .try_emplace(agent_id, agent_id, std::string(), policy_, counters_,
                     *stranger.mapped().state(), now)
        .first->second;
  }
  return live_.try_emplace(agent_id, agent_id, std::string(), policy_, counters_).first->second;
}

void DeliveryBook::bind(Mailbox& mailbox, const std::string& agent_name) {
  if (mailbox.agent_name() == agent_name) return;
  if (!mailbox.agent_name().empty()) id_of_name_.erase(mailbox.agent_name());
  if (const auto holder = id_of_name_.find(agent_name); holder != id_of_name_.end()) {
    live_.at(holder->second).rename({});
  }
  for (auto& [id, stranger] : strangers_) {
    if (stranger.agent_name() == agent_name) stranger.rename({});
  }
  id_of_name_[agent_name] = mailbox.agent_id();
  mailbox.rename(agent_name);
}

void DeliveryBook::retire(const std::string& agent_id) {
  auto live = live_.extract(agent_id);
  if (live.empty()) return;
  Mailbox& mailbox = live.mapped();
  if (!mailbox.agent_name().empty()) id_of_name_.erase(mailbox.agent_name());
  // Without a name it acknowledges nothing: acks go by name, and the name may become another's.
  mailbox.rename({});
  retired_order_.push_back(agent_id);
  retired_.insert(std::move(live));
  if (retired_order_.size() <= kMostRetired) return;
  retired_.erase(retired_order_.front());
  retired_order_.pop_front();
}

/// Adds the node-wide resync when it is due.
DeliveryBook::Actions DeliveryBook::settle(Monotonic now, DeliveryEffects effects) {
  if (effects.resync_at && link_.up && (!resync_at_ || *effects.resync_at < *resync_at_)) {
    resync_at_ = effects.resync_at;
  }
  if (resync_at_ && now >= *resync_at_ && (!last_resync_ || now >= *last_resync_ + kResyncPause)) {
    resync_at_.reset();
    last_resync_ = now;
    effects.actions.emplace_back(Resync{});
  }
  return std::move(effects.actions);
}

}  // namespace relay::node_control
