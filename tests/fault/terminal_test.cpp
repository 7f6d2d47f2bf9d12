// F9 to F12: programs that do not read, read lines, die, or print without end.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <iterator>
#include <unistd.h>

#include "fault/fault_world.hpp"
#include "support/bytes_of.hpp"
#include "support/sanitized.hpp"

namespace relay::test {
namespace {

using namespace std::chrono_literals;

struct TerminalWorld : FaultWorld {
  TerminalWorld() { serve(); }

  /// Sends messages one by one; from frame to ack.
  std::vector<Duration> talk(const std::string& name, int messages) {
    forget();
    for (int i = 0; i < messages; ++i) {
      const std::uint64_t next = acked(name) + 1;
      dm(name, fmt::format("~{}~", ++said));
      wait_until([&] { return acked(name) >= next; }, "it is acknowledged");
    }
    return ack_times(name);
  }
  int said = 0;
};

}  // namespace

TEST_CASE_FIXTURE(TerminalWorld, "F9: who does not read holds up nobody, and nothing is lost") {
  spawn("ada", "paste");
  spawn("deaf", "deaf");
  // A p99 takes more messages than there is time for each time.
  const int messages = long_form("RELAY_BROKER_MESSAGES", 20);
  const bool is_p99 = messages >= 100;
  const auto judged = [&](const std::vector<Duration>& times) {
    return is_p99 ? p99(times) : median(times);
  };
  const auto before = talk("ada", messages);
  const std::string text = "#1# " + std::string(40'000, 'c') + " #/1#";
  dm("deaf", text);
  settle();
  const auto with = talk("ada", messages);
  CHECK(acked("deaf") == 0);
  // In the long form for longer than a program is believed to be slow.
  const auto deaf_for =
      std::chrono::milliseconds(600) + std::chrono::seconds(long_form("RELAY_BROKER_DEAF", 0));
  const double busy = busy_for(broker->pid(), deaf_for);
  const auto later = talk("ada", messages);
  CHECK(acked("deaf") == 0);
  CHECK(ask({"status"}, "/agents/1/pending_messages") == "1");
  CHECK(ask({"dead-letters", "list"}, "/total") == "0");
  // A loop that turns for nothing would use all of a processor.
  CHECK(busy < 20);
  // Whoever waits for the deaf one waits for as long as it is deaf.
  CHECK(median(with) < 5 * median(before) + 300);
  CHECK(median(later) < 5 * median(before) + 300);
  const pid_t deaf = pid_of("deaf");
  REQUIRE(deaf > 0);
  ::kill(deaf, SIGUSR1);
  wait_until([&] { return acked("deaf") == 1; }, "it is read after all");
  wait_until([&] { return inputs_with("deaf", text).size() == 1; }, "whole, and once");
  figure("F9",
         fmt::format(
             "40 kB to a program that does not read for {:.1f} s: queued until it reads, then "
             "whole; others' ack: {} of {} {:.1f} ms, before {:.1f} ms (at most 5 more{}); slowest "
             "{:.1f} ms, before {:.1f}; broker {:.1f} % of a processor",
             seconds(deaf_for), is_p99 ? "p99" : "median", messages, judged(with), judged(before),
             is_p99 ? "" : "; the p99 with --long", worst(with), worst(before), busy),
         judged(with) - judged(before), 5);
}

TEST_CASE_FIXTURE(TerminalWorld, "F10: no line is cut that is longer than a terminal keeps") {
  spawn("ada", "lines");
  const std::string long_line = "#1# " + std::string(10'000, 'd') + " #/1#";
  dm("ada", long_line);
  wait_until([&] { return acked("ada") == 1; }, "the long one is acknowledged");
  std::vector<std::string> told;
  wait_until(
      [&] { return !(told = inputs_with("ada", "Read the whole text in the file ")).empty(); },
      "it is told where the text is");
  const std::string& line = told.front();
  const std::size_t from = line.find('/', line.find("in the file"));
  const std::string path = line.substr(from, line.find(' ', from) - from);
  CHECK(bytes_of(path).starts_with(long_line));

  std::string many;
  for (int i = 0; i < 5; ++i) many += fmt::format("#{}# {}\n", i, std::string(2'000, 'e'));
  dm("ada", many);
  wait_until([&] { return acked("ada") == 2; }, "the one of many lines is acknowledged");
  for (int i = 0; i < 5; ++i) {
    const std::string wanted = fmt::format("#{}# {}", i, std::string(2'000, 'e'));
    wait_until([&] { return inputs_with("ada", wanted).size() == 1; }, "each line is read whole");
  }
  figure("F10", fmt::format("a line of {} B in canonical mode: read from a file, whole; {} B in "
                            "lines of 2 kB: each read whole",
                            long_line.size(), many.size()));
}

TEST_CASE_FIXTURE(TerminalWorld, "F11: who dies between the text and Enter has not got it") {
  spawn("ada", "quits");
  dm("ada", "#1#");
  wait_until([&] { return ask({"dead-letters", "list"}, "/total") == "1"; },
             "there is a dead letter");
  const std::string reason = ask({"dead-letters", "list"}, "/dead_letters/0/reason");
  CHECK(reason == "worker_exited");
  CHECK(inputs("ada").empty());
  // Its end is recorded before the engine may forget it.
  wait_until([&] { return acked("ada") == 1; }, "the engine is told");
  const std::string metrics =
      ask_socket(ask({"serve", "--print-connection"}, "/socket"),
                 "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  const auto of_ada = [&](const std::string& name) {
    const std::string line = "\nrelay_broker_agent_" + name + "_total{agent=\"ada\"} ";
    const auto at = metrics.find(line);
    REQUIRE(at != std::string::npos);
    return std::stoi(metrics.substr(at + line.size()));
  };
  const int submitted = of_ada("submitted");
  const int typed = of_ada("typed");
  CHECK(submitted == 0);
  CHECK(typed == 0);
  CHECK(of_ada("dead") == 1);
  figure("F11", fmt::format("killed by its text: {} submitted, {} typed, {} dead letter ({})",
                            submitted, typed, ask({"dead-letters", "list"}, "/total"), reason));
}

TEST_CASE_FIXTURE(TerminalWorld,
                  "F12: ten that print without end: memory stays, others are served") {
  spawn("ada", "paste");
  const auto before = talk("ada", 10);
  constexpr int kPrinters = 10;
  for (int i = 0; i < kPrinters; ++i) spawn(fmt::format("printer-{}", i), "prints");
  // Their rings are full by now.
  (void)talk("ada", 10);
  std::vector<pid_t> printers;
  for (int i = 0; i < kPrinters; ++i) printers.push_back(pid_of(fmt::format("printer-{}", i)));
  const auto printed = [&] {
    std::uint64_t sum = 0;
    for (const pid_t pid : printers) sum += written_by(pid);
    return sum;
  };
  const std::uint64_t first = resident_kib(broker->pid());
  const std::uint64_t printed_first = printed();
  const auto from = SystemClock().now();
  const auto with = talk("ada", long_form("RELAY_BROKER_MESSAGES", 30));
  const double rate = static_cast<double>(printed() - printed_first) / (1U << 20U) /
                      seconds(SystemClock().now() - from);
  const std::uint64_t last = resident_kib(broker->pid());
  // Served are others also by who lets the printers wait.
  if (!kSanitized) CHECK(rate > 1);
  if (!kSanitized) CHECK(last < first + 4096);
  figure(
      "F12",
      fmt::format(
          "{} printers, {:.0f} MiB/s together: broker {} -> {} KiB; others' ack median {:.1f} ms, "
          "slowest of {} {:.1f} ms (less than 50; before: {:.1f}, {:.1f})",
          kPrinters, rate, first, last, median(with), with.size(), worst(with), median(before),
          worst(before)),
      worst(with), 50);
}

}  // namespace relay::test
