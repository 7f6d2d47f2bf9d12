#include "broker/restart_rule.hpp"

#include <doctest/doctest.h>

namespace relay::broker {

using namespace std::chrono_literals;

TEST_CASE("a program is started again only if that was asked for") {
  RestartRule rule;
  CHECK_FALSE(decide_restart(rule, 0, 0, 1s, false).after);
  rule.enabled = true;
  CHECK(decide_restart(rule, 0, 0, 1s, false).after == rule.cooldown);
  CHECK(decide_restart(rule, 0, 0, 1s, false).failures_in_row == 1);
}

TEST_CASE("it is given up after too many restarts, or too many failures in a row") {
  RestartRule rule;
  rule.enabled = true;
  CHECK(decide_restart(rule, 4, 0, 1s, true).after);
  CHECK(decide_restart(rule, 5, 0, 1s, true).reason == "too_many_restarts");
  CHECK(decide_restart(rule, 0, 1, 1s, false).after);
  CHECK(decide_restart(rule, 0, 2, 1s, false).reason == "too_many_failures");
  CHECK(decide_restart(rule, 0, 2, 60s, false).failures_in_row == 0);
  CHECK(decide_restart(rule, 0, 2, 60s, false).after);
  CHECK(decide_restart(rule, 0, 2, 1s, true).after);
}

}  // namespace relay::broker
