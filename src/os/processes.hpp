#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "os/environment.hpp"
#include "os/paths.hpp"

namespace relay::os {

/// How a process ended.
class ExitStatus {
 public:
  [[nodiscard]] static ExitStatus exited(int status) { return {false, status}; }
  [[nodiscard]] static ExitStatus signalled(int signal) { return {true, signal}; }

  [[nodiscard]] bool success() const { return !by_signal_ && value_ == 0; }
  /// The status of a process that exited by itself.
  [[nodiscard]] std::optional<int> status() const;
  /// The signal that ended it.
  [[nodiscard]] std::optional<int> signal() const;
  /// What a shell shows: the status, or 128 and the signal.
  [[nodiscard]] int as_shell() const { return by_signal_ ? 128 + value_ : value_; }
  /// "exit status 3" or "killed by SIGKILL".
  [[nodiscard]] std::string text() const;

  friend bool operator==(const ExitStatus&, const ExitStatus&) = default;

 private:
  ExitStatus(bool by_signal, int value) : by_signal_(by_signal), value_(value) {}
  bool by_signal_;
  int value_;
};

/// What to start. Nothing is inherited that is not said here: the child gets these variables, these
/// descriptors and no other, no blocked or ignored signals.
struct Command {
  Command(std::vector<std::string> argv_in, Environment environment_in)
      : argv(std::move(argv_in)), environment(std::move(environment_in)) {}

  /// argv[0] is looked up in PATH of `environment` unless it has a '/'.
  std::vector<std::string> argv;
  /// What to run and to look up in place of argv[0], which the child then only sees as its name:
  /// version managers decide by that name what they are. Empty: argv[0].
  std::string program;
  Environment environment;
  /// Empty: ours. A relative argv[0] with a '/' is relative to it.
  Path working_directory;
  /// Descriptors of ours that become 0, 1 and 2 of the child; -1 is /dev/null. They stay ours.
  int input = -1;
  int output = -1;
  int error = -1;
  /// Further descriptors of ours, which become 3, 4, … of the child.
  std::vector<int> further;
  /// A session and process group of its own.
  bool new_session = false;
  /// The path of a terminal which becomes the child's controlling terminal, and 0, 1 and 2 where
  /// input, output and error are -1; implies new_session.
  Path terminal;
  /// A descriptor of our own controlling terminal: the child gets a process group of its own, which
  /// stands in front of that terminal before the program runs. -1 for none; not with the two above.
  int in_front_of = -1;
};

/// One child. Whoever holds it waits for its end: a child that nobody waits for stays a zombie
/// until we end. Destroying this does not end the child.
class Process {
 public:
  virtual ~Process() = default;

  [[nodiscard]] virtual pid_t pid() const = 0;
  /// A descriptor that becomes readable when the child has ended, for the loop to wait on; belongs
  /// to this.
  [[nodiscard]] virtual int ended_fd() const = 0;
  /// How it ended, or nothing while it runs. Gives the same answer ever after.
  virtual Result<std::optional<ExitStatus>> poll() = 0;
  /// Blocks until it has ended or `at_most` is over (Code::timeout). Not on the loop thread.
  virtual Result<ExitStatus> wait(Duration at_most) = 0;
  /// Sends a signal to the child. False when it has ended; never reaches another process that got
  /// its pid.
  virtual Result<bool> signal(int number) = 0;
  /// Sends a signal to the child's process group, for children with a session of their own. False
  /// once `poll` or `wait` has seen the end, because the group's id may be anyone's then; members
  /// that outlive the child are for the caller to end before it collects the status.
  virtual Result<bool> signal_group(int number) = 0;
};

class Processes {
 public:
  virtual ~Processes() = default;

  /// Starts a child; returns when it runs the program. cli_not_found when there is no such program,
  /// cli_not_executable when it is there but cannot be run (the message names the path that was
  /// tried), not_found for the working directory, spawn_failed for the rest.
  virtual Result<std::unique_ptr<Process>> start(const Command& command) = 0;
};

/// The directories of programs where nobody says others.
inline constexpr std::string_view kUsualPath = "/usr/local/bin:/usr/bin:/bin";

/// Where `name` is: itself when it has a '/', else the first executable in the directories of
/// `path` (PATH; empty parts are skipped, not taken for the working directory). Relative results
/// are relative to `working_directory`. Errors as for `Processes::start`.
[[nodiscard]] Result<Path> find_program(std::string_view name, std::string_view path,
                                        const Path& working_directory);

/// From here on no image of this process's memory, which holds secrets, is written when it dies,
/// neither to a file nor to a program of the system's. Children that it starts inherit that.
void dump_no_core();

/// Puts /dev/null, opened the wrong way round, where standard input, output or error is closed:
/// what is opened later would stand there, and get what is printed. They go on failing as closed
/// ones do. Before anything else is opened.
void hold_standard_descriptors();

/// "SIGTERM"; "signal 40" for one without a name.
[[nodiscard]] std::string signal_name(int number);

}  // namespace relay::os
