// What control groups add to the keeper's marks, and what it does about processes that no signal
// ends. Both need a system that lets the test make control groups; elsewhere the cases say that
// they are skipped.
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "pty/keeper/fence.hpp"
#include "support/bytes_of.hpp"
#include "support/keeper_world.hpp"
#include "support/skipped.hpp"
#include "support/wait_until.hpp"

namespace relay {
namespace {

using namespace std::chrono_literals;
using test::bytes_of;
using test::KeeperWorld;
using test::kPatience;

bool put(const os::Path& path, std::string_view text) {
  std::ofstream out(path);
  out << text << std::flush;
  return out.good();
}

std::optional<os::Path> our_v2_group() {
  const auto mount = pty::keeper::find_group_mount(bytes_of("/proc/self/mountinfo"));
  if (!mount) return std::nullopt;
  return pty::keeper::group_directory(*mount, bytes_of("/proc/self/cgroup"));
}

std::vector<os::Path> groups_below(const os::Path& directory) {
  std::vector<os::Path> found;
  for (const auto& each : std::filesystem::directory_iterator(directory)) {
    if (each.is_directory()) found.push_back(each.path());
  }
  return found;
}

/// Takes the group away, and those below it, as soon as their processes have left.
void remove_group(const os::Path& directory) {
  const auto is_gone = [&] {
    for (const auto& each : groups_below(directory)) ::rmdir(each.c_str());
    return ::rmdir(directory.c_str()) == 0;
  };
  try {
    test::wait_until(is_gone, "the end of " + directory.string());
  } catch (const std::exception& error) {
    fmt::print(stderr, "a control group of a test is left: {}\n", error.what());
  }
}

/// A control group that counts as delegated to us, with the test in it: keepers that it starts find
/// it. Gone at the end.
class DelegatedGroup {
 public:
  DelegatedGroup() {
    const auto ours = our_v2_group();
    if (!ours) return;
    before_ = *ours;
    directory_ = *ours / fmt::format("relay-test-{}", ::getpid());
    if (::mkdir(directory_.c_str(), 0755) != 0) return;
    made_ = true;
    ::setxattr(directory_.c_str(), "user.delegate", "1", 1, 0);
    usable_ = std::filesystem::exists(directory_ / "cgroup.kill") &&
              put(directory_ / "cgroup.procs", "0") && our_v2_group() == directory_;
  }
  ~DelegatedGroup() {
    if (!made_) return;
    put(before_ / "cgroup.procs", "0");
    put(directory_ / "cgroup.kill", "1");
    remove_group(directory_);
  }
  DelegatedGroup(const DelegatedGroup&) = delete;
  DelegatedGroup& operator=(const DelegatedGroup&) = delete;

  [[nodiscard]] bool usable() const {
    if (!usable_) test::skip("this system lets us make no group of cgroup v2");
    return usable_;
  }
  /// The groups below it.
  [[nodiscard]] std::vector<os::Path> below() const { return groups_below(directory_); }

 private:
  os::Path before_;
  os::Path directory_;
  bool made_ = false;
  bool usable_ = false;
};

/// A group of the old freezer: who is frozen in it does not even end on SIGKILL.
class Freezer {
 public:
  Freezer()
      : directory_(fmt::format("/sys/fs/cgroup/freezer/relay-test-{}", ::getpid())),
        made_(::mkdir(directory_.c_str(), 0755) == 0) {}
  ~Freezer() {
    if (!made_) return;
    thaw();
    remove_group(directory_);
  }
  Freezer(const Freezer&) = delete;
  Freezer& operator=(const Freezer&) = delete;

  [[nodiscard]] bool freeze(pid_t pid) const {
    if (!made_ || !put(directory_ / "cgroup.procs", std::to_string(pid)) ||
        !put(directory_ / "freezer.state", "FROZEN")) {
      return false;
    }
    test::wait_until([this] { return bytes_of(directory_ / "freezer.state") == "FROZEN\n"; },
                     "its processes stand still");
    return true;
  }
  void thaw() const { put(directory_ / "freezer.state", "THAWED"); }

