#include "node_control/outbox.hpp"

#include <algorithm>
#include <utility>

#include "wire/node_frames.hpp"

namespace relay::node_control {

std::string result_frame(const std::string& invocation_id,
                         std::variant<wire::Json, std::string> outcome) {
  wire::ActionResult result;
  result.invocation_id = invocation_id;
  result.outcome = std::move(outcome);
  std::string frame = wire::encode(result);
  if (frame.size() <= wire::kInboundLimits.max_bytes) return frame;
  result.outcome = std::string("output_too_large");
  return wire::encode(result);
}

InvokeVerdict Outbox::invoked(const std::string& invocation_id, bool takes_new) {
  const auto known = entries_.find(invocation_id);
  const bool sent = known != entries_.end() && known->second.phase == Phase::sent;
  // Before that it may have been asked before our answer was read.
  if (sent && known->second.passed_on && known->second.settled) {
    sent_bytes_ -= known->second.frame.size();
    std::erase(sent_, invocation_id);
    entries_.erase(known);
  } else if (known != entries_.end()) {
    // One that waits to be written answers this repeat as well.
    return sent ? InvokeVerdict::answer_again : InvokeVerdict::in_flight;
  }
  if (!takes_new || unsent() >= kMostUnsent) return InvokeVerdict::busy;
  entries_.emplace(invocation_id, Entry());
  ++in_flight_;
  return InvokeVerdict::run;
}

bool Outbox::finished(const std::string& invocation_id, std::string frame, bool passed_on) {
  const auto entry = entries_.find(invocation_id);
  if (entry == entries_.end() || entry->second.phase != Phase::in_flight) return false;
  entry->second.phase = Phase::to_send;
  entry->second.frame = std::move(frame);
  entry->second.passed_on = passed_on;
  --in_flight_;
  to_send_.push_back(invocation_id);
  return true;
}

bool Outbox::restored(const std::string& invocation_id, std::string frame) {
  if (unsent() >= kMostUnsent) return false;
  Entry entry;
  entry.phase = Phase::to_send;
  entry.frame = std::move(frame);
  if (entries_.emplace(invocation_id, std::move(entry)).second) to_send_.push_back(invocation_id);
  return true;
}

std::vector<std::string> Outbox::settled(Monotonic now) {
  std::vector<std::string> out;
  for (const std::string& id : sent_) {
    Entry& entry = entries_.at(id);
    if (now < entry.written + kInDoubt) break;
    if (!std::exchange(entry.settled, true)) out.push_back(id);
  }
  return out;
}

void Outbox::answer_again(const std::string& invocation_id) {
  const auto entry = entries_.find(invocation_id);
  if (entry == entries_.end() || entry->second.phase != Phase::sent) return;
  std::erase(sent_, invocation_id);
  sent_bytes_ -= entry->second.frame.size();
  entry->second.phase = Phase::to_send;
  to_send_.push_back(invocation_id);
}

void Outbox::ack(const AckToSend& ack) {
  auto& kept = acks_[ack.agent_id];
  const std::uint64_t highest = std::max(kept.up_to_seq, ack.up_to_seq);
  kept = ack;
  kept.up_to_seq = highest;
}

void Outbox::forget_acks_of(const std::string& agent_id) {
  acks_.erase(agent_id);
}

std::vector<ResultToSend> Outbox::results_to_send() const {
  std::vector<ResultToSend> results;
  results.reserve(to_send_.size());
  for (const auto& id : to_send_) results.push_back({id, entries_.at(id).frame});
  return results;
}

std::vector<AckToSend> Outbox::take_acks() {
  std::vector<AckToSend> acks;
  acks.reserve(acks_.size());
  for (auto& [id, ack] : acks_) acks.push_back(std::move(ack));
  acks_.clear();
  return acks;
}

void Outbox::written(Monotonic now, const std::string& invocation_id) {
  const auto entry = entries_.find(invocation_id);
  if (entry == entries_.end() || entry->second.phase != Phase::to_send) return;
  entry->second.phase = Phase::sent;
  entry->second.written = now;
  std::erase(to_send_, invocation_id);
  sent_.push_back(invocation_id);
  sent_bytes_ += entry->second.frame.size();
  trim();
}

void Outbox::disconnected(Monotonic now) {
  // Newest last; those in doubt are at the end and go in front of what was never written.
  while (!sent_.empty()) {
    auto& entry = entries_.at(sent_.back());
    if (now >= entry.written + kInDoubt) break;
    entry.phase = Phase::to_send;
    sent_bytes_ -= entry.frame.size();
    to_send_.push_front(std::move(sent_.back()));
    sent_.pop_back();
  }
}

void Outbox::trim() {
  while (sent_.size() > 1 && (sent_.size() > kMostSent || sent_bytes_ > kMostSentBytes)) {
    const auto oldest = entries_.find(sent_.front());
    sent_bytes_ -= oldest->second.frame.size();
    entries_.erase(oldest);
    sent_.pop_front();
  }
}

}  // namespace relay::node_control
