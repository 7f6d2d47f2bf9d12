#include "node_control/reconnect_policy.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <vector>

namespace relay::node_control {
namespace {

using namespace std::chrono_literals;
using Step = ConnectFailure::Step;

const Monotonic kPolicyStart{1000s};

ConnectFailure failure(int status, Step step = Step::connect) {
  ConnectFailure one;
  one.step = step;
  one.status = status;
  one.reason = "status " + std::to_string(status);
  return one;
}

}  // namespace

TEST_CASE("the wait doubles from half a second to 30 s, jittered down to nothing") {
  SeededRandom random(1);
  ReconnectPolicy policy(random, true);
  for (const Duration ceiling : {Duration(500ms), Duration(1s), Duration(2s), Duration(4s),
                                 Duration(8s), Duration(16s), Duration(30s), Duration(30s)}) {
    const auto next = policy.failed(failure(0));
    CHECK(next.wait > Duration::zero());
    CHECK(next.wait <= ceiling);
    CHECK_FALSE(next.mint);
  }
}

TEST_CASE("an engine that restarts every few minutes is back within half a second each time") {
  SeededRandom random(2);
  ReconnectPolicy policy(random, true);
  for (int i = 0; i < 5; ++i) (void)policy.failed(failure(0));
  Monotonic now = kPolicyStart;
  for (int restart = 0; restart < 10; ++restart) {
    policy.established(now);
    now += 3min;
    CHECK(policy.lost(now).wait <= 500ms);
  }
}

TEST_CASE("connections that live less than 60 s do not start the waits anew") {
  SeededRandom random(3);
  ReconnectPolicy policy(random, true);
  Monotonic now = kPolicyStart;
  Duration longest{};
  for (int i = 0; i < 40; ++i) {
    policy.established(now);
    now += 59s;
    longest = std::max(longest, policy.lost(now).wait);
  }
  CHECK(longest > 15s);
}

TEST_CASE("a refused token is replaced at most 5 times in a row, then it is a hard error") {
  SeededRandom random(4);
  ReconnectPolicy policy(random, true);
  for (int i = 0; i < 5; ++i) {
    CHECK(policy.failed(failure(401)).mint);
    CHECK_FALSE(policy.hard_error());
  }
  for (int i = 0; i < 20; ++i) {
    const auto next = policy.failed(failure(401));
    CHECK_FALSE(next.mint);
    CHECK(next.wait >= 15s);
    CHECK(next.wait <= 30s);
  }
  REQUIRE(policy.hard_error());
  CHECK(policy.hard_error()->code == Code::token_rejected);
  CHECK(policy.hard_error()->message.find("status 401") != std::string::npos);
  policy.established(kPolicyStart);
  CHECK_FALSE(policy.hard_error());
}

TEST_CASE("a connection that establishes gives the token its 5 chances back") {
  SeededRandom random(5);
  ReconnectPolicy policy(random, true);
  CHECK(policy.failed(failure(401)).mint);
  CHECK(policy.failed(failure(401)).mint);
  policy.established(kPolicyStart);
  (void)policy.lost(kPolicyStart + 1s);
  for (int i = 0; i < 5; ++i) CHECK(policy.failed(failure(401)).mint);
  CHECK_FALSE(policy.failed(failure(401)).mint);
}

TEST_CASE("neither other failures nor a mint that worked give chances back") {
  SeededRandom random(6);
  ReconnectPolicy policy(random, true);
  for (int i = 0; i < 5; ++i) {
    CHECK(policy.failed(failure(401)).mint);
    CHECK_FALSE(policy.failed(failure(0)).mint);
    CHECK_FALSE(policy.failed(failure(503)).mint);
  }
  CHECK_FALSE(policy.failed(failure(401)).mint);
  policy.token_replaced();
  CHECK_FALSE(policy.hard_error());
  CHECK(policy.failed(failure(401)).mint);
}

TEST_CASE("minting honours the backoff") {
  SeededRandom random(7);
  ReconnectPolicy policy(random, true);
  Duration sum{};
  std::vector<Duration> ceilings{500ms, 1s, 2s, 4s, 8s};
  for (const auto ceiling : ceilings) {
    const auto next = policy.failed(failure(401));
    CHECK(next.mint);
    CHECK(next.wait <= ceiling);
    sum += next.wait;
  }
  CHECK(sum > 1s);
}

TEST_CASE("an operator's token is never replaced; the error says whose it is, the tries go on") {
  SeededRandom random(8);
  ReconnectPolicy policy(random, false);
  for (int i = 0; i < 10; ++i) {
    const auto next = policy.failed(failure(401));
    CHECK_FALSE(next.mint);
    CHECK(next.wait >= 15s);
  }
  REQUIRE(policy.hard_error());
  CHECK(policy.hard_error()->hint.find("RELAY_NODE_TOKEN") != std::string::npos);
}

TEST_CASE("403, 404 and 5xx of the handshake do not cost the token") {
  SeededRandom random(9);
  ReconnectPolicy policy(random, true);
  for (const int status : {403, 404, 500, 502, 301}) {
    CHECK_FALSE(policy.failed(failure(status)).mint);
  }
  CHECK(policy.rejections_in_a_row() == 0);
  CHECK_FALSE(policy.failed(failure(401, Step::mint)).mint);
  CHECK(policy.rejections_in_a_row() == 0);
}

TEST_CASE("an engine that says when to come back is obeyed, up to 5 minutes") {
  SeededRandom random(10);
  ReconnectPolicy policy(random, true);
  auto limited = failure(429);
  limited.retry_after = 60s;
  CHECK(policy.failed(limited).wait == 60s);
  limited.retry_after = 24h;
  CHECK(policy.failed(limited).wait == 5min);
}

TEST_CASE("at the first start what a new try cannot cure ends the process, the rest does not") {
  for (const int status : {400, 401, 403, 404, 409, 422}) {
    CAPTURE(status);
    CHECK(ReconnectPolicy::judge_start(failure(status, Step::mint)) == Start::fail);
  }
  for (const int status : {0, 408, 429, 500, 502, 503, 504}) {
    CAPTURE(status);
    CHECK(ReconnectPolicy::judge_start(failure(status, Step::mint)) == Start::degraded);
    CHECK(ReconnectPolicy::judge_start(failure(status, Step::connect)) == Start::degraded);
  }
  CHECK(ReconnectPolicy::judge_start(failure(401, Step::connect)) == Start::degraded);
  CHECK(ReconnectPolicy::judge_start(failure(403, Step::connect)) == Start::fail);
}

}  // namespace relay::node_control
