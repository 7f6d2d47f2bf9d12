// Random schedules of faults against the delivery book. RELAY_BROKER_SEEDS=1000000 runs more of
// them, RELAY_BROKER_SEED=17 one of them with a trace.
#include <doctest/doctest.h>
#include <string>

#include "support/long_form.hpp"
#include "unit/node_control/delivery_world.hpp"

namespace relay::node_control {
namespace {}  // namespace

TEST_CASE("after any schedule each message was surfaced once, in order, and no agent is deaf") {
  const std::uint64_t seeds = test::long_form<std::uint64_t>("RELAY_BROKER_SEEDS", 20'000);
  const auto only = test::long_form<std::uint64_t>("RELAY_BROKER_SEED", 0);
  DeliveryWorld::Sums sums;
  for (std::uint64_t seed = only != 0 ? only : 1; seed <= (only != 0 ? only : seeds); ++seed) {
    DeliveryWorld world(seed, only != 0);
    const auto failure = world.run();
    const auto one = world.sums();
    sums.posted += one.posted;
    sums.late += one.late;
    sums.skipped += one.skipped;
    sums.restarts += one.restarts;
    sums.duplicates += one.duplicates;
    if (failure) FAIL("seed " << seed << ": " << *failure);
  }
  MESSAGE(sums.posted << " messages, " << sums.duplicates << " repeats, " << sums.skipped
                      << " holes, " << sums.late << " late, " << sums.restarts << " restarts");
  // A world without faults would prove nothing.
  if (only == 0 && seeds >= 1000) {
    CHECK(sums.duplicates > seeds);
    CHECK(sums.skipped > seeds / 100);
    CHECK(sums.restarts > seeds / 100);
  }
}

}  // namespace relay::node_control
