// One engine, two brokers of ours and the published one: where agents are started, what becomes of
// them when a node is lost, and messages between them all.
#include "interop/fleet.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "support/skipped.hpp"

namespace relay::test {
namespace {

using namespace std::chrono_literals;

/// A node whose socket closes is lost at once, one that is silent within 60 s.
constexpr Duration kLostWithin = 10s;

struct Two : Fleet {
  [[nodiscard]] std::unique_ptr<RunningProgram> node(const std::string& name,
                                                     const std::string& most) const {
    return serve(name, {"--name", name, "--harness", "reader", "--max-agents", most});
  }
  /// Spawns as a client of the engine does; "" is any node.
  [[nodiscard]] Reply spawn(const std::string& agent, const std::string& target = {}) const {
    const auto where = target.empty() ? "" : fmt::format(R"(,"target_node":"{}")", target);
    return ask("POST", "/v1/agents/spawn",
               fmt::format(R"({{"name":"{}","cli":"reader","task":""{}}})", agent, where));
  }
  [[nodiscard]] std::string state_of(const Reply& invoked) const {
    return ask("GET", "/v1/actions/spawn/invocations/" + invoked.at("/data/invocation_id"))
        .at("/data/status");
  }
  void wait_completed(const Reply& invoked) const {
    CAPTURE(invoked.body);
    REQUIRE(invoked.status == 201);
    wait_until([&] { return state_of(invoked) == "completed"; }, "the spawn is completed",
               kPatience, [&] { return state_of(invoked); });
  }
  [[nodiscard]] std::vector<std::string> agents_on(const std::string& node) const {
    const auto reply = ask("GET", "/v1/nodes/" + node + "/agents");
    std::vector<std::string> names;
    for (int i = 0;; ++i) {
      const auto name = reply.at(fmt::format("/data/{}/agent_name", i));
      if (name.empty()) break;
      names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  [[nodiscard]] std::string node_field(const std::string& node, const std::string& field) const {
    return ask("GET", "/v1/nodes/" + node).at("/data/" + field);
  }
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE_FIXTURE(Two, "an agent is started on the node that is named, or the best, with room") {
  const auto left = node("left", "2");
  const auto right = node("right", "2");
  wait_completed(spawn("ada", "right"));
  CHECK(agents_on("right") == Names{"ada"});
  // The fewest agents.
  wait_completed(spawn("bob"));
  CHECK(agents_on("left") == Names{"bob"});
  wait_completed(spawn("cyd", "right"));
  const auto full = spawn("dan", "right");
  CHECK(full.status == 503);
  CHECK(full.at("/error/code") == "handler_unavailable");
  wait_completed(spawn("dan"));
  CHECK(agents_on("left") == Names{"bob", "dan"});
  CHECK(spawn("eve").status == 503);
  CHECK(spawn("eve", "nowhere").status == 404);
  // A place that becomes free is one for the next.
  const auto released = ask("POST", "/v1/agents/release", R"({"name":"cyd"})");
  CHECK(released.status == 201);
  wait_until([this] { return agents_on("right") == Names{"ada"}; }, "cyd is gone");
  wait_completed(spawn("eve", "right"));
  CHECK(agents_on("right") == Names{"ada", "eve"});
}

TEST_CASE_FIXTURE(Two, "a node is lost: what it had to start is started elsewhere, at once") {
  auto left = node("left", "0");
  const auto right = node("right", "0");
  wait_completed(spawn("ada", "left"));
  wait_completed(spawn("bob", "right"));
  wait_completed(spawn("cyd", "right"));
  // It is the best, and does not answer.
  left->signal(SIGSTOP);
  const auto asked = spawn("dan");
  CHECK(asked.at("/data/dispatched_node_id") == node_field("left", "id"));
  left->signal(SIGKILL);
  (void)left->wait_end();
  wait_completed(asked);
  CHECK(agents_on("right") == Names{"bob", "cyd", "dan"});
  wait_until([this] { return node_field("left", "live") == "false"; }, "lost", kLostWithin);
  CHECK(node_field("left", "status") == "offline");
  CHECK(ask("GET", "/v1/agents/ada").at("/data/status") == "offline");

  // Its keeper too: ada is no more. One who asks for it waits for it to come back.
  end_all_with(log_of("ada"));
  end_all_with((temp / "left").string());
  const auto waits = spawn("eve", "left");
  CHECK(waits.status == 201);
  CHECK(state_of(waits) != "completed");
  left = node("left", "0");
  wait_completed(waits);
  const auto on_left = agents_on("left");
  CHECK(std::find(on_left.begin(), on_left.end(), "eve") != on_left.end());
}

TEST_CASE_FIXTURE(Two, "brokers of both kinds at one engine: messages between all their agents") {
  if (!published_broker()) {
    return skip("the published broker is not installed, ./dev interop installs it");
  }
  const auto left = node("left", "0");
  const auto right = node("right", "0");
  Published published(*this, port());
  published.start();
  const auto nodes = [this] {
    const auto reply = ask("GET", "/v1/nodes");
    std::size_t brokers = 0;
    for (int i = 0; !reply.at(fmt::format("/data/{}/name", i)).empty(); ++i) {
      const auto at = [&](const char* field) {
        return reply.at(fmt::format("/data/{}/{}", i, field));
      };
      if (at("role") == "broker" && at("live") == "true") ++brokers;
    }
    return brokers;
  };
  wait_until([&] { return nodes() == 3; }, "three nodes live");
  wait_completed(spawn("ada", "left"));
  wait_completed(spawn("bob", "right"));
  published.spawn("cyd");
  const Names all{"ada", "bob", "cyd"};
  std::vector<std::string> tokens;
  for (const auto& name : all) tokens.push_back(token_of(name));
  constexpr std::size_t kRounds = 5;
  std::vector<std::vector<std::size_t>> expected(all.size());
  std::size_t number = 0;
  for (std::size_t round = 0; round < kRounds; ++round) {
    for (std::size_t from = 0; from < all.size(); ++from) {
      for (std::size_t to = 0; to < all.size(); ++to) {
        if (to == from) continue;
        send(tokens[from], all[to], ++number);
        expected[to].push_back(number);
      }
    }
  }
  for (std::size_t i = 0; i < all.size(); ++i) wait_read(all[i], expected[i]);
}

TEST_CASE_FIXTURE(Two, "from POST /v1/dm to the agent's program, through engine and two brokers") {
  const auto left = node("left", "0");
  const auto right = node("right", "0");
  wait_completed(spawn("ada", "left"));
  wait_completed(spawn("bob", "right"));
  const auto token = token_of("ada");
  constexpr std::size_t kMessages = 100;
  std::vector<double> took;
  for (std::size_t number = 1; number <= kMessages; ++number) {
    const auto begun = bench::now_ns();
    send(token, "bob", number);
    wait_until([&] { return read_by("bob").size() >= number; }, "read by bob");
    took.push_back(static_cast<double>(bench::marks_in(log_of("bob")).back().at - begun) / 1e6);
  }
  std::sort(took.begin(), took.end());
  MESSAGE("POST /v1/dm to read: p50 " << took[took.size() / 2] << " ms, p90 "
                                      << took[took.size() * 9 / 10] << " ms, most " << took.back()
                                      << " ms");
}

}  // namespace relay::test
