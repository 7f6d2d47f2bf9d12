// Internal to pty/.
#pragma once

#include <optional>
#include <string>
#include <sys/types.h>
#include <variant>

#include "base/result.hpp"
#include "os/fd.hpp"
#include "os/processes.hpp"

namespace relay::pty {

/// A program and the process that leads its terminal session. The leader is to the program what an
/// interactive shell would be: its parent, in the same session and in another process group.
/// Without one the program's group is orphaned, and the kernel throws its stop signals away: Ctrl-Z
/// would do nothing in a program that reacts to it by stopping itself.
struct LedProgram {
  pid_t leader = 0;
  pid_t program = 0;
  /// For read_news().
  os::Fd news;
};

struct ProgramStopped {};
using LeaderNews = std::variant<ProgramStopped, os::ExitStatus>;

/// Forks the leader, which starts the program in front of the terminal of this path; returns when
/// it runs. Input, output and error of `command` that are not given are the terminal. For a process
/// without threads: the leader does not exec. Errors as for os::Processes::start.
///
/// The leader ends right after its last news. It does not collect the program: that becomes a child
/// of whoever is the next subreaper, so its number stays its own until then.
[[nodiscard]] Result<LedProgram> start_led(os::Command command, const std::string& terminal);

/// The next thing that happened to the program; nothing when nothing did. Does not block; the
/// descriptor becomes readable. `internal_error` when the leader has gone without a word.
[[nodiscard]] Result<std::optional<LeaderNews>> read_news(const os::Fd& news);

}  // namespace relay::pty
