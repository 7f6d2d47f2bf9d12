// F18: a broker is replaced by another one while messages are typed.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "fault/fault_world.hpp"

namespace relay::test {

TEST_CASE_FIXTURE(FaultWorld, "F18: an upgrade in the middle of messages") {
  const int count = long_form("RELAY_BROKER_AGENTS", 6);
  const int cycles = long_form("RELAY_BROKER_UPGRADES", 3);
  serve();
  std::vector<std::string> names;
  std::vector<pid_t> pids;
  for (int i = 0; i < count; ++i) {
    names.push_back(fmt::format("agent-{}", i));
    spawn(names.back(), "paste");
    pids.push_back(pid_of(names.back()));
  }
  std::uint64_t sent = 0;
  const auto send = [&](int rounds) {
    for (int round = 0; round < rounds; ++round) {
      ++sent;
      for (const auto& name : names) {
        dm(name, fmt::format("#{}# {}", sent, std::string(6'000, 'f')));
      }
    }
  };
  Duration longest{};
  for (int cycle = 0; cycle < cycles; ++cycle) {
    forget();
    send(3);
    auto old = std::move(broker);
    serve({"--takeover"});
    CHECK(old->wait_end() == os::ExitStatus::exited(0));
    send(1);
    for (const auto& name : names) {
      until([&] { return acked(name) == sent; }, "all is acknowledged");
    }
    longest = std::max(longest, last_gap());
  }
  int repeated = 0;
  int unmarked = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    CHECK(pid_of(names[i]) == pids[i]);
    for (std::uint64_t number = 1; number <= sent; ++number) {
      const std::string text = fmt::format("#{}# {}", number, std::string(6'000, 'f'));
      until([&] { return !inputs_with(names[i], text).empty(); }, "it is written down");
      const auto found = inputs_with(names[i], text);
      if (found.size() < 2) continue;
      repeated += static_cast<int>(found.size()) - 1;
      if (found.back().find("possible repeat") == std::string::npos) ++unmarked;
    }
  }
  CHECK(unmarked == 0);
  figure("F18",
         fmt::format("{} upgrades under {} agents: 0 died, 0 of {} messages lost, {} "
                     "repeated ({} unmarked), node away {:.0f} ms at most (less than 500)",
                     cycles, count, sent * names.size(), repeated, unmarked, milliseconds(longest)),
         milliseconds(longest), 500);
}

}  // namespace relay::test
