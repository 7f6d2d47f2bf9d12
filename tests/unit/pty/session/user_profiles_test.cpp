#include "pty/session/user_profiles.hpp"

#include <doctest/doctest.h>

#include "os/fake_files.hpp"
#include "pty/injection/profile_file.hpp"

namespace relay::pty {
namespace {

struct ProfilesFixture {
  FakeClock clock;
  os::FakeFiles files{clock};
  const os::Path directory = "/config/profiles";

  ProfilesFixture() { REQUIRE(files.make_private_directory("/config")); }
  void put(const std::string& name, std::string text) {
    REQUIRE(files.make_private_directory(directory));
    files.plant(directory / name, std::move(text));
  }
};

constexpr auto kMine = "name = \"mine\"\nmatch = [\"claude\"]\nreader = \"plain\"\n";

}  // namespace

TEST_CASE_FIXTURE(ProfilesFixture, "without a directory there are the built-in ones") {
  const auto all = load_profiles(files, directory);
  REQUIRE(all);
  CHECK(all->size() == builtin_profiles().size());
}

TEST_CASE_FIXTURE(ProfilesFixture, "a profile of the user's stands in front, other files do not") {
  put("mine.toml", kMine);
  put(".hidden.toml", "no profile");
  put("notes.txt", "no profile");
  const auto all = load_profiles(files, directory);
  REQUIRE(all);
  CHECK(all->size() == builtin_profiles().size() + 1);
  CHECK(profile_for(*all, "/usr/bin/claude").name == "mine");
  CHECK(profile_called(*all, "claude")->name == "claude");
}

TEST_CASE_FIXTURE(ProfilesFixture, "what cannot be read is an error that names the file") {
  put("mine.toml", kMine);
  put("bad.toml", "name = \"bad\"\ncolour = 1\n");
  const auto bad = load_profiles(files, directory);
  REQUIRE_FALSE(bad);
  CHECK(bad.error().code == Code::invalid_argument);
  CHECK(bad.error().message.starts_with("/config/profiles/bad.toml:2: "));

  put("bad.toml", std::string(kMostProfileBytes + 1, '#'));
  const auto large = load_profiles(files, directory);
  REQUIRE_FALSE(large);
  CHECK(large.error().code == Code::too_large);
  CHECK(large.error().message.find("bad.toml") != std::string::npos);

  put("bad.toml", "");
  files.break_reading(directory / "bad.toml");
  CHECK(load_profiles(files, directory).error().code == Code::io_error);
}

TEST_CASE_FIXTURE(ProfilesFixture, "an unknown name lists the known ones") {
  const auto none = profile_called(builtin_profiles(), "nobody");
  REQUIRE_FALSE(none);
  CHECK(none.error().code == Code::not_found);
  CHECK(none.error().hint.find("claude, codex") != std::string::npos);
}

}  // namespace relay::pty
