#include "os/secret_input.hpp"

#include <doctest/doctest.h>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fd.hpp"
#include "support/temp_dir.hpp"

namespace relay::os {
namespace {

constexpr const char* kOption = "--workspace-key";
constexpr const char* kVariable = "RELAY_BROKER_WORKSPACE_KEY";

Result<Secret> from_argument(const std::string& argument, int input = -1) {
  return secret_from_argument(argument, kOption, kVariable, input);
}

/// The reading end of a pipe that holds this text and then ends.
Fd piped(const std::string& text) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  Fd writing(ends[1]);
  REQUIRE(::write(writing.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  return Fd(ends[0]);
}

}  // namespace

TEST_CASE("a secret comes from a file, without its line end") {
  const test::TempDir temp;
  for (const char* content : {"rk_live_abc", "rk_live_abc\n", "rk_live_abc\r\n"}) {
    std::ofstream(temp / "key") << content;
    CHECK(from_argument("@" + (temp / "key").string())->reveal() == "rk_live_abc");
  }
  std::ofstream(temp / "key") << "  with blanks \n";
  CHECK(from_argument("@" + (temp / "key").string())->reveal() == "  with blanks ");
}

TEST_CASE("a secret comes from standard input or from a pipe") {
  CHECK(from_argument("-", piped("rk_live_abc\n").get())->reveal() == "rk_live_abc");
  const Fd pipe = piped("rk_live_def");
  CHECK(from_argument("@/dev/fd/" + std::to_string(pipe.get()))->reveal() == "rk_live_def");
}

TEST_CASE("a literal secret is refused, with the ways that are better, and not repeated") {
  for (const char* literal : {"rk_live_abc", "", "@", "--", "-x"}) {
    const auto secret = from_argument(literal);
    REQUIRE_FALSE(secret);
    CHECK(secret.error().code == Code::invalid_argument);
    CHECK(secret.error().message ==
          "--workspace-key takes no secret as it is: every user could read it");
    CHECK(secret.error().hint ==
          "use --workspace-key @FILE, --workspace-key - (standard input), or the variable "
          "RELAY_BROKER_WORKSPACE_KEY");
  }
}

TEST_CASE("what holds no secret says so") {
  CHECK(from_argument("@/no/such/file").error().code == Code::not_found);
  CHECK(from_argument("@/").error().code == Code::io_error);
  for (const char* text : {"", "\n", " \t\n", "one\ntwo\n", "one\r\n\r\n"}) {
    CHECK(from_argument("-", piped(text).get()).error().code == Code::invalid_argument);
  }
  CHECK(from_argument("-", piped(std::string("a\0b", 3)).get()).error().code ==
        Code::invalid_argument);
  CHECK(from_argument("@/dev/zero").error().code == Code::too_large);
  CHECK(from_argument("-", -1).error().code == Code::io_error);
}

TEST_CASE("a secret comes from the environment") {
  const Environment environment{{kVariable, "rk_live_abc\n"}, {"EMPTY", ""}, {"BLANK", " "}};
  CHECK(secret_from_environment(environment, kVariable)->reveal() == "rk_live_abc");
  CHECK(secret_from_environment(environment, "EMPTY").error().code == Code::not_found);
  CHECK(secret_from_environment(environment, "NONE").error().code == Code::not_found);
  CHECK(secret_from_environment(environment, "BLANK").error().code == Code::invalid_argument);
}

}  // namespace relay::os
