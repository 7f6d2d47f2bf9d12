// F18: a broker is replaced by another one while messages are typed and agents print.
// RELAY_BROKER_AGENTS and RELAY_BROKER_UPGRADES in the environment make it long.
#include <algorithm>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <memory>
#include <string>
#include <vector>

#include "fault/fault_world.hpp"
#include "fault/output_reader.hpp"

namespace relay::test {
namespace {

constexpr int kAgentsAsked = 100;
constexpr int kUpgradesAsked = 100;

/// One that prints numbers, and who watches it, whichever broker has it.
struct Watched {
  std::string name;
  pid_t pid = 0;
  std::unique_ptr<OutputReader> reader;
  /// What each broker gave to who watched.
  std::vector<std::string> printed;
};

/// What is wrong with numbers that should be 1 and on.
struct Count {
  long numbers = 0;
  long missing = 0;
  long doubled = 0;

  /// `from_one`: nothing came before.
  void add(const std::string& printed, bool from_one) {
    long last = from_one ? 0 : -1;
    for (auto at = printed.find('<'); at != std::string::npos; at = printed.find('<', at + 1)) {
      // The last one may not have come whole.
      if (printed.find('>', at) == std::string::npos) break;
      const long number = std::atol(printed.c_str() + at + 1);
      ++numbers;
      if (last >= 0 && number > last + 1) missing += number - last - 1;
      if (number <= last) ++doubled;
      last = std::max(last, number);
    }
  }
};

struct UpgradeWorld : FaultWorld {
  void spawn_counting(int count) {
    for (int i = 0; i < count; ++i) {
      Watched fresh;
      fresh.name = fmt::format("agent-{}", i);
      spawn(fresh.name, "counts");
      fresh.pid = pid_of(fresh.name);
      agents.push_back(std::move(fresh));
    }
  }
  void watch_all() {
    const std::string socket = ask({"serve", "--print-connection"}, "/socket");
    for (auto& agent : agents) agent.reader = std::make_unique<OutputReader>(socket, agent.name);
  }
  /// What came until the broker has ended.
  void note_output() {
    for (auto& agent : agents) {
      agent.printed.push_back(agent.reader->read_to_end());
      CHECK_FALSE(agent.reader->is_cut());
    }
  }
  static std::string text_of(std::uint64_t number) {
    return fmt::format("#{}# {}", number, std::string(6'000, 'f'));
  }
  void send(int rounds) {
    for (int round = 0; round < rounds; ++round) {
      ++sent;
      for (const auto& agent : agents) dm(agent.name, text_of(sent));
    }
  }
  void upgrade() {
    auto old = std::move(broker);
    serve({"--takeover"});
    CHECK(old->wait_end() == os::ExitStatus::exited(0));
    note_output();
    watch_all();
  }

  std::vector<Watched> agents;
  std::uint64_t sent = 0;
};

}  // namespace

TEST_CASE_FIXTURE(UpgradeWorld, "F18: an upgrade in the middle of messages") {
  const int count = long_form("RELAY_BROKER_AGENTS", 6);
  const int cycles = long_form("RELAY_BROKER_UPGRADES", 3);
  serve();
  spawn_counting(count);
  watch_all();
  Duration longest{};
  for (int cycle = 0; cycle < cycles; ++cycle) {
    forget();
    send(3);
    upgrade();
    send(1);
    for (const auto& agent : agents) {
      wait_until([&] { return acked(agent.name) == sent; }, "all is acknowledged");
    }
    longest = std::max(longest, last_gap());
  }
  int died = 0;
  int lost = 0;
  int repeated = 0;
  int unmarked = 0;
  for (const auto& agent : agents) {
    if (pid_of(agent.name) != agent.pid) ++died;
    CAPTURE(agent.name);
    // An ack may come before the agent has written down what it reads.
    wait_until([&] { return !inputs_with(agent.name, text_of(sent)).empty(); },
               "all is written down");
    const auto all = inputs(agent.name);
    for (std::uint64_t number = 1; number <= sent; ++number) {
      const std::string text = text_of(number);
      int copies = 0;
      bool marked = false;
      for (const auto& input : all) {
        if (input.find(text) == std::string::npos) continue;
        ++copies;
        marked = input.find("possible repeat") != std::string::npos;
      }
      if (copies == 0) ++lost;
      if (copies < 2) continue;
      repeated += copies - 1;
      if (!marked) ++unmarked;
    }
  }
  CHECK(end(SIGTERM) == os::ExitStatus::exited(0));
  note_output();
  // Within what one broker gave, and over all of them.
  Count kept;
  Count printed;
  for (const auto& agent : agents) {
    std::string all_of_it;
    for (const auto& piece : agent.printed) {
      kept.add(piece, false);
      all_of_it += piece;
    }
    printed.add(all_of_it, true);
  }
  CHECK(died == 0);
  CHECK(lost == 0);
  CHECK(unmarked == 0);
  CHECK(repeated <= cycles * count);
  CHECK(printed.numbers > cycles * count);
  CHECK(kept.missing == 0);
  CHECK(kept.doubled == 0);
  CHECK(printed.doubled == 0);
  figure("F18",
         fmt::format("{} of {} upgrades under {} of {} agents: {} died, {} of {} messages "
                     "lost, {} repeated ({} unmarked), node away {:.0f} ms at most (less "
                     "than 500)",
                     cycles, kUpgradesAsked, count, kAgentsAsked, died, lost, sent * agents.size(),
                     repeated, unmarked, milliseconds(longest)),
         milliseconds(longest), 500);
  figure(
      "F18",
      fmt::format("{} numbers that they printed came to who watches, {} of them twice; {} "
                  "missing (at most 0) while one broker made room for the next, {} elsewhere",
                  printed.numbers, printed.doubled, printed.missing - kept.missing, kept.missing),
      static_cast<double>(printed.missing), 0);
}

}  // namespace relay::test
