#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "os/files.hpp"
#include "pty/keeper/place.hpp"

namespace relay::pty::keeper {

/// Where cgroup v2 is mounted: which group of the hierarchy can be seen, and at which path.
struct GroupMount {
  std::string root;
  std::string point;
  friend bool operator==(const GroupMount&, const GroupMount&) = default;
};

/// From /proc/self/mountinfo.
[[nodiscard]] std::optional<GroupMount> find_group_mount(std::string_view mountinfo);
/// The directory of the group that a process is in, from /proc/<pid>/cgroup; nothing when the mount
/// does not show it.
[[nodiscard]] std::optional<os::Path> group_directory(const GroupMount& mount,
                                                      std::string_view proc_cgroup);

/// A control group of the keeper and all that it starts, where the system lets us have one: whoever
/// is in it can be killed in one step, however it forks and whatever marks it has lost. An agent
/// that may use control groups itself can leave it, so it adds to the marks and replaces none.
class Fence {
 public:
  /// Our own group, if one could be made below it.
  static std::optional<os::Path> possible_in();
  /// Makes one below our own group and records it in the place, for whoever comes after our death.
  /// Nothing when cgroup v2 is missing or older than Linux 5.14, or our group was not delegated to
  /// us: to root it is when its `delegate` attribute says so or it is all of a container.
  static std::optional<Fence> make(const Place& place);
  /// The one that an earlier keeper of the place has left. Nothing when we are in it ourselves.
  static std::optional<Fence> left_at(const Place& place);

  /// Moves this process into it, and so all that it starts from now on.
  [[nodiscard]] bool enter() const;
  /// SIGKILL for all in it, those too that are just being forked.
  void kill() const;
  /// Nobody is in it, not even below it.
  [[nodiscard]] bool empty() const;
  /// Who is in it, as far as not in a group below it.
  [[nodiscard]] std::vector<pid_t> members() const;
  /// Takes it away together with its record; nothing happens while somebody is in it.
  void remove() const;

  [[nodiscard]] const os::Path& directory() const { return directory_; }

 private:
  Fence(os::Path directory, os::Path record)
      : directory_(std::move(directory)), record_(std::move(record)) {}

  os::Path directory_;
  os::Path record_;
};

}  // namespace relay::pty::keeper
