#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "os/fd.hpp"
#include "os/processes.hpp"

namespace relay::test {

/// More than any test needs, and less than a machine under load takes for ordinary things.
inline constexpr Duration kPatience = std::chrono::seconds(60);

/// The relay-broker that was built: RELAY_BROKER_BINARY, which meson sets. Throws when it is not.
[[nodiscard]] os::Path relay_broker();

/// A program that runs without a terminal while a test watches what it prints. Its input is given
/// at the start. Every wait has a deadline; one that passes, or an end that comes too early, throws
/// std::runtime_error with what was printed so far. The program and its group (it has a session of
/// its own) are killed at the end of the test.
class RunningProgram {
 public:
  explicit RunningProgram(os::Command command, std::string input = {});
  ~RunningProgram();
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;

  /// Waits until standard output has this text behind what an earlier wait has matched.
  void wait_for(std::string_view text, Duration at_most = kPatience);
  /// The same for standard error, from its beginning.
  void wait_for_err(std::string_view text, Duration at_most = kPatience);
  /// Waits until it has ended and nothing holds its output any more.
  os::ExitStatus wait_end(Duration at_most = kPatience);
  void signal(int number);
  /// Stops it, and returns when it stands still; SIGCONT lets it go on.
  void freeze();

  [[nodiscard]] pid_t pid() const { return process_->pid(); }
  [[nodiscard]] const std::string& out() const { return out_; }
  [[nodiscard]] const std::string& err() const { return err_; }

 private:
  /// Moves what is ready between us and the program; false when the deadline has passed.
  bool pump(Monotonic deadline);
  void feed();
  [[noreturn]] void give_up(std::string_view why) const;

  std::unique_ptr<os::Process> process_;
  std::string input_;
  os::Fd in_fd_;
  os::Fd out_fd_;
  os::Fd err_fd_;
  std::string out_;
  std::string err_;
  std::size_t matched_ = 0;
};

struct RunResult {
  os::ExitStatus status;
  std::string out;
  std::string err;
};

/// Runs a command to its end.
[[nodiscard]] RunResult run_program(os::Command command, std::string input = {},
                                    Duration at_most = kPatience);

/// Runs relay-broker with these arguments to its end.
[[nodiscard]] RunResult run_binary(const std::vector<std::string>& arguments,
                                   const os::Environment& environment, std::string input = {},
                                   Duration at_most = kPatience);

/// The command that runs relay-broker with these arguments.
[[nodiscard]] os::Command binary_command(const std::vector<std::string>& arguments,
                                         const os::Environment& environment);

}  // namespace relay::test