 private:
  os::Path directory_;
  bool made_;
};

void kill_keeper_and_guardian(KeeperWorld& world) {
  world.kill_both();
  CHECK(world.wait_lost().code == Code::connection_closed);
}

std::vector<std::string> without_marks() {
  return {"ignore", "double", "lost", "lost-chain"};
}

}  // namespace

TEST_CASE("where a control group may be made, who has lost every mark is ended with both dead") {
  const DelegatedGroup group;
  if (!group.usable()) return;
  KeeperWorld world;
  world.open();
  const auto session = world.spawn(world.hostile("g", without_marks()));
  KeeperWorld::read_until(session.master.get(), "up");
  REQUIRE(group.below().size() == 1);
  const auto fence = group.below().front();
  CHECK(bytes_of(fence / "cgroup.procs").find(std::to_string(session.pid)) != std::string::npos);
  CHECK(bytes_of(world.place().directory / "keeper.cgroup") == fence.string());

  kill_keeper_and_guardian(world);
  CHECK_FALSE(test::alive_with(world.token()).empty());
  world.open();
  CHECK(test::wait_none(world.token(), 0s).empty());
  REQUIRE(group.below().size() == 1);
  CHECK(group.below().front() != fence);

  // The next one is taken away by a keeper that ends as it should.
  auto work = world.client().shut_down_keeper(0s, kPatience);
  CHECK(world.run(std::move(work)).has_value());
  CHECK(test::wait_none(world.place().directory.string()).empty());
  CHECK(group.below().empty());
  CHECK_FALSE(std::filesystem::exists(world.place().directory / "keeper.cgroup"));
}

TEST_CASE("a guardian ends with the control group who has lost every mark") {
  const DelegatedGroup group;
  if (!group.usable()) return;
  KeeperWorld world;
  world.open();
  const auto session = world.spawn(world.hostile("g", without_marks()));
  KeeperWorld::read_until(session.master.get(), "up");
  REQUIRE(::kill(world.client().keeper_pid(), SIGKILL) == 0);
  CHECK(world.wait_lost().code == Code::connection_closed);
  world.open();
  CHECK(test::wait_none(world.token(), 0s).empty());
  CHECK(group.below().size() == 1);
}

TEST_CASE("a record that names another directory is nothing to kill") {
  const DelegatedGroup group;
  if (!group.usable()) return;
  KeeperWorld world;
  const auto record = world.place().directory / "keeper.cgroup";
  world.open();
  REQUIRE(std::filesystem::exists(record));
  kill_keeper_and_guardian(world);
  // We are in this one.
  put(record, our_v2_group().value_or("").string());
  world.open();
  CHECK(world.client().take_held().empty());
}

TEST_CASE("what no signal ends is told to every broker until it has ended after all") {
  const Freezer freezer;
  KeeperWorld world;
  world.open();
  const auto session = world.spawn(world.hostile("g", {"ignore", "sleep"}));
  KeeperWorld::read_until(session.master.get(), "up");
  if (!freezer.freeze(session.pid)) {
    return test::skip("this system has no freezer of cgroup v1 for us");
  }
  kill_keeper_and_guardian(world);
  world.open();
  const auto warning = world.wait_warning();
  CHECK(warning.message ==
        fmt::format("1 processes of an earlier keeper's agents were killed and have not ended: {}",
                    session.pid));
  CHECK(warning.hint.find(fmt::format("`ps -o pid,stat,wchan,args {}`", session.pid)) !=
        std::string::npos);
  world.leave();
  world.open();
  CHECK(world.wait_warning().message == warning.message);

  freezer.thaw();
  CHECK(test::wait_none(world.token()).empty());
  const auto warns_no_more = [&world] {
    world.leave();
    world.open();
    return !world.is_warned();
  };
  test::wait_until(warns_no_more, "no warning");
}

}  // namespace relay
