#include "broker/activity.hpp"

#include <utility>

namespace relay::broker {

void Activity::start(Monotonic now, Wall wall) {
  last_ = now;
  last_wall_ = wall;
  readiness_ = pty::Readiness::booting;
  blocked_by_.clear();
  was_ready_ = false;
  moved_ = false;
  idle_ = false;
  exited_ = false;
}

void Activity::output(Monotonic now, Wall wall) {
  last_ = now;
  last_wall_ = wall;
  moved_ = true;
  idle_ = false;
}

Activity::Change Activity::readiness(pty::Readiness readiness, std::string blocked_by) {
  readiness_ = readiness;
  blocked_by_ = std::move(blocked_by);
  const bool ready = readiness == pty::Readiness::ready || readiness == pty::Readiness::busy;
  if (!ready || was_ready_) return Change::none;
  was_ready_ = true;
  return Change::ready;
}

Activity::Change Activity::on_time(Monotonic now) {
  const auto at = next_deadline();
  if (!at || now < *at) return Change::none;
  idle_ = true;
  return Change::idle;
}

std::optional<Monotonic> Activity::next_deadline() const {
  if (exited_ || idle_ || !moved_ || idle_after_ <= Duration::zero()) return std::nullopt;
  return last_ + idle_after_;
}

AgentState Activity::state() const {
  if (exited_) return AgentState::exited;
  if (readiness_ == pty::Readiness::blocked) return AgentState::blocked;
  if (!was_ready_) return AgentState::starting;
  if (readiness_ == pty::Readiness::busy) return AgentState::working;
  return idle_ || !moved_ ? AgentState::idle : AgentState::working;
}

}  // namespace relay::broker
