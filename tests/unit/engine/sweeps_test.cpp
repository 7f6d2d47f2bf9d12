#include "engine/sweeps.hpp"

#include <doctest/doctest.h>

namespace relay::engine {
namespace {

using namespace std::chrono_literals;

Monotonic after(Duration time) {
  return Monotonic(500s + time);
}

using Due = std::vector<Sweep>;

}  // namespace

TEST_CASE("nodes, invocations and mailboxes are looked at each 15 s, the rest more rarely") {
  Sweeps sweeps(after(0s));
  CHECK(sweeps.due(after(14s)).empty());
  CHECK(sweeps.next() == after(15s));
  CHECK(sweeps.due(after(15s)) == Due{Sweep::nodes, Sweep::invocations, Sweep::deliveries});
  CHECK(sweeps.due(after(15s)).empty());
  CHECK(sweeps.due(after(60s)).size() == 4);
  CHECK(sweeps.due(after(600s)).size() == 5);
}

TEST_CASE("a machine that slept sweeps once, not for each time it missed") {
  Sweeps sweeps(after(0s));
  CHECK(sweeps.due(after(24h)).size() == 5);
  CHECK(sweeps.due(after(24h)).empty());
  CHECK(sweeps.next() == after(24h + 15s));
}

TEST_CASE("a sweep that was not done goes on at once") {
  Sweeps sweeps(after(0s));
  (void)sweeps.due(after(600s));
  sweeps.again(Sweep::retention, after(601s));
  CHECK(sweeps.next() == after(601s));
  CHECK(sweeps.due(after(601s)) == Due{Sweep::retention});
}

}  // namespace relay::engine
