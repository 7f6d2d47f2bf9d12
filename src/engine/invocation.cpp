#include "engine/invocation.hpp"

#include <algorithm>
#include <utility>

#include "wire/node_frames.hpp"

namespace relay::engine {
namespace {

Freed free_place(Invocation& invocation) {
  if (!std::exchange(invocation.place_held, false)) return {};
  return {invocation.node};
}

void end(Invocation& invocation, const std::string& output, const std::optional<std::string>& error,
         Wall now) {
  invocation.state = error ? InvocationState::failed : InvocationState::completed;
  invocation.output = error ? std::string() : output;
  invocation.error = error;
  invocation.completed = now;
  invocation.retry_after.reset();
}

}  // namespace

bool is_open(const Invocation& invocation) {
  return invocation.state == InvocationState::pending ||
         invocation.state == InvocationState::dispatched;
}

bool is_due(const Invocation& invocation, Wall now) {
  if (!is_open(invocation) || !invocation.retry_after) return false;
  return *invocation.retry_after <= now || *invocation.retry_after > now + kLastRetry;
}

void dispatch(Invocation& invocation, Id node, bool place_held, Wall now) {
  invocation.state = InvocationState::dispatched;
  invocation.node = node;
  invocation.place_held = place_held;
  invocation.dispatched = now;
  // An agent takes the time it needs; a node that is silent does not have it.
  invocation.retry_after.reset();
  if (invocation.handler_agent == 0) invocation.retry_after = now + kDispatchTimeout;
  ++invocation.attempts;
  auto& had = invocation.attempted;
  if (std::find(had.begin(), had.end(), node) == had.end()) had.push_back(node);
}

void put_off(Invocation& invocation, Wall now) {
  invocation.state = InvocationState::pending;
  invocation.node = 0;
  invocation.dispatched.reset();
  const auto doublings = std::min<std::uint32_t>(invocation.attempts, 8);
  ++invocation.attempts;
  invocation.retry_after = now + std::min<Duration>(kFirstRetry * (1U << doublings), kLastRetry);
}

void wait_for(Invocation& invocation, Id node) {
  invocation.state = InvocationState::pending;
  invocation.node = node;
  invocation.target = node;
  invocation.dispatched.reset();
  invocation.retry_after.reset();
}

Freed take_back(Invocation& invocation, Wall now) {
  if (!is_open(invocation)) return {};
  const Freed freed = free_place(invocation);
  invocation.state = InvocationState::pending;
  invocation.node = invocation.target;
  invocation.dispatched.reset();
  invocation.retry_after = now;
  return freed;
}

ResultOutcome node_answered(Invocation& invocation, Id node, const std::string& output,
                            const std::optional<std::string>& error, Wall now) {
  if (invocation.state != InvocationState::dispatched || invocation.node != node) return {};
  if (error == wire::kHandlerUnavailable) {
    return {ResultVerdict::elsewhere, take_back(invocation, now)};
  }
  const Freed freed = free_place(invocation);
  end(invocation, output, error, now);
  return {ResultVerdict::ended, freed};
}

bool agent_answered(Invocation& invocation, const std::string& output,
                    const std::optional<std::string>& error, std::optional<double> duration_ms,
                    Wall now) {
  if (!is_open(invocation)) return false;
  end(invocation, output, error, now);
  invocation.duration_ms = duration_ms;
  return true;
}

void give_up(Invocation& invocation, const std::string& why, Wall now) {
  if (is_open(invocation)) end(invocation, {}, why, now);
}

std::vector<Id> choices(const Invocation& invocation, const std::vector<Id>& ranked, bool again) {
  const auto& had = invocation.attempted;
  std::vector<Id> fresh;
  std::vector<Id> used;
  for (const Id node : ranked) {
    if (invocation.target != 0 && invocation.target != node) continue;
    const bool was_there = std::find(had.begin(), had.end(), node) != had.end();
    (was_there && invocation.target == 0 ? used : fresh).push_back(node);
  }
  if (again) fresh.insert(fresh.end(), used.begin(), used.end());
  return fresh;
}

}  // namespace relay::engine
