#include "node_control/tunnel_state.hpp"

#include <doctest/doctest.h>
#include <stdexcept>
#include <string>
#include <vector>

namespace relay::node_control {
namespace {

using namespace std::chrono_literals;

/// Collects the reports as the words on the wire.
struct Watch {
  void note(const TunnelState::Report& report) {
    if (!report) return;
    said.emplace_back(name_of(report->state));
    CHECK(report->at > last);
    last = report->at;
  }
  void trying() { note(tunnel.trying(clock.now(), clock.wall())); }
  void accepted() { note(tunnel.accepted(clock.now(), clock.wall())); }
  void lost() { note(tunnel.lost(clock.now(), clock.wall())); }
  void pass(Duration time) {
    clock.advance(time);
    note(tunnel.on_time(clock.now(), clock.wall()));
  }

  FakeClock clock;
  TunnelState tunnel;
  std::vector<std::string> said;
  Wall last{};
};

using Said = std::vector<std::string>;

}  // namespace

TEST_CASE("nothing is known before the first event; no engine configured is disabled, said once") {
  Watch w;
  CHECK(name_of(w.tunnel.state()) == "unknown");
  w.note(w.tunnel.not_configured(w.clock.wall()));
  w.note(w.tunnel.not_configured(w.clock.wall()));
  w.lost();
  CHECK(w.said == Said{"disabled"});
}

TEST_CASE("the first tries are initial, those after a success are recovery") {
  Watch w;
  w.trying();
  w.lost();
  w.trying();
  w.accepted();
  w.lost();
  w.trying();
  w.accepted();
  CHECK(w.said == Said{"connecting_initial", "connected", "connecting_recovery", "connected"});
}

TEST_CASE("without a connection for 5 minutes the node is disconnected, at the deadline itself") {
  Watch w;
  w.trying();
  w.accepted();
  CHECK_FALSE(w.tunnel.next_deadline());
  w.lost();
  REQUIRE(w.tunnel.next_deadline());
  CHECK(*w.tunnel.next_deadline() == w.clock.now() + 5min);
  w.pass(5min - 1ms);
  CHECK(w.said.back() == "connecting_recovery");
  w.pass(1ms);
  CHECK(w.said.back() == "disconnected");
  CHECK_FALSE(w.tunnel.next_deadline());
}

TEST_CASE("given up is sticky: later tries say nothing until one is accepted") {
  Watch w;
  w.trying();
  w.accepted();
  w.lost();
  w.pass(5min);
  for (int i = 0; i < 3; ++i) {
    w.trying();
    w.clock.advance(30s);
    w.lost();
  }
  CHECK(w.said == Said{"connecting_initial", "connected", "connecting_recovery", "disconnected"});
  w.trying();
  w.accepted();
  w.lost();
  CHECK(w.said.size() == 6);
  CHECK(w.said.back() == "connecting_recovery");
}

TEST_CASE("failed tries do not extend the 5 minutes, and the first connection has them as well") {
  Watch w;
  for (int i = 0; i < 10; ++i) {
    w.trying();
    w.lost();
    w.pass(30s);
  }
  CHECK(w.said == Said{"connecting_initial", "disconnected"});
}

TEST_CASE("a wall clock that is set back does not make a report older than the one before") {
  Watch w;
  w.trying();
  w.clock.jump_wall(-24h);
  w.accepted();
  w.clock.jump_wall(-24h);
  w.lost();
  CHECK(w.said.size() == 3);
}

TEST_CASE("who leaves on purpose is disconnected at once") {
  Watch w;
  w.trying();
  w.accepted();
  w.note(w.tunnel.leaving(w.clock.wall()));
  w.lost();
  CHECK(w.said.back() == "disconnected");
  CHECK(w.said.size() == 3);
}

TEST_CASE("a subscriber that throws disturbs neither the others nor the caller") {
  TunnelSubscribers subscribers;
  std::vector<int> told;
  subscribers.add([&](const TunnelReport&) { told.push_back(1); });
  subscribers.add([](const TunnelReport&) { throw std::runtime_error("broken"); });
  subscribers.add([](const TunnelReport&) { throw 7; });
  subscribers.add([&](const TunnelReport&) { told.push_back(4); });
  CHECK(subscribers.tell(TunnelReport{Tunnel::connected, {}}) == 2);
  CHECK(told == std::vector<int>{1, 4});
}

}  // namespace relay::node_control
