#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <functional>
#include <stdexcept>
#include <thread>

#include "bench/broker_contender.hpp"
#include "bench/broker_parts.hpp"

namespace relay::bench {
namespace {

constexpr int kAgents = 10;
constexpr int kStarts = 9;
constexpr int kIdleSeconds = 5;

/// A broker and how much it is given: the published ones are slow by design, so they get fewer
/// messages, and what is compared is the rate. Fewer than ten say more about how a burst begins.
struct Side {
  std::string name;
  std::string binary;
  std::size_t one_by_one;
  std::size_t burst;
  std::size_t burst_each;
};

double milliseconds(std::int64_t nanoseconds) {
  return static_cast<double>(nanoseconds) / 1e6;
}

/// Throws when they are not 1, 2, 3 …, each once.
void expect_in_order(const std::vector<MarkRead>& read, const Side& side) {
  for (std::size_t i = 0; i < read.size(); ++i) {
    if (read[i].number == 1 + i) continue;
    throw std::runtime_error(
        fmt::format("{}: message {} came where {} was due", side.name, read[i].number, 1 + i));
  }
}

std::string name_of(int agent) {
  return fmt::format("agent{}", agent);
}

class Beside {
 public:
  Beside(const BrokerBench& bench, int idle_seconds) : bench_(bench), idle_seconds_(idle_seconds) {
    start_.limit_beside(peer_9().name, 1);
    read_.limit_beside(peer_9().name, 30);
    ack_p99_.limit(50);
    one_.limit_beside(peer_9().name, 100);
    ten_.limit_beside(peer_9().name, 100);
    memory_.limit_beside(peer_9().name, 10);
    idle_.limit_beside(peer_9().name, 10);
  }

  void measure_start(const Side& side) {
    Contender broker(side.binary, bench_.reader);
    start_.add(side.name, broker.start());
    broker.stop();
  }
  void measure(const Side& side) {
    with_eleven(side);
    with_ten(side);
  }
  void skip(const std::string& name) {
    for (Question* each : all()) each->skip(name, kNoPeer);
  }
  void print(const Report& report) {
    for (const Question* each : all()) report.print(*each);
  }

 private:
  std::vector<Question*> all() {
    return {&start_, &read_, &ack_p50_, &ack_p99_, &one_, &ten_, &empty_, &memory_, &idle_};
  }

  void with_eleven(const Side& side) {
    Contender broker(side.binary, bench_.reader);
    start_.add(side.name, broker.start());
    // The first one brings what is needed once, and gets the messages that come one by one.
    broker.spawn(name_of(0));
    const double first = broker.memory();
    for (int i = 1; i <= kAgents; ++i) broker.spawn(name_of(i));
    empty_.add(side.name, first);
    memory_.add(side.name, (broker.memory() - first) / kAgents);
    const double before = broker.processor_time();
    std::this_thread::sleep_for(std::chrono::seconds(idle_seconds_));
    idle_.add(side.name, (broker.processor_time() - before) / 1e6 / idle_seconds_);
    one_by_one(broker, side);
    one_.add(side.name, burst(broker, side, 1, side.burst));
    broker.stop();
  }
  void with_ten(const Side& side) {
    Contender broker(side.binary, bench_.reader);
    (void)broker.start();
    for (int i = 1; i <= kAgents; ++i) broker.spawn(name_of(i));
    ten_.add(side.name, burst(broker, side, kAgents, side.burst_each));
    broker.stop();
  }
  void one_by_one(Contender& broker, const Side& side) {
    std::vector<double> acks;
    std::vector<double> reads;
    for (std::size_t i = 1; i <= side.one_by_one; ++i) {
      const std::int64_t before = now_ns();
      broker.send(name_of(0), i);
      const auto read = broker.read_by(name_of(0), i);
      reads.push_back(milliseconds(read.back().at - before));
      acks.push_back(milliseconds(broker.acknowledged(i) - before));
    }
    read_.add(side.name, median(reads));
    std::sort(acks.begin(), acks.end());
    ack_p50_.add(side.name, acks[acks.size() / 2]);
    if (acks.size() >= 100) {
      ack_p99_.add(side.name, acks[acks.size() * 99 / 100]);
    } else {
      ack_p99_.skip(side.name, fmt::format("{} messages are too few for it", acks.size()));
    }
  }
  /// Messages a second, `each` for each of `agents`, sent before the first is read.
  static double burst(Contender& broker, const Side& side, int agents, std::size_t each) {
    const std::int64_t start = now_ns();
    for (std::size_t i = 1; i <= each; ++i) {
      for (int agent = 1; agent <= agents; ++agent) broker.send(name_of(agent), i);
    }
    std::int64_t last = start;
    for (int agent = 1; agent <= agents; ++agent) {
      const auto read = broker.read_by(name_of(agent), each);
      expect_in_order(read, side);
      last = std::max(last, read.back().at);
    }
    const auto count = static_cast<double>(each) * agents;
    return count * 1e9 / static_cast<double>(last - start);
  }

  const BrokerBench& bench_;
  int idle_seconds_;
  Question start_{"start until the session stands and the engine knows the node", less("ms")};
  Question read_{"a message, from the engine until its agent has read it, median", less("ms")};
  Question ack_p50_{"the same until it is acknowledged, median", less("ms")};
  Question ack_p99_{"the same, p99", less("ms")};
  Question one_{"a burst for one agent, until it has read all", more("/s")};
  Question ten_{"a burst for ten agents, until all have read all", more("/s")};
  Question empty_{"memory with one agent, of all processes but the agent's", less("KiB")};
  Question memory_{"memory of another idle agent", less("KiB")};
  Question idle_{"processor time with 11 idle agents", less("ms in a second")};
};

}  // namespace

void brokers_beside(const Report& report, const BrokerBench& bench) {
  Beside beside(bench, bench.quick ? 2 : kIdleSeconds);
  // Each takes ten seconds to be acknowledged.
  constexpr std::size_t kFew = 1;
  std::vector<Side> sides{{std::string(kOurs), bench.ours, 200, 1000, 100},
                          {peer_9().name, peer_9().binary, 20, 20, 10},
                          {peer_12().name, peer_12().binary, kFew, kFew, 1}};
  std::vector<std::function<void()>> starts;
  std::vector<std::function<void()>> rounds;
  for (const Side& side : sides) {
    if (side.binary.empty()) {
      beside.skip(side.name);
      continue;
    }
    starts.emplace_back([&] { beside.measure_start(side); });
    rounds.emplace_back([&] { beside.measure(side); });
  }
  in_turns(bench.quick ? 2 : kStarts, starts);
  in_turns(bench.rounds, rounds);
  beside.print(report);
}

}  // namespace relay::bench
