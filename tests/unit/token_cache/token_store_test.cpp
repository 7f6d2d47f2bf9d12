#include "token_cache/token_store.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fake_files.hpp"
#include "os/posix_files.hpp"
#include "os/system_random.hpp"
#include "support/temp_dir.hpp"
#include "token_cache/node_identity.hpp"

namespace relay::token_cache {
namespace {

TokenFile token_of(std::string node, std::string token, std::string directory = "") {
  TokenFile file;
  file.node_id = std::move(node);
  file.workspace_id = "ws_1";
  file.engine = "http://e";
  file.token = Secret(std::move(token));
  file.directory = std::move(directory);
  return file;
}

struct OnRealDisk {
  test::TempDir temp;
  os::SystemRandom random;
  os::PosixFiles files{random};
  CachePlaces places = make_places();
  TokenStore store{files, places};

  CachePlaces make_places() const {
    CachePlaces made;
    made.own = temp / "data" / "relay-broker";
    made.peer = temp / "data" / "agent-relay";
    made.user = ::geteuid();
    return made;
  }
  static unsigned mode_of(const os::Path& path) {
    struct stat info{};
    REQUIRE(::lstat(path.c_str(), &info) == 0);
    return info.st_mode & 07777U;
  }
  static void put(const os::Path& path, std::string_view text, mode_t mode) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    REQUIRE(::chmod(path.c_str(), mode) == 0);
  }
};

}  // namespace

TEST_CASE_FIXTURE(OnRealDisk, "0600 on creation, on overwrite and on re-mint, umask 000") {
  const mode_t before = ::umask(0);
  const auto path = store.save(token_of("node_1", "nt_live_a"), false);
  REQUIRE(path);
  CHECK(mode_of(*path) == 0600);
  CHECK(mode_of(path->parent_path()) == 0700);
  CHECK(mode_of(places.own) == 0700);
  REQUIRE(::chmod(path->c_str(), 0644) == 0);
  REQUIRE(store.save(token_of("node_1", "nt_live_b"), false));
  CHECK(mode_of(*path) == 0600);
  const auto held = store.lock("node_1");
  REQUIRE(held);
  REQUIRE(store.begin_mint("node_1", "http://e"));
  for (const auto& entry : std::filesystem::directory_iterator(places.own / "nodes")) {
    CAPTURE(entry.path());
    CHECK(mode_of(entry.path()) == 0600);
  }
  ::umask(before);
}

TEST_CASE_FIXTURE(OnRealDisk, "a token comes back as it was saved, by its node only") {
  TokenFile file = token_of("node_1", "nt_live_a", "/srv/app");
  file.node_name = "box";
  REQUIRE(store.save(file, false));
  const auto found = store.find("node_1");
  REQUIRE(found);
  REQUIRE(*found);
  CHECK((*found)->file->token.reveal() == "nt_live_a");
  CHECK((*found)->file->node_name == "box");
  CHECK((*found)->file->directory == "/srv/app");
  CHECK_FALSE(store.find("node_2").value());
}

TEST_CASE_FIXTURE(OnRealDisk, "what is not safely ours is refused with the file's name") {
  const auto path = store.path_of("node_1", false);
  const std::string good = token_file_text(token_of("node_1", "nt_live_a"));
  SUBCASE("readable for others") {
    put(path, good, 0644);
  }
  SUBCASE("a symbolic link") {
    put(temp / "elsewhere", good, 0600);
    std::filesystem::create_directories(path.parent_path());
    std::filesystem::create_symlink(temp / "elsewhere", path);
  }
  SUBCASE("a hard link") {
    put(path, good, 0600);
    std::filesystem::create_hard_link(path, temp / "second");
  }
  SUBCASE("a FIFO") {
    std::filesystem::create_directories(path.parent_path());
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  }
  SUBCASE("of another user") {
    if (::geteuid() != 0) return;
    put(path, good, 0600);
    REQUIRE(::chown(path.c_str(), 4711, 4711) == 0);
  }
  SUBCASE("the peer's, writable for others") {
    put(store.path_of("node_1", true), good, 0666);
  }
  const auto found = store.find("node_1");
  REQUIRE_FALSE(found);
  CHECK(found.error().code == Code::unsafe_file);
  CHECK(found.error().message.find("node_1.json") != std::string::npos);
  CHECK_FALSE(found.error().hint.empty());
  // The list shows it, with what is wrong, instead of failing.
  const auto listed = store.list();
  REQUIRE(listed);
  REQUIRE(listed->size() == 1);
  CHECK_FALSE(listed->front().file);
  CHECK(listed->front().problem.find("is not used") != std::string::npos);
}

TEST_CASE_FIXTURE(OnRealDisk, "saving replaces a link and never follows it") {
  const auto path = store.path_of("node_1", false);
  put(temp / "elsewhere", "untouched", 0600);
  std::filesystem::create_directories(path.parent_path());
  REQUIRE(::chmod(path.parent_path().c_str(), 0700) == 0);
  std::filesystem::create_symlink(temp / "elsewhere", path);
  REQUIRE(store.save(token_of("node_1", "nt_live_a"), false));
  CHECK(std::filesystem::is_regular_file(std::filesystem::symlink_status(path)));
  std::string text;
  std::ifstream(temp / "elsewhere") >> text;
  CHECK(text == "untouched");
}

TEST_CASE_FIXTURE(OnRealDisk, "the peer's file is read although it is 0644, then made private") {
  const auto path = store.path_of("node_1", true);
  put(path, token_file_text(token_of("node_1", "nt_live_peer")), 0644);
  const auto found = store.find("node_1");
  REQUIRE(found);
  REQUIRE(*found);
  CHECK((*found)->of_peer);
  CHECK((*found)->file->token.reveal() == "nt_live_peer");
  CHECK(mode_of(path) == 0644);
  REQUIRE(store.tighten(**found));
  CHECK(mode_of(path) == 0600);
  CHECK((*store.find("node_1"))->file->token.reveal() == "nt_live_peer");
}

