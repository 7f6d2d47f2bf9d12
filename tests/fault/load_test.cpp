// F25: many messages that wait for one, many agents that do nothing. RELAY_BROKER_IDLE and
// RELAY_BROKER_QUEUED in the environment say how many.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "fault/fault_world.hpp"
#include "support/sanitized.hpp"

namespace relay::test {
namespace {

using namespace std::chrono_literals;

}  // namespace

TEST_CASE_FIXTURE(FaultWorld, "F25: one who is deaf to a heap of messages, and many who are idle") {
  const int idle = long_form("RELAY_BROKER_IDLE", 5);
  const int queued = long_form("RELAY_BROKER_QUEUED", 100);
  serve({"--max-agents", std::to_string(idle + 2)});
  spawn("ada", "paste");
  spawn("deaf", "deaf");
  for (int i = 0; i < idle; ++i) spawn(fmt::format("idle-{}", i), "paste");
  for (int i = 0; i < queued; ++i) dm("deaf", fmt::format("#{}# {}", i, std::string(300, 'j')));
  settle();
  const auto pending = [&] { return ask({"status"}, "/agents/1/pending_messages"); };
  wait_until([&] { return pending() == std::to_string(queued); }, "all of them wait");

  // What is left of the deliveries counts as well, and for more where it is slow.
  const auto watched = std::chrono::milliseconds(idle > 100 || kSanitized ? 5'000 : 300);
  const double busy = busy_for(broker->pid(), watched);
  // A loop that turns for nothing would use all of a processor.
  CHECK(busy < 20);

  const std::string socket = ask({"serve", "--print-connection"}, "/socket");
  std::vector<Duration> took;
  for (int i = 0; i < (idle > 100 ? 500 : 20); ++i) {
    const std::string body = fmt::format(R"({{"to":"ada","text":"~{}~"}})", i);
    const std::string request = fmt::format(
        "POST /api/send HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Length: {}\r\nConnection: close\r\n\r\n{}",
        body.size(), body);
    const auto from = SystemClock().now();
    const std::string answer = ask_socket(socket, request);
    took.push_back(SystemClock().now() - from);
    CAPTURE(answer);
    REQUIRE(answer.starts_with("HTTP/1.1 2"));
  }
  CHECK(pending() == std::to_string(queued));
  CHECK(acked("deaf") == 0);
  CHECK(inputs("deaf").empty());
  figure("F25",
         fmt::format("{} messages wait for one agent, {} agents are idle: broker {:.1f} % of a "
                     "processor (less than 1)",
                     queued, idle, busy),
         busy, 1);
  figure("F25",
         fmt::format("a message to another one: median {:.1f} ms, p99 {:.1f} ms (less than "
                     "10)",
                     median(took), p99(took)),
         p99(took), 10);
}

}  // namespace relay::test
