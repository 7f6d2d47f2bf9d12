#include "engine/placement.hpp"

#include <doctest/doctest.h>

#include "engine/refusal.hpp"

namespace relay::engine {
namespace {

using namespace std::chrono_literals;

const Wall kNow{1767225600s};

Node node(const std::string& name, double load, std::uint32_t active, std::uint32_t most = 0) {
  Node node;
  node.name = name;
  node.load = load;
  node.active_agents = active;
  node.max_agents = most;
  node.online = true;
  node.handlers_live = true;
  node.heartbeat = kNow;
  node.capabilities.emplace_back().name = "spawn:claude";
  return node;
}

std::vector<std::string> names(const std::vector<Node>& nodes) {
  std::vector<std::string> found;
  for (const auto& each : nodes) found.push_back(each.name);
  return found;
}

using Names = std::vector<std::string>;

std::string verdict(const Node& target) {
  const auto judged = judge_target(target, "spawn:claude", kNow);
  if (!judged) return std::string(name_of(refusal_of(judged.error())));
  return *judged == TargetVerdict::dispatch ? "dispatch" : "wait";
}

}  // namespace

TEST_CASE("a node is live by its heartbeat, not by its status, and not by the future") {
  Node each = node("n", 0, 0);
  CHECK(is_live(each, kNow + 45s));
  CHECK_FALSE(is_live(each, kNow + 46s));
  CHECK_FALSE(is_live(each, kNow - 1s));
  each.online = false;
  CHECK_FALSE(is_live(each, kNow));
  each.online = true;
  each.heartbeat.reset();
  CHECK_FALSE(is_live(each, kNow));
}

TEST_CASE("least load first, then fewest agents with those on their way, then by name") {
  Node reserved = node("c", 0.1, 1);
  reserved.reserved = 1;
  const auto order =
      ranked({node("e", 0.5, 0), reserved, node("d", 0.1, 1), node("b", 0.1, 2), node("a", 0.1, 1)},
             "spawn:claude", true, kNow);
  CHECK(names(order) == Names{"a", "d", "b", "c", "e"});
}

TEST_CASE("who is full, silent, without handlers or without the capability takes nobody") {
  Node full = node("full", 0, 2, 2);
  Node half = node("half", 0, 1, 2);
  Node promised = node("promised", 0, 1, 2);
  promised.reserved = 1;
  Node silent = node("silent", 0, 0);
  silent.heartbeat = kNow - 46s;
  Node down = node("down", 0, 0);
  down.handlers_live = false;
  Node other = node("other", 0, 0);
  other.capabilities[0].name = "spawn:codex";
  const std::vector<Node> all{full, half, promised, silent, down, other};
  CHECK(names(ranked(all, "spawn:claude", true, kNow)) == Names{"half"});
  // What takes no place is done by one that is full, too.
  CHECK(names(ranked(all, "spawn:claude", false, kNow)) == Names{"half", "full", "promised"});
}

TEST_CASE("a target must have the capability; one that is away is waited for") {
  CHECK(verdict(node("n", 0, 0)) == "dispatch");
  Node away = node("n", 0, 0);
  away.online = false;
  CHECK(verdict(away) == "wait");
  Node down = node("n", 0, 0);
  down.handlers_live = false;
  CHECK(verdict(down) == "wait");
  CHECK(verdict(node("n", 0, 1, 1)) == "handler_unavailable");
  Node other = node("n", 0, 0);
  other.capabilities.clear();
  CHECK(verdict(other) == "capability_mismatch");
}

}  // namespace relay::engine
