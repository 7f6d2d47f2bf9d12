#pragma once

#include <csignal>
#include <functional>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "os/fd.hpp"
#include "pty/keeper/family.hpp"

namespace relay::pty::keeper {

/// One line of /proc/<pid>/stat; nothing when it is not one.
[[nodiscard]] std::optional<ProcessRow> parse_stat(std::string_view line);

/// A process now; nothing when it has gone.
[[nodiscard]] std::optional<ProcessRow> read_process(pid_t pid);

/// The pid of every process, in the order of the kernel.
void for_each_pid(const std::function<void(pid_t)>& met);

/// Every process, in the order of the kernel. It is read while processes come and go: one that is
/// missing may exist all the same. `met` hears of each pid before its line is read.
[[nodiscard]] std::vector<ProcessRow> read_processes(const std::function<void(pid_t)>& met = {});

/// The pids from `pid` up to the first of all, itself included: whom nobody may signal.
[[nodiscard]] std::set<pid_t> ancestors_now(pid_t pid);

/// Stands for the process that has the pid now, also when another has it later; -1 for none.
[[nodiscard]] os::Fd open_pidfd(pid_t pid);

/// Whether a process ignores a signal now; false when that cannot be told.
[[nodiscard]] bool ignores_signal(pid_t pid, int number);

/// Signals a process only if it is still the one in the row, by pidfd. False when it has gone or is
/// not ours to signal.
bool signal_process(const ProcessRow& row, int number);

/// SIGKILL for the process and for its whole process group, in one step that no fork escapes. Only
/// if `is_it` confirms who it is while it cannot go away. The group is left alone when it is ours.
/// False when it was dead or gone already, is not who was meant, or not ours to signal.
bool kill_with_group(pid_t pid, const std::function<bool()>& is_it);
bool kill_with_group(const ProcessRow& row);

}  // namespace relay::pty::keeper
