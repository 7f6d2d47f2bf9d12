#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <sys/types.h>
#include <vector>

#include "pty/keeper/marks.hpp"

namespace relay::pty::keeper {

/// One line of the process table.
struct ProcessRow {
  pid_t pid = 0;
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  /// In clock ticks since boot: with the pid it names one process for ever.
  std::uint64_t started = 0;
  /// Ended, with no thread left; waits for its parent to notice.
  bool dead = false;
  /// Stopped by a signal.
  bool stopped = false;
};

/// A session of the keeper, as far as its relatives matter.
struct Root {
  SessionNumber number = 0;
  pid_t leader = 0;
  std::uint64_t started = 0;
};

/// Who is whose. Pure: rows of the process table in, members of sessions out. A process belongs to
/// a session when it carries its mark, descends from a member, was seen as a member before, or is
/// in the terminal session of a leader that still is in the table. All others below the keeper are
/// `strangers`: they cleared and lost everything; they belong to the session that is the only
/// one old enough.
class Family {
 public:
  explicit Family(pid_t keeper) : keeper_(keeper) {}

  struct Members {
    /// Alive ones only.
    std::map<SessionNumber, std::vector<ProcessRow>> of;
    /// Below the keeper, of no session that is left.
    std::vector<ProcessRow> strays;
    /// Below the keeper; several sessions could own them.
    std::vector<ProcessRow> strangers;
    /// How many have ended and were not collected yet. A program that forks and ends without a
    /// pause can hide from a walk, but not the dead that it leaves.
    std::map<SessionNumber, std::size_t> dead_of;
    std::size_t dead_strays = 0;
  };

  /// The mark that a process carries and cannot easily lose; called for every row.
  using LimitMarks = std::function<std::optional<SessionNumber>(pid_t)>;
  /// The mark in its environment; called only for those that nothing else explains.
  using VariableMarks = std::function<std::optional<SessionNumber>(pid_t)>;

  /// The members now. `roots` are the sessions whose trees have not been seen to be empty.
  Members walk(const std::vector<ProcessRow>& rows, const std::vector<Root>& roots,
               const LimitMarks& limit, const VariableMarks& variable);

 private:
  struct Known {
    std::uint64_t started;
    SessionNumber number;
  };
  pid_t keeper_;
  std::map<pid_t, Known> seen_;
};

/// The pids from `pid` up to the first of all, itself included: whom nobody may signal.
[[nodiscard]] std::set<pid_t> line_of_ancestors(const std::vector<ProcessRow>& rows, pid_t pid);

/// Every process below `ancestor`, without it.
[[nodiscard]] std::vector<ProcessRow> descendants(const std::vector<ProcessRow>& rows,
                                                  pid_t ancestor);

}  // namespace relay::pty::keeper
