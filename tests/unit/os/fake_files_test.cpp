#include "os/fake_files.hpp"

#include <doctest/doctest.h>

namespace relay::os {
namespace {

using namespace std::chrono_literals;
using Fault = FakeFiles::Fault;
using Kept = FakeFiles::Kept;

constexpr std::size_t kMany = 1 << 20;
const std::string kOld(10'000, 'o');
const std::string kNew(9'000, 'n');

struct Fixture {
  FakeClock clock;
  FakeFiles files{clock};
  Path file = "/state/token";

  Fixture() {
    REQUIRE(files.make_private_directory("/state"));
    REQUIRE(files.replace(file, kOld));
  }
};

/// The steps of replacing: open, three writes of 4 KiB, sync, close, rename, sync of the directory.
constexpr std::size_t kSteps = 8;
constexpr std::size_t kLastStep = 8;

}  // namespace

TEST_CASE_FIXTURE(Fixture, "the algorithm takes the steps that it has to, in their number") {
  const std::size_t before = files.steps();
  REQUIRE(files.replace(file, kNew));
  CHECK(files.steps() - before == kSteps);
  CHECK(files.read_private(file, kMany).value() == kNew);
}

TEST_CASE_FIXTURE(Fixture,
                  "what is only put waits for no disk; a crash leaves the old or the new") {
  const std::size_t before = files.steps();
  REQUIRE(files.put(file, kNew));
  // Neither of the two syncs.
  CHECK(files.steps() - before == kSteps - 2);
  CHECK(files.read_private(file, kMany).value() == kNew);
  for (std::size_t step = 1; step <= kSteps - 2; ++step) {
    Fixture f;
    f.files.fail_step(step, Fault::power_cut);
    CHECK_FALSE(f.files.put(f.file, kNew));
    f.files.restart(Kept::everything);
    const auto found = f.files.read_private(f.file, kMany);
    REQUIRE(found);
    CHECK((*found == kOld || *found == kNew));
  }
}

TEST_CASE("whatever step the power fails at, the old or the new file is there, whole") {
  for (const Kept kept : {Kept::synced_only, Kept::names, Kept::everything}) {
    for (std::size_t step = 1; step <= kSteps; ++step) {
      Fixture f;
      CAPTURE(step);
      f.files.fail_step(step, Fault::power_cut);
      CHECK_FALSE(f.files.replace(f.file, kNew));
      CHECK_FALSE(f.files.read_private(f.file, kMany));
      f.files.restart(kept);
      const auto found = f.files.read_private(f.file, kMany);
      REQUIRE(found);
      CHECK((*found == kOld || *found == kNew));
    }
    Fixture f;
    REQUIRE(f.files.replace(f.file, kNew));
    f.files.restart(kept);
    CHECK(f.files.read_private(f.file, kMany).value() == kNew);
  }
}

TEST_CASE("whatever step creating is cut off at, the file is whole or not there") {
  // open, three writes, sync, close, link, unlink, sync of the directory.
  for (const Kept kept : {Kept::synced_only, Kept::names, Kept::everything}) {
    for (std::size_t step = 1; step <= 9; ++step) {
      Fixture f;
      CAPTURE(step);
      f.files.fail_step(step, Fault::power_cut);
      CHECK_FALSE(f.files.create("/state/new", kNew));
      f.files.restart(kept);
      const auto found = f.files.read("/state/new", kMany);
      if (found) {
        CHECK(*found == kNew);
      } else {
        CHECK(found.error().code == Code::not_found);
      }
    }
  }
}

TEST_CASE("an error at any step has its code, and leaves no temporary file") {
  for (std::size_t step = 1; step <= kSteps; ++step) {
    for (const Fault fault : {Fault::no_space, Fault::io_error}) {
      Fixture f;
      CAPTURE(step);
      f.files.fail_step(step, fault);
      const auto replaced = f.files.replace(f.file, kNew);
      REQUIRE_FALSE(replaced);
      CHECK(replaced.error().code == (fault == Fault::no_space ? Code::disk_full : Code::io_error));
      CHECK(f.files.list("/state").value() == std::vector<std::string>{"token"});
      CHECK(f.files.read_private(f.file, kMany).value() == (step == kLastStep ? kNew : kOld));
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "a broken sector is an error of reading") {
  files.break_reading(file);
  const auto read = files.read_private(file, kMany);
  REQUIRE_FALSE(read);
  CHECK(read.error().code == Code::io_error);
  CHECK(read.error().message == "cannot read '/state/token': Input/output error");
}

TEST_CASE_FIXTURE(Fixture, "the rules are those of the real disk") {
  files.plant("/state/open", "x", 0644);
  files.plant("/state/theirs", "x", 0600, 12345);
  files.plant("/state/link", "x", 0777, FakeFiles::kUs, FileKind::link);
  files.plant("/wide", "", 0770, FakeFiles::kUs, FileKind::directory);
  files.plant("/loose", "", 0755, FakeFiles::kUs, FileKind::directory);
  for (const char* name : {"/state/open", "/state/theirs", "/state/link", "/state"}) {
    CHECK(files.read_private(name, kMany).error().code == Code::unsafe_file);
  }
  CHECK(files.make_private_directory("/wide").error().code == Code::unsafe_file);
  CHECK(files.make_private_directory(file).error().code == Code::unsafe_file);
  REQUIRE(files.make_private_directory("/loose"));
  CHECK(files.stat("/loose")->mode == 0700);
  CHECK(files.read_private("/state/none", kMany).error().code == Code::not_found);
  CHECK(files.read_private(file, 10).error().code == Code::too_large);
  CHECK(files.create(file, "x").error().code == Code::conflict);
  CHECK(files.replace("/none/x", "x").error().code == Code::not_found);
}

TEST_CASE_FIXTURE(Fixture, "appending adds, and a failed write leaves the records before it") {
  REQUIRE(files.append("/state/log", "one\n", true));
  files.fail_step(2, Fault::no_space);
  CHECK(files.append("/state/log", std::string(9'000, 'x'), true).error().code == Code::disk_full);
  CHECK(files.read_private("/state/log", kMany).value() == "one\n");
}

TEST_CASE_FIXTURE(Fixture, "one lock at a time, and none after a restart") {
  auto held = files.lock("/state/lock", "pid 7");
  REQUIRE(held);
  const auto second = files.lock("/state/lock", "pid 8");
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Code::already_running);
  CHECK(second.error().message == "'/state/lock' is locked by pid 7");
  files.restart(Kept::everything);
  auto third = files.lock("/state/lock", "pid 9");
  REQUIRE(third);
  held->reset();
  CHECK_FALSE(files.lock("/state/lock", "pid 10"));
}

TEST_CASE_FIXTURE(Fixture, "sweeping removes only old temporary files") {
  files.plant("/state/.token.1.tmp", "x");
  clock.advance(2h);
  files.plant("/state/.token.2.tmp", "x");
  CHECK(files.sweep("/state", clock.wall(), 1h).value() == 1);
  CHECK(files.list("/state").value() == std::vector<std::string>{".token.2.tmp", "token"});
}

}  // namespace relay::os
