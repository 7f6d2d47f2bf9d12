#pragma once

#include <functional>
#include <optional>
#include <sys/types.h>

#include "os/fd.hpp"

namespace relay::pty::keeper {

/// The number that the kernel gave to the last new process or thread. Numbers go up by one and
/// begin anew at the end of their range, so the counter shows every birth, also of processes that
/// live shorter than a look at the table takes.
class PidCounter {
 public:
  PidCounter();
  /// Nothing when the system does not tell.
  [[nodiscard]] std::optional<pid_t> last() const;

 private:
  os::Fd file_;
};

/// What there is under a number.
enum class Sight {
  /// No process, or nobody of ours.
  nobody,
  /// Ours, and ended.
  dead,
  /// Ours, and signalled if that was wanted.
  alive,
};

/// Looks at everyone who was born after the counter stood at `from`, as long as anybody is born:
/// where a table takes a millisecond to read, this meets a new process within microseconds. Whether
/// one of ours was met.
///
/// It ends when the counter stood still during a look. Nobody is overlooked then: a process without
/// a child can be seen, and one that is just becoming a parent is still there while its child is
/// not. It also ends when the counter begins anew, which happens once in thousands of births, and
/// when `over` says so: strangers may fork without a pause.
bool hunt(pid_t from, const std::function<std::optional<pid_t>()>& last,
          const std::function<Sight(pid_t)>& look, const std::function<bool()>& over);

}  // namespace relay::pty::keeper
