#include "engine/invocation.hpp"

#include <doctest/doctest.h>

namespace relay::engine {
namespace {

using namespace std::chrono_literals;

const Wall kStart{1767225600s};
using Ids = std::vector<Id>;

Invocation on_node(Id node, bool place_held = true) {
  Invocation invocation;
  dispatch(invocation, node, place_held, kStart);
  return invocation;
}

}  // namespace

TEST_CASE("a dispatch that nobody answers is due after 30 s") {
  const auto invocation = on_node(7);
  CHECK(invocation.state == InvocationState::dispatched);
  CHECK(invocation.dispatched == kStart);
  CHECK_FALSE(is_due(invocation, kStart + 29s));
  CHECK(is_due(invocation, kStart + 30s));
}

TEST_CASE(
    "a wait longer than any wait is was made by a clock that has gone back since: it is over") {
  const auto invocation = on_node(7);
  CHECK_FALSE(is_due(invocation, kStart - 30s));
  CHECK(is_due(invocation, kStart - 31s));
  CHECK(is_due(invocation, kStart - 24h));
}

TEST_CASE("only the node that has it can end it, once; its place is free then") {
  auto invocation = on_node(7);
  CHECK(node_answered(invocation, 8, "1", std::nullopt, kStart).verdict == ResultVerdict::ignored);
  const auto ended = node_answered(invocation, 7, "[1,2]", std::nullopt, kStart + 1s);
  CHECK(ended.verdict == ResultVerdict::ended);
  CHECK(ended.freed.node == 7);
  CHECK(invocation.state == InvocationState::completed);
  CHECK(invocation.output == "[1,2]");
  CHECK(invocation.completed == kStart + 1s);
  const auto again = node_answered(invocation, 7, "null", "late", kStart + 2s);
  CHECK(again.verdict == ResultVerdict::ignored);
  CHECK(again.freed.node == 0);
  CHECK(invocation.state == InvocationState::completed);
  CHECK_FALSE(is_due(invocation, kStart + 1h));
}

TEST_CASE("an error ends it as failed, but handlers that are down pass it on") {
  auto failed = on_node(7, false);
  const auto ended = node_answered(failed, 7, "", "no such file", kStart);
  CHECK(ended.verdict == ResultVerdict::ended);
  CHECK(ended.freed.node == 0);
  CHECK(failed.state == InvocationState::failed);
  CHECK(failed.error == "no such file");
  auto passed = on_node(7);
  const auto elsewhere = node_answered(passed, 7, "", "handler_unavailable", kStart);
  CHECK(elsewhere.verdict == ResultVerdict::elsewhere);
  CHECK(elsewhere.freed.node == 7);
  CHECK(passed.state == InvocationState::pending);
  CHECK(is_due(passed, kStart));
}

TEST_CASE("a node that is lost gives it back at once; the late answer of it is nothing") {
  auto invocation = on_node(7);
  CHECK(take_back(invocation, kStart).node == 7);
  CHECK(is_due(invocation, kStart));
  CHECK(choices(invocation, {7, 8, 9}, false) == Ids{8, 9});
  dispatch(invocation, 8, true, kStart);
  CHECK(node_answered(invocation, 7, "1", std::nullopt, kStart).verdict == ResultVerdict::ignored);
  CHECK(node_answered(invocation, 8, "1", std::nullopt, kStart).verdict == ResultVerdict::ended);
  CHECK(take_back(invocation, kStart).node == 0);
}

TEST_CASE("when all have had it, it waits longer each time, and then may go back to them") {
  auto invocation = on_node(7, false);
  (void)take_back(invocation, kStart);
  CHECK(choices(invocation, {7}, false).empty());
  Wall now = kStart;
  const Duration waits[] = {10s, 20s, 40s, 60s, 60s};
  for (const auto wait : waits) {
    put_off(invocation, now);
    CHECK(invocation.state == InvocationState::pending);
    CHECK(invocation.retry_after == now + wait);
    now += wait;
  }
  CHECK(choices(invocation, {7, 8}, true) == Ids{8, 7});
}

TEST_CASE("the first wait of one that found nobody is 5 s") {
  Invocation fresh;
  put_off(fresh, kStart);
  CHECK(fresh.retry_after == kStart + 5s);
}

TEST_CASE("one that waits for its node has no time, and goes to no other one") {
  Invocation invocation;
  wait_for(invocation, 7);
  CHECK(is_open(invocation));
  CHECK_FALSE(is_due(invocation, kStart + 24h));
  CHECK(choices(invocation, {8, 7}, false) == Ids{7});
  dispatch(invocation, 7, true, kStart);
  (void)take_back(invocation, kStart);
  CHECK(invocation.node == 7);
  CHECK(choices(invocation, {8, 7}, false) == Ids{7});
}

TEST_CASE("an agent ends its own once, with any output") {
  Invocation invocation;
  CHECK(agent_answered(invocation, "null", std::nullopt, 12.5, kStart));
  CHECK(invocation.output == "null");
  CHECK(invocation.duration_ms == 12.5);
  CHECK_FALSE(agent_answered(invocation, "1", std::nullopt, std::nullopt, kStart));
}

}  // namespace relay::engine