TEST_CASE_FIXTURE(OnRealDisk, "two nodes do not overwrite each other, also with one file name") {
  REQUIRE(store.save(token_of("a.b", "nt_live_1"), false));
  const auto second = store.save(token_of("a:b", "nt_live_2"), false);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Code::conflict);
  CHECK((*store.find("a.b"))->file->token.reveal() == "nt_live_1");
  CHECK_FALSE(store.find("a:b").value());
  CHECK_FALSE(store.remove("a:b").value());
  CHECK(store.find("a.b").value());
}

TEST_CASE_FIXTURE(OnRealDisk, "a token that is shared with the peer has no copy at our place") {
  REQUIRE(store.save(token_of("node_1", "nt_live_old"), false));
  const auto path = store.save(token_of("node_1", "nt_live_new"), true);
  REQUIRE(path);
  CHECK(path->parent_path() == places.peer / "node-tokens");
  CHECK((*store.find("node_1"))->file->token.reveal() == "nt_live_new");
  CHECK(store.list()->size() == 1);
}

TEST_CASE_FIXTURE(OnRealDisk, "a damaged or huge file counts as absent and can be overwritten") {
  const auto path = store.path_of("node_1", false);
  SUBCASE("half") {
    put(path, R"({"node_id":"node_1","tok)", 0600);
  }
  SUBCASE("empty") {
    put(path, "", 0600);
  }
  SUBCASE("huge") {
    put(path, std::string(100'000, ' '), 0600);
  }
  SUBCASE("another node's") {
    put(path, token_file_text(token_of("node_2", "x")), 0600);
  }
  const auto found = store.find("node_1");
  REQUIRE(found);
  CHECK_FALSE(*found);
}

TEST_CASE_FIXTURE(OnRealDisk, "a lock keeps a second holder out and says who has it") {
  const auto held = store.lock("node_1");
  REQUIRE(held);
  const auto second = store.lock("node_1");
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Code::already_running);
  CHECK(second.error().message.find(std::to_string(::getpid())) != std::string::npos);
  CHECK(store.lock("node_2"));
}

TEST_CASE_FIXTURE(OnRealDisk, "a node has one broker, beside which its token may be replaced") {
  auto first = store.claim("node_1", "the broker of /srv (pid 7, instance one)");
  REQUIRE(first);
  const auto second = store.claim("node_1", "the broker of /srv (pid 8, instance two)");
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Code::already_running);
  CHECK(second.error().message.ends_with("locked by the broker of /srv (pid 7, instance one)"));
  CHECK(store.lock("node_1"));
  CHECK(store.claim("node_2", "another"));
  const auto file = store.path_of("node_1", false).parent_path() / "node_1.broker";
  CHECK((std::filesystem::status(file).permissions() & std::filesystem::perms::all) ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  first->reset();
  CHECK(store.claim("node_1", "the next one"));
}

TEST_CASE("a full disk or a power cut at any step leaves the old token or the new one, whole") {
  CachePlaces places;
  places.own = "/data/relay-broker";
  places.peer = "/data/agent-relay";
  places.user = os::FakeFiles::kUs;
  for (const auto fault : {os::FakeFiles::Fault::no_space, os::FakeFiles::Fault::io_error,
                           os::FakeFiles::Fault::power_cut}) {
    for (std::size_t step = 1; step < 12; ++step) {
      CAPTURE(step);
      FakeClock clock;
      os::FakeFiles files(clock);
      TokenStore store(files, places);
      REQUIRE(store.save(token_of("node_1", "nt_live_old"), false));
      files.fail_step(step, fault);
      const auto saved = store.save(token_of("node_1", "nt_live_new"), false);
      files.fail_step(1'000'000, fault);  // not while we look
      if (fault == os::FakeFiles::Fault::power_cut) files.restart(os::FakeFiles::Kept::synced_only);
      const auto found = store.find("node_1");
      REQUIRE(found);
      REQUIRE(*found);
      const auto& token = (*found)->file->token.reveal();
      CHECK((token == "nt_live_old" || token == "nt_live_new"));
      if (saved) CHECK(token == "nt_live_new");
    }
  }
}

TEST_CASE("the nodes of a directory are told by what is recorded, or by their id") {
  MachineSeed seed;
  seed.text = "node_seed";
  std::vector<CacheEntry> entries;
  const auto add = [&](TokenFile file, std::string engine) {
    CacheEntry entry;
    file.engine = std::move(engine);
    entry.file = std::move(file);
    entries.push_back(std::move(entry));
  };
  add(token_of("node_pinned", "t", "/srv/app"), "http://e");
  add(token_of("node_other", "t", "/srv/other"), "http://e");
  add(token_of(derived_node_id("node_seed", "/srv/app", "ws_1"), "t"), "http://f");
  add(token_of(peer_node_id("node_seed", "/srv/app"), "t"), "http://e");
  TokenFile unknown = token_of(peer_node_id("node_seed", "/srv/app"), "t");
  unknown.workspace_id = "";
  add(unknown, "http://e");
  CHECK(of_directory(entries, seed, "/srv/app", "").size() == 3);
  CHECK(of_directory(entries, seed, "/srv/app", "http://f").size() == 1);
  CHECK(of_directory(entries, std::nullopt, "/srv/app", "").size() == 1);
  CHECK(of_directory(entries, seed, "/srv", "").empty());
}

}  // namespace relay::token_cache
