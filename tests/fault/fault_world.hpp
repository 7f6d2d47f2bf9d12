#pragma once

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "os/fd.hpp"
#include "support/figure.hpp"
#include "support/long_form.hpp"
#include "support/run_binary.hpp"
#include "support/temp_dir.hpp"
#include "support/wait_until.hpp"

namespace relay::test {

class FakeEngineThread;

/// A broker in a process of its own that can be killed and started again, agents that write down
/// what they read, and an engine. Everything is gone at the end.
class FaultWorld {
 public:
  FaultWorld();
  ~FaultWorld();
  FaultWorld(const FaultWorld&) = delete;
  FaultWorld& operator=(const FaultWorld&) = delete;

  /// A command of the program under test: `relay-broker-faults`, which is relay-broker but for one
  /// function.
  [[nodiscard]] os::Command command(const std::vector<std::string>& arguments) const;
  [[nodiscard]] RunResult run(const std::vector<std::string>& arguments) const;
  /// The same with `--json`: a field of what it prints, as text; "absent" when there is none.
  [[nodiscard]] std::string ask(std::vector<std::string> arguments, std::string_view pointer) const;

  /// Starts a broker and waits until it is ready.
  void serve(const std::vector<std::string>& more = {});
  /// Ends it with this signal, and waits for that.
  os::ExitStatus end(int signal_number = SIGKILL);

  /// An agent that runs `fault-program WAY`; its inputs go into a file. `as`: what it is called by,
  /// which is what its profile goes by.
  void spawn(const std::string& name, const std::string& way,
             const std::string& as = "fault-program");
  /// What the agent has taken as inputs so far.
  [[nodiscard]] std::vector<std::string> inputs(const std::string& name) const;
  /// Of these, those that hold this text.
  [[nodiscard]] std::vector<std::string> inputs_with(const std::string& name,
                                                     std::string_view text) const;
  /// When it has taken each of these.
  [[nodiscard]] std::vector<Monotonic> input_times(const std::string& name) const;
  [[nodiscard]] pid_t pid_of(const std::string& name) const;

  /// A message from bob.
  void dm(const std::string& to, const std::string& text);
  /// The messages for this agent that the engine knows to be read.
  [[nodiscard]] std::uint64_t acked(const std::string& name);
  /// The number that the engine gave to the last message for this agent.
  [[nodiscard]] std::uint64_t last_number(const std::string& name);
  /// When the engine was told that all up to a number are read, since `forget`.
  [[nodiscard]] std::vector<std::pair<Monotonic, std::uint64_t>> acks(const std::string& name);
  /// From the frame to the ack that covers it, for each message since `forget`, sorted.
  [[nodiscard]] std::vector<Duration> ack_times(const std::string& name);
  /// How long the node was away the last time; zero when it never was.
  [[nodiscard]] Duration last_gap();
  /// The engine releases this agent and does not get the result; the invocation's id.
  std::string lose_result_of_release(const std::string& node, const std::string& name);
  /// The next result of an action: its invocation and its output.
  std::string next_result();
  /// Both ways: what the engine had sent has been taken by the broker, what it sent was heard.
  void settle();
  /// What was said so far is forgotten.
  void forget();

  TempDir temp;
  os::Environment environment = temp.environment();
  std::filesystem::path directory = temp / "project";
  std::unique_ptr<RunningProgram> broker;
  std::unique_ptr<FakeEngineThread> engine;
};

/// One request to a Unix socket on a connection of its own: the connection; the whole answer.
[[nodiscard]] os::Fd send_to_socket(const std::string& path, const std::string& request);
[[nodiscard]] std::string ask_socket(const std::string& path, const std::string& request);

/// What the process has used of a processor, in clock ticks, and of memory, in KiB.
[[nodiscard]] std::uint64_t cpu_ticks(pid_t pid);
[[nodiscard]] std::uint64_t resident_kib(pid_t pid);

/// Bytes that the process has written, to whatever it is.
[[nodiscard]] std::uint64_t written_by(pid_t pid);

/// What the process uses of a processor from now for this long, in hundredths.
[[nodiscard]] double busy_for(pid_t pid, Duration time);

[[nodiscard]] double milliseconds(Duration time);
[[nodiscard]] double seconds(Duration time);
/// Of some times, which need no order and are not none, in milliseconds.
[[nodiscard]] double median(std::vector<Duration> times);
[[nodiscard]] double p99(std::vector<Duration> times);
[[nodiscard]] double worst(const std::vector<Duration>& times);

}  // namespace relay::test
