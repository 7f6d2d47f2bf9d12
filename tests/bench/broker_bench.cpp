// The broker beside the published one, each with a fake engine of its own, in turns:
// `bench-broker [--json] [--rounds N] [--starts N] [--messages N] [--peer-messages N] [--idle
// SECONDS]`. RELAY_BROKER_BINARY names ours. The published one is slow by design: it gets fewer
// messages, and what is compared is the rate. The fake engine reports to doctest; here it has
// nobody to tell.
#define DOCTEST_CONFIG_IMPLEMENT
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <doctest/doctest.h>
#include <exception>
#include <filesystem>
#include <fmt/format.h>
#include <functional>
#include <map>
#include <stdexcept>
#include <thread>

#include "bench/broker_contender.hpp"
#include "bench/report.hpp"

namespace relay::bench {
namespace {

constexpr int kAgents = 10;
constexpr std::size_t kOneByOne = 200;
/// Fewer say more about how a burst begins.
constexpr std::size_t kLeastEach = 10;

struct Options {
  bool json = false;
  int rounds = 3;
  /// Beside the first of each round.
  int starts = 9;
  std::size_t messages = 1000;
  std::size_t peer_messages = 20;
  int idle_seconds = 10;
};

struct Side {
  std::string name;
  std::string binary;
  std::size_t one_by_one;
  std::size_t burst;
  std::map<std::string, std::vector<double>> figures;
};

double milliseconds(std::int64_t nanoseconds) {
  return static_cast<double>(nanoseconds) / 1e6;
}

/// Throws when they are not 1, 2, 3 …, each once.
void expect_in_order(const std::vector<MarkRead>& read, std::size_t first, const Side& side) {
  for (std::size_t i = 0; i < read.size(); ++i) {
    if (read[i].number == first + i) continue;
    throw std::runtime_error(
        fmt::format("{}: message {} came where {} was due", side.name, read[i].number, first + i));
  }
}

std::string name_of(int agent) {
  return fmt::format("agent{}", agent);
}

void one_by_one(Contender& broker, Side& side) {
  std::vector<double> acks;
  std::vector<double> reads;
  for (std::size_t i = 1; i <= side.one_by_one; ++i) {
    const std::int64_t before = now_ns();
    broker.send(name_of(0), i);
    const auto read = broker.read_by(name_of(0), i);
    reads.push_back(milliseconds(read.back().at - before));
    acks.push_back(milliseconds(broker.acknowledged(i) - before));
  }
  side.figures["read"].push_back(median(reads));
  std::sort(acks.begin(), acks.end());
  side.figures["ack p50"].push_back(acks[acks.size() / 2]);
  side.figures["ack p99"].push_back(acks[acks.size() * 99 / 100]);
}

/// Messages a second, `each` for each of `agents`, sent before the first is read.
double burst(Contender& broker, Side& side, int agents, std::size_t each, std::size_t before) {
  const std::int64_t start = now_ns();
  for (std::size_t i = 1; i <= each; ++i) {
    for (int agent = 1; agent <= agents; ++agent) broker.send(name_of(agent), before + i);
  }
  std::int64_t last = start;
  for (int agent = 1; agent <= agents; ++agent) {
    const auto read = broker.read_by(name_of(agent), before + each);
    expect_in_order(read, 1, side);
    last = std::max(last, read.back().at);
  }
  const auto count = static_cast<double>(each) * agents;
  return count * 1e9 / static_cast<double>(last - start);
}

void round(Side& side, const Options& options, const std::string& self) {
  Contender broker(side.binary, self);
  side.figures["start"].push_back(broker.start());
  // The first one brings what is needed once, and gets the messages that come one by one.
  broker.spawn(name_of(0));
  const double first = broker.memory();
  for (int i = 1; i <= kAgents; ++i) broker.spawn(name_of(i));
  side.figures["memory"].push_back((broker.memory() - first) / kAgents);
  side.figures["broker"].push_back(first);
  const double before = broker.processor_time();
  std::this_thread::sleep_for(std::chrono::seconds(options.idle_seconds));
  const double used = broker.processor_time() - before;
  side.figures["idle"].push_back(used / 1e6 / options.idle_seconds);
  one_by_one(broker, side);
  side.figures["burst 1"].push_back(burst(broker, side, 1, side.burst, 0));
  broker.stop();
}

void round_of_ten(Side& side, const std::string& self) {
  Contender broker(side.binary, self);
  (void)broker.start();
  for (int i = 1; i <= kAgents; ++i) broker.spawn(name_of(i));
  const std::size_t each = std::max(side.burst / kAgents, kLeastEach);
  side.figures["burst 10"].push_back(burst(broker, side, kAgents, each, 0));
  broker.stop();
}

/// Without links in it: its workers are told by the path that they run.
std::string peer_binary() {
  const auto path = std::filesystem::path(BENCH_INTEROP) /
                    "node_modules/@agent-relay/broker-linux-x64/bin/agent-relay-broker";
  return std::filesystem::exists(path) ? std::filesystem::canonical(path).string() : std::string();
}

void report_one(const Report& report, const Side& side) {
  for (const auto& [what, unit] : std::map<std::string, const char*>{{"start", "ms"},
                                                                     {"read", "ms"},
                                                                     {"ack p50", "ms"},
                                                                     {"ack p99", "ms"},
                                                                     {"burst 1", "/s"},
                                                                     {"burst 10", "/s"},
                                                                     {"broker", "KiB"},
                                                                     {"memory", "KiB per agent"},
                                                                     {"idle", "ms/s"}}) {
    report.row(fmt::format("  {}: {}", side.name, what), median(side.figures.at(what)), unit);
  }
}

void compare(const Report& report, Side& ours, Side& peer) {
  const auto ratio = [](Side& above, Side& below, const std::string& what) {
    return median(above.figures[what]) / std::max(median(below.figures[what]), 1e-9);
  };
  report.at_most("start to ready / peer", ratio(ours, peer, "start"), "times", 1);
  report.at_least("peer / deliver to read, p50", ratio(peer, ours, "read"), "times", 30);
  report.at_least("burst to one agent / peer", ratio(ours, peer, "burst 1"), "times", 100);
  report.at_least("burst to ten agents / peer", ratio(ours, peer, "burst 10"), "times", 100);
  report.at_least("peer / memory of another idle agent", ratio(peer, ours, "memory"), "times", 10);
  report.at_least("peer / idle processor time of 11 agents", ratio(peer, ours, "idle"), "times",
                  10);
}

void run(const Options& options, const std::string& self) {
  const Report report("broker", options.json);
  const char* binary = std::getenv("RELAY_BROKER_BINARY");
  if (binary == nullptr) throw std::runtime_error("RELAY_BROKER_BINARY is not set");
  Side ours{"ours", binary, kOneByOne, options.messages, {}};
  Side peer{"peer 9.1.6", peer_binary(), options.peer_messages, options.peer_messages, {}};
  std::vector<std::reference_wrapper<Side>> sides{ours};
  if (!peer.binary.empty()) sides.emplace_back(peer);
  for (int i = 0; i < options.starts; ++i) {
    for (Side& side : sides) {
      Contender broker(side.binary, self);
      side.figures["start"].push_back(broker.start());
      broker.stop();
    }
  }
  for (int i = 0; i < options.rounds; ++i) {
    for (Side& side : sides) {
      round(side, options, self);
      round_of_ten(side, self);
    }
  }
  if (options.rounds == 0) {
    for (Side& side : sides) {
      report.row(fmt::format("  {}: start", side.name), median(side.figures["start"]), "ms");
    }
    return;
  }
  for (const Side& side : sides) report_one(report, side);
  report.at_most("deliver to acknowledged with proof, p99", median(ours.figures["ack p99"]), "ms",
                 50);
  if (!peer.binary.empty()) compare(report, ours, peer);
}

}  // namespace
}  // namespace relay::bench

int main(int argc, char** argv) {
  relay::bench::Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--read-marks" && i + 1 < argc) return relay::bench::read_marks(argv[i + 1]);
    if (name == "--json") {
      options.json = true;
    } else if (i + 1 < argc) {
      const int value = std::atoi(argv[++i]);
      if (name == "--rounds") options.rounds = value;
      if (name == "--starts") options.starts = value;
      if (name == "--messages") options.messages = static_cast<std::size_t>(value);
      if (name == "--peer-messages") options.peer_messages = static_cast<std::size_t>(value);
      if (name == "--idle") options.idle_seconds = value;
    }
  }
  try {
    relay::bench::run(options, std::filesystem::read_symlink("/proc/self/exe").string());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench-broker: %s\n", error.what());
    return 1;
  }
  return 0;
}
