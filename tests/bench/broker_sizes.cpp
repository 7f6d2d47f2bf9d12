#include <array>
#include <fmt/format.h>

#include "bench/broker_contender.hpp"
#include "bench/broker_parts.hpp"

namespace relay::bench {
namespace {

constexpr std::array kSizes{1, 10, 100, 1000};
constexpr int kMostInShort = 100;
/// Of the last ones that are started at each size.
constexpr int kStartsMeasured = 10;
constexpr std::size_t kMessages = 50;

std::string nth(int agent) {
  return fmt::format("agent{}", agent);
}

}  // namespace

void broker_sizes(const Report& report, const BrokerBench& bench) {
  Contender broker(bench.ours, bench.reader);
  (void)broker.start();
  const double empty = broker.memory();
  int there = 0;
  for (const int size : kSizes) {
    if (bench.quick && size > kMostInShort) break;
    std::vector<std::string> others;
    while (there < size - kStartsMeasured) others.push_back(nth(++there));
    broker.spawn_all(others);
    std::vector<double> starts;
    while (there < size) starts.push_back(broker.spawn(nth(++there)));
    std::vector<double> reads;
    for (std::size_t i = 1; i <= kMessages; ++i) {
      const std::int64_t before = now_ns();
      broker.send(nth(size), i);
      reads.push_back(static_cast<double>(broker.read_by(nth(size), i).back().at - before) / 1e6);
    }
    const auto of = size == 1 ? std::string("1 agent") : fmt::format("{} agents", in_short(size));
    const auto ours = [&](std::string_view what, const std::vector<double>& figures, Unit unit) {
      Question question(fmt::format("with {}: {}", of, what), std::move(unit));
      question.add(kOurs, figures);
      report.print(question);
    };
    ours("start of the last, until its program runs", starts, less("ms"));
    ours("a message to it, until it is read", reads, less("ms"));
    ours("memory of the broker, each", {(broker.memory() - empty) / size}, less("KiB"));
  }
  broker.stop();
}

}  // namespace relay::bench
