#include "broker/activity.hpp"

#include <doctest/doctest.h>

namespace relay::broker {

using namespace std::chrono_literals;
using pty::Readiness;
using Change = Activity::Change;

TEST_CASE("an agent from its start to its end") {
  FakeClock clock;
  Activity agent(30s);
  agent.start(clock.now(), clock.wall());
  CHECK(agent.state() == AgentState::starting);
  CHECK(agent.readiness(Readiness::booting, "") == Change::none);
  CHECK(agent.readiness(Readiness::blocked, "trust") == Change::none);
  CHECK(agent.state() == AgentState::blocked);
  CHECK(agent.blocked_by() == "trust");
  CHECK(agent.readiness(Readiness::ready, "") == Change::ready);
  CHECK(agent.readiness(Readiness::ready, "") == Change::none);
  CHECK(agent.state() == AgentState::idle);
  agent.output(clock.now(), clock.wall());
  CHECK(agent.state() == AgentState::working);
  agent.exited();
  CHECK(agent.state() == AgentState::exited);
  CHECK_FALSE(agent.next_deadline());
  agent.start(clock.now(), clock.wall());
  CHECK(agent.state() == AgentState::starting);
  CHECK(agent.readiness(Readiness::busy, "") == Change::ready);
  CHECK(agent.state() == AgentState::working);
}

TEST_CASE("silence is told once, and again after something came") {
  FakeClock clock;
  Activity agent(30s);
  agent.start(clock.now(), clock.wall());
  CHECK(agent.readiness(Readiness::ready, "") == Change::ready);
  CHECK_FALSE(agent.next_deadline());
  agent.output(clock.now(), clock.wall());
  CHECK(agent.next_deadline() == clock.now() + 30s);
  clock.advance(29s);
  CHECK(agent.on_time(clock.now()) == Change::none);
  clock.advance(1s);
  CHECK(agent.on_time(clock.now()) == Change::idle);
  CHECK(agent.on_time(clock.now()) == Change::none);
  CHECK(agent.state() == AgentState::idle);
  CHECK(agent.quiet(clock.now()) == 30s);
  agent.output(clock.now(), clock.wall());
  CHECK(agent.state() == AgentState::working);
  clock.advance(30s);
  CHECK(agent.on_time(clock.now()) == Change::idle);
}

TEST_CASE("zero means that silence is never told") {
  FakeClock clock;
  Activity agent(0s);
  agent.start(clock.now(), clock.wall());
  agent.output(clock.now(), clock.wall());
  CHECK_FALSE(agent.next_deadline());
}

}  // namespace relay::broker
