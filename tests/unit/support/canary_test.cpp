#include "support/canary.hpp"

#include <csignal>
#include <doctest/doctest.h>
#include <fstream>
#include <stdexcept>

#include "base/redaction.hpp"
#include "os/system_random.hpp"
#include "support/run_binary.hpp"
#include "support/temp_dir.hpp"

namespace relay::test {
namespace {

struct Fixture {
  TempDir temp;
  os::SystemRandom random;
  Canary canary{random};
  Secret secret = canary.plant("at_live_");

  void write(const std::string& name, const std::string& content) const {
    std::ofstream(temp / name) << content;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "a clean place has no leaks; the masked and the redacted form are none") {
  write("state/log", "token " + secret.masked() + " accepted");
  canary.search("stdout", redact("token=" + secret.reveal()));
  canary.search("stderr", "at_live_0123456789abcdef0123456789abcdef");
  canary.search_files(temp.path());
  CHECK(canary.leaks().empty());
}

TEST_CASE_FIXTURE(Fixture, "a leak in captured output is found") {
  canary.search("stdout of spawn", "the token is " + secret.reveal());
  REQUIRE(canary.leaks().size() == 1);
  CHECK(canary.leaks()[0] == "stdout of spawn: " + secret.masked() + " at byte 21");
}

TEST_CASE_FIXTURE(Fixture, "a part of a secret is a leak") {
  canary.search("stdout", secret.reveal().substr(20, 12));
  CHECK(canary.leaks().size() == 1);
  canary.search("stdout", secret.reveal().substr(20, 11));
  CHECK(canary.leaks().size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a leak in a file is found, but for the files where it belongs") {
  write("data/token.json", "{\"token\":\"" + secret.reveal() + "\"}");
  canary.allow(temp.path() / "data" / "." / "token.json");
  canary.search_files(temp.path());
  CHECK(canary.leaks().empty());
  write("state/journal", std::string(100'000, '\0') + secret.reveal());
  canary.search_files(temp.path());
  REQUIRE(canary.leaks().size() == 1);
  CHECK(canary.leaks()[0] ==
        (temp / "state/journal").string() + ": " + secret.masked() + " at byte 100008");
}

TEST_CASE_FIXTURE(Fixture, "a leak in a file's name or a link is found") {
  write("state/" + secret.reveal(), "");
  std::filesystem::create_symlink("/nowhere/" + secret.reveal(), temp / "link");
  canary.search_files(temp.path());
  CHECK(canary.leaks().size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "a leak in a command line or an environment is found") {
  os::Environment environment = temp.environment();
  const os::Command quiet{{"sh", "-c", "echo up; exec sleep 1000"}, environment};
  RunningProgram clean(quiet);
  clean.wait_for("up");
  canary.search_process(clean.pid());
  CHECK(canary.leaks().empty());

  RunningProgram in_argv({{"sh", "-c", "echo up; sleep 1000; :", secret.reveal()}, environment});
  in_argv.wait_for("up");
  canary.search_process(in_argv.pid());
  CHECK(canary.leaks().size() == 1);

  environment.set("TOKEN", secret.reveal());
  RunningProgram in_environment({{"sh", "-c", "echo up; sleep 1000; :"}, environment});
  in_environment.wait_for("up");
  canary.search_process(in_environment.pid());
  CHECK(canary.leaks().size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "what cannot be searched is an error, not a pass") {
  CHECK_THROWS_AS(canary.search_process(0x3FFFFFFF), std::runtime_error);
  CHECK_THROWS_AS(canary.search_files(temp / "none"), std::filesystem::filesystem_error);
}

}  // namespace relay::test
