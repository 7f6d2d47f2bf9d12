#include "token_cache/machine_seed.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/fake_files.hpp"
#include "os/posix_files.hpp"
#include "os/system_random.hpp"
#include "support/temp_dir.hpp"

namespace relay::token_cache {
namespace {

struct OnFakeDisk {
  FakeClock clock;
  os::FakeFiles files{clock};
  SeededRandom random{1};
  CachePlaces places;

  OnFakeDisk() {
    places.own = "/data/relay-broker";
    places.peer = "/data/agent-relay";
    places.user = os::FakeFiles::kUs;
    REQUIRE(files.make_private_directory(places.own));
    REQUIRE(files.make_private_directory(places.peer));
  }
};

}  // namespace

TEST_CASE_FIXTURE(OnFakeDisk, "the first start makes a seed, every later one finds it") {
  CHECK_FALSE(find_machine_seed(files, places).value());
  const auto first = machine_seed(files, places, random);
  REQUIRE(first);
  CHECK(first->text.size() == 37);
  CHECK(first->text.starts_with("node_"));
  CHECK_FALSE(first->of_peer);
  CHECK(machine_seed(files, places, random)->text == first->text);
  CHECK(files.read(places.own / "machine-id", 100) == first->text + "\n");
}

TEST_CASE_FIXTURE(OnFakeDisk, "the seed of agent-relay-broker is taken over, though it is 0644") {
  files.plant(places.peer / "machine-id", "node_peer\n", 0644);
  const auto seed = machine_seed(files, places, random);
  REQUIRE(seed);
  CHECK(seed->text == "node_peer");
  CHECK(seed->of_peer);
  // The peer is removed: we stay who we are.
  REQUIRE(files.remove(places.peer / "machine-id"));
  CHECK(machine_seed(files, places, random)->text == "node_peer");
  CHECK_FALSE(machine_seed(files, places, random)->of_peer);
}

TEST_CASE_FIXTURE(OnFakeDisk, "a peer that comes later has a seed of its own") {
  const auto ours = machine_seed(files, places, random);
  files.plant(places.peer / "machine-id", "node_peer\n", 0644);
  const auto later = machine_seed(files, places, random);
  REQUIRE(later);
  CHECK(later->text == ours->text);
  CHECK_FALSE(later->of_peer);
}

TEST_CASE_FIXTURE(OnFakeDisk, "only a missing seed is made; every other failure stops") {
  const auto own = places.own / "machine-id";
  SUBCASE("unreadable") {
    files.plant(own, "node_x\n");
    files.break_reading(own);
  }
  SUBCASE("empty") {
    files.plant(own, "");
  }
  SUBCASE("not text") {
    files.plant(own, "node_\xff\n");
  }
  SUBCASE("several words") {
    files.plant(own, "two words\n");
  }
  SUBCASE("readable for others") {
    files.plant(own, "node_x\n", 0644);
  }
  SUBCASE("of another user") {
    files.plant(own, "node_x\n", 0600, 4711);
  }
  SUBCASE("a link") {
    files.plant(own, "/etc/hostname", 0777, os::FakeFiles::kUs, os::FileKind::link);
  }
  SUBCASE("a FIFO") {
    files.plant(own, "", 0600, os::FakeFiles::kUs, os::FileKind::other);
  }
  SUBCASE("the peer's, writable for others") {
    files.plant(places.peer / "machine-id", "node_x\n", 0666);
  }
  SUBCASE("the peer's, unreadable") {
    files.plant(places.peer / "machine-id", "node_x\n", 0644);
    files.break_reading(places.peer / "machine-id");
  }
  const auto before = files.list(places.own);
  const auto seed = machine_seed(files, places, random);
  REQUIRE_FALSE(seed);
  CHECK(seed.error().code != Code::not_found);
  CHECK(seed.error().message.find("machine-id") != std::string::npos);
  CHECK(files.list(places.own).value() == before.value());
}

TEST_CASE_FIXTURE(OnFakeDisk, "a start that fails or loses power at any step leaves one identity") {
  for (const auto fault : {os::FakeFiles::Fault::no_space, os::FakeFiles::Fault::power_cut}) {
    for (std::size_t step = 1; step < 12; ++step) {
      CAPTURE(step);
      FakeClock time;
      os::FakeFiles disk(time);
      disk.fail_step(step, fault);
      const auto first = machine_seed(disk, places, random);
      if (fault == os::FakeFiles::Fault::power_cut) {
        disk.restart(os::FakeFiles::Kept::synced_only);
      }
      const auto second = machine_seed(disk, places, random);
      REQUIRE(second);
      // Whoever was told a seed is told the same for ever.
      if (first) CHECK(second->text == first->text);
      CHECK(machine_seed(disk, places, random)->text == second->text);
    }
  }
}

TEST_CASE_FIXTURE(OnFakeDisk, "an operator's id in machine-id is found verbatim, none is made") {
  CHECK_FALSE(pinned_seed(files, places).value());
  CHECK(files.list(places.own)->empty());
  files.plant(places.own / "machine-id", "node_01J7OURS\n");
  CHECK(pinned_seed(files, places).value() == std::string("node_01J7OURS"));
  files.plant(places.peer / "machine-id", "node_01J7PEER\n", 0644);
  CHECK(pinned_seed(files, places).value() == std::string("node_01J7PEER"));
}

TEST_CASE("12.5.17: of many first starts at once all get the same seed") {
  test::TempDir temp;
  CachePlaces places;
  places.own = temp / "data" / "relay-broker";
  places.peer = temp / "data" / "agent-relay";
  places.user = ::geteuid();
  constexpr int kStarts = 16;
  int gate[2];
  int results[2];
  REQUIRE(::pipe(gate) == 0);
  REQUIRE(::pipe(results) == 0);
  std::vector<pid_t> children;
  for (int i = 0; i < kStarts; ++i) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::close(gate[1]);
      char go = 0;
      (void)!::read(gate[0], &go, 1);  // ends when the parent closes the gate
      os::SystemRandom random;
      os::PosixFiles files(random);
      const auto seed = machine_seed(files, places, random);
      const std::string line = seed ? seed->text : std::string(37, '!');
      const bool told = ::write(results[1], line.data(), line.size()) == 37;
      ::_exit(told ? 0 : 1);
    }
    children.push_back(child);
  }
  ::close(gate[0]);
  ::close(gate[1]);
  ::close(results[1]);
  for (const pid_t child : children) {
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
  std::string all(37 * kStarts + 1, '\0');
  const ssize_t got = ::read(results[0], all.data(), all.size());
  REQUIRE(got == 37 * kStarts);
  for (int i = 1; i < kStarts; ++i) CHECK(all.substr(37 * i, 37) == all.substr(0, 37));
  CHECK(all.starts_with("node_"));
  ::close(results[0]);
}

}  // namespace relay::token_cache
