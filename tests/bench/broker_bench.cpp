// The broker beside the published ones, each with a fake engine of its own, in turns, and what it
// costs with more agents: `bench-broker [--json] [--quick] [--only beside|sizes] [--rounds N]`.
// RELAY_BROKER_BINARY names ours. The fake engine reports to doctest; here it has nobody to tell.
#define DOCTEST_CONFIG_IMPLEMENT
#include <cstdio>
#include <cstdlib>
#include <doctest/doctest.h>
#include <exception>
#include <filesystem>
#include <string>

#include "bench/broker_contender.hpp"
#include "bench/broker_parts.hpp"
#include "bench/broker_reader.hpp"

int main(int argc, char** argv) {
  relay::bench::BrokerBench bench;
  bool json = false;
  int rounds = 0;
  std::string only;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    const bool value = i + 1 < argc;
    if (name == "--read-marks" && value) return relay::bench::read_marks(argv[i + 1]);
    if (name == "--json") {
      json = true;
    } else if (name == "--quick") {
      bench.quick = true;
    } else if (name == "--rounds" && value) {
      rounds = std::atoi(argv[++i]);
    } else if (name == "--only" && value) {
      only = argv[++i];
    } else {
      std::fprintf(stderr,
                   "usage: bench-broker [--json] [--quick] [--only beside|sizes] [--rounds N]\n");
      return 2;
    }
  }
  const char* const ours = std::getenv("RELAY_BROKER_BINARY");
  if (ours == nullptr) {
    std::fprintf(stderr, "bench-broker: RELAY_BROKER_BINARY is not set\n");
    return 1;
  }
  bench.ours = std::filesystem::canonical(ours).string();
  bench.reader = std::filesystem::read_symlink("/proc/self/exe").string();
  bench.rounds = rounds > 0 ? rounds : bench.quick ? 1 : 3;
  relay::bench::end_contenders_by_signal();
  const relay::bench::Report report("broker", json);
  try {
    if (only.empty() || only == "beside") relay::bench::brokers_beside(report, bench);
    if (only.empty() || only == "sizes") relay::bench::broker_sizes(report, bench);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench-broker: %s\n", error.what());
    return 1;
  }
  return 0;
}
