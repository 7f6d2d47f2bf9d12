#include "pty/keeper/fence.hpp"

#include <doctest/doctest.h>

namespace relay::pty::keeper {

TEST_CASE("the mount of cgroup v2 is found beside those of version 1, with blanks in its path") {
  const auto mount = find_group_mount(
      "28 1 254:0 / / rw,relatime - ext4 /dev/root rw\n"
      "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
      "41 31 0:38 / /sys/fs/my\\040groups rw,relatime shared:9 master:2 - cgroup2 cgroup2 rw\n");
  REQUIRE(mount.has_value());
  CHECK(*mount == GroupMount{"/", "/sys/fs/my groups"});
  CHECK(
      find_group_mount("30 1 0:26 /docker/1 /sys/fs/cgroup ro - cgroup2 cgroup rw,nsdelegate\n") ==
      GroupMount{"/docker/1", "/sys/fs/cgroup"});
  CHECK_FALSE(find_group_mount("").has_value());
  CHECK_FALSE(find_group_mount("32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw\n"));
  CHECK_FALSE(find_group_mount("41 31 - cgroup2 cgroup2 rw\n").has_value());
}

TEST_CASE("our group is a directory below the mount, if the mount shows it") {
  const GroupMount all{"/", "/sys/fs/cgroup"};
  CHECK(group_directory(all, "3:cpuset:/x\n0::/user.slice/a.scope\n") ==
        "/sys/fs/cgroup/user.slice/a.scope");
  CHECK(group_directory(all, "0::/\n") == "/sys/fs/cgroup");
  CHECK_FALSE(group_directory(all, "3:cpuset:/x\n").has_value());
  CHECK_FALSE(group_directory(all, "").has_value());
  // Moved out of what a container sees.
  CHECK_FALSE(group_directory(all, "0::/../other\n").has_value());
  const GroupMount part{"/docker/1", "/sys/fs/cgroup"};
  CHECK(group_directory(part, "0::/docker/1/a\n") == "/sys/fs/cgroup/a");
  CHECK(group_directory(part, "0::/docker/1\n") == "/sys/fs/cgroup");
  CHECK_FALSE(group_directory(part, "0::/docker/12\n").has_value());
  CHECK_FALSE(group_directory(part, "0::/\n").has_value());
}

}  // namespace relay::pty::keeper
