// The parts of `bench-broker`.
#pragma once

#include <string>
#include <vector>

#include "bench/peers.hpp"
#include "bench/report.hpp"

namespace relay::bench {

/// What a bench of brokers is about: ours, and how long it may take.
struct BrokerBench {
  std::string ours;
  /// The program that agents run, this bench itself.
  std::string reader;
  int rounds = 3;
  bool quick = false;
};

/// Start, messages, memory and idle time of ours and the published ones.
void brokers_beside(const Report& report, const BrokerBench& bench);

/// The same of one broker with 1, 10, 100 and 1,000 agents.
void broker_sizes(const Report& report, const BrokerBench& bench);

}  // namespace relay::bench
