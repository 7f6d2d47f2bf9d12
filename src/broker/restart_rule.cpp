#include "broker/restart_rule.hpp"

namespace relay::broker {

RestartDecision decide_restart(const RestartRule& rule, std::uint32_t restarts,
                               std::uint32_t failures_in_row, Duration ran, bool success) {
  RestartDecision out;
  out.failures_in_row = success || ran >= kHealthyRun ? 0 : failures_in_row + 1;
  if (!rule.enabled) {
    out.reason = "not_asked_for";
  } else if (restarts >= rule.max_restarts) {
    out.reason = "too_many_restarts";
  } else if (out.failures_in_row >= rule.max_consecutive_failures && out.failures_in_row > 0) {
    out.reason = "too_many_failures";
  } else {
    out.after = rule.cooldown;
  }
  return out;
}

}  // namespace relay::broker
