#include "node_control/liveness.hpp"

#include <algorithm>

namespace relay::node_control {

Liveness::Steps Liveness::connected(Monotonic now) {
  connected_ = true;
  open_.clear();
  heard_engine_ = now;
  heard_anything_ = now;
  heartbeat_at_ = now + policy_.heartbeat_every;
  Steps steps;
  ask(now, steps);
  steps.push_back({LivenessAction::heartbeat});
  return steps;
}

void Liveness::disconnected() {
  connected_ = false;
  open_.clear();
}

void Liveness::received(Monotonic now, bool from_engine) {
  heard_anything_ = now;
  if (from_engine) heard_engine_ = now;
}

void Liveness::answered(Monotonic now, std::uint64_t question) {
  received(now, true);
  while (!open_.empty() && open_.front().number <= question) open_.pop_front();
}

Liveness::Steps Liveness::sync_now(Monotonic now) {
  Steps steps;
  if (connected_) ask(now, steps);
  return steps;
}

Liveness::Steps Liveness::heartbeat_now(Monotonic now) {
  if (!connected_) return {};
  heartbeat_at_ = now + policy_.heartbeat_every;
  return {{LivenessAction::heartbeat}};
}

Liveness::Steps Liveness::on_time(Monotonic now) {
  if (!connected_) return {};
  // Before anything is written: a dead connection takes writes for minutes.
  if (const auto because = dead(now); because != DeadBecause::not_dead) {
    disconnected();
    return {{LivenessAction::drop, 0, because}};
  }
  Steps steps;
  const bool must_ask = !question_open() && now >= heard_engine_ + policy_.ask_after;
  if (must_ask || now >= inventory_at_) ask(now, steps);
  if (now >= heartbeat_at_) {
    heartbeat_at_ = now + policy_.heartbeat_every;
    steps.push_back({LivenessAction::heartbeat});
    steps.push_back({LivenessAction::ping});
  }
  return steps;
}

std::optional<Monotonic> Liveness::next_deadline() const {
  if (!connected_) return std::nullopt;
  Monotonic first = std::min(heartbeat_at_, inventory_at_);
  first = std::min(first, heard_anything_ + policy_.black_hole_after);
  if (question_open()) {
    first = std::min(first, open_.front().asked + policy_.answer_within);
    first = std::min(first, silent_at());
  } else {
    first = std::min(first, heard_engine_ + policy_.ask_after);
  }
  return first;
}

void Liveness::ask(Monotonic now, Steps& out) {
  open_.push_back({++questions_, now});
  inventory_at_ = now + policy_.inventory_every;
  out.push_back({LivenessAction::inventory, questions_});
}

/// With a question open. One that was asked late still has its time.
Monotonic Liveness::silent_at() const {
  const Duration rest = policy_.answer_within - policy_.ask_after;
  return std::max(heard_engine_ + policy_.answer_within, open_.front().asked + rest);
}

DeadBecause Liveness::dead(Monotonic now) const {
  if (now >= heard_anything_ + policy_.black_hole_after) return DeadBecause::black_hole;
  if (!question_open()) return DeadBecause::not_dead;
  if (now >= open_.front().asked + policy_.answer_within) return DeadBecause::no_answer;
  if (now >= silent_at()) return DeadBecause::silent;
  return DeadBecause::not_dead;
}

}  // namespace relay::node_control
