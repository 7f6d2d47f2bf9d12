#include "engine/service/engine_home.hpp"

#include <doctest/doctest.h>
#include <fstream>
#include <sys/stat.h>

#include "os/posix_files.hpp"
#include "os/system_random.hpp"
#include "support/temp_dir.hpp"

namespace relay::test {
namespace {

struct Home {
  TempDir temp;
  os::SystemRandom random;
  os::PosixFiles files{random};
  engine::EngineHome home{temp / "engine", files};
};

}  // namespace

TEST_CASE_FIXTURE(Home, "engine home: the key is made once and stays") {
  const auto first = home.workspace_key(random);
  REQUIRE(first);
  CHECK(first->reveal().starts_with("rk_live_"));
  CHECK(first->reveal().size() == 40);
  const auto second = home.workspace_key(random);
  REQUIRE(second);
  CHECK(second->reveal() == first->reveal());
}

TEST_CASE_FIXTURE(Home, "engine home: a key that others could read, or that is none, is refused") {
  REQUIRE(home.workspace_key(random));
  const auto path = temp / "engine" / "workspace.key";
  ::chmod(path.c_str(), 0644);
  CHECK(home.workspace_key(random).error().code == Code::unsafe_file);
  REQUIRE(files.replace(path, "hello\n"));
  const auto bad = home.workspace_key(random);
  REQUIRE_FALSE(bad);
  CHECK(bad.error().message.find("holds no key") != std::string::npos);
  CHECK(bad.error().message.find("hello") == std::string::npos);
}

TEST_CASE_FIXTURE(Home, "engine home: the address, and those before it") {
  CHECK_FALSE(*home.address());
  REQUIRE(home.workspace_key(random));
  REQUIRE(home.keep_address("http://127.0.0.1:20001", 20001, 7));
  REQUIRE(home.keep_address("http://127.0.0.1:20001", 20001, 7));
  REQUIRE(home.keep_address("http://127.0.0.1:20002", 20002, 7));
  REQUIRE(home.keep_address("http://127.0.0.1:20001", 20001, 7));
  const auto known = home.address();
  REQUIRE(known);
  REQUIRE(*known);
  CHECK((*known)->url == "http://127.0.0.1:20001");
  CHECK((*known)->port == 20001);
  CHECK((*known)->pid == 7);
  REQUIRE(home.keep_address("http://127.0.0.1:20001", 20001, 8));
  CHECK((*home.address())->pid == 8);
  CHECK((*home.address())->former.size() == 1);
  CHECK((*known)->former == std::vector<std::string>{"http://127.0.0.1:20002"});
  CHECK((*known)->is_or_was("http://127.0.0.1:20002"));
  CHECK_FALSE((*known)->is_or_was("http://127.0.0.1:20003"));
  for (std::uint16_t port = 1000; port < 1020; ++port) {
    REQUIRE(home.keep_address("http://127.0.0.1:" + std::to_string(port), port, 7));
  }
  CHECK((*home.address())->former.size() == engine::EngineHome::kMostFormer);
}

TEST_CASE_FIXTURE(Home, "engine home: a database elsewhere has a key and an address of its own") {
  const auto shared = home.workspace_key(random);
  REQUIRE(home.keep_address("http://127.0.0.1:20001", 20001, 7));
  auto other = engine::EngineHome::of_database(temp / "elsewhere" / "x.db", files);
  CHECK(other.database() == temp / "elsewhere" / "x.db");
  CHECK_FALSE(*other.address());
  const auto key = other.workspace_key(random);
  REQUIRE(key);
  CHECK(key->reveal() != shared->reveal());
  REQUIRE(other.keep_address("http://127.0.0.1:20002", 20002, 8));
  CHECK((*home.address())->port == 20001);
  CHECK((*engine::EngineHome::of_database(temp / "elsewhere" / "x.db", files).address())->port ==
        20002);
  CHECK_FALSE(*engine::EngineHome::of_database(temp / "elsewhere" / "y.db", files).address());
}

TEST_CASE_FIXTURE(Home, "engine home: an address that was cut off is none") {
  REQUIRE(home.workspace_key(random));
  for (const char* text : {"", "{\"url\":\"http://127", "[]", "{\"url\":\"\",\"port\":1}",
                           "{\"url\":\"http://127.0.0.1:70000\",\"port\":70000}"}) {
    CAPTURE(text);
    REQUIRE(files.replace(temp / "engine" / "engine.json", text));
    const auto known = home.address();
    REQUIRE(known);
    CHECK_FALSE(*known);
  }
}

}  // namespace relay::test
