#include "base/error.hpp"

#include <doctest/doctest.h>
#include <string>

#include "base/result.hpp"

namespace relay {

TEST_CASE("the exit statuses of cli.md, restated by hand") {
  const struct {
    const char* name;
    int status;
  } rows[] = {
      {"internal_error", 1},     {"spawn_failed", 1},
      {"invalid_argument", 2},   {"broker_not_running", 3},
      {"engine_unreachable", 3}, {"not_enrolled", 4},
      {"unauthorized", 4},       {"forbidden", 4},
      {"token_rejected", 4},     {"agent_not_found", 5},
      {"node_not_found", 5},     {"token_not_found", 5},
      {"name_conflict", 6},      {"conversation_busy", 6},
      {"already_running", 6},    {"node_not_ready", 75},
      {"relay_deferred", 75},    {"queue_full", 75},
      {"timeout", 124},          {"cli_not_executable", 126},
      {"cli_not_found", 127},    {"cwd_missing", 5},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto code = code_named(row.name);
    REQUIRE(code.has_value());
    CHECK(exit_status_of(*code) == row.status);
    CHECK(name_of(*code) == row.name);
  }
}

TEST_CASE("a name that is no code is nothing") {
  CHECK_FALSE(code_named("agent_not_foundx").has_value());
  CHECK_FALSE(code_named("").has_value());
}

TEST_CASE("an error keeps its code and hint when it is put into a context") {
  const Error error = Error(Code::timeout, "no answer", "try again").within("verifying the token");
  CHECK(error.cause() == "no answer");
  CHECK(Error(Code::timeout, "no answer").cause() == "no answer");
  CHECK(error.code == Code::timeout);
  CHECK(error.message == "verifying the token: no answer");
  CHECK(error.hint == "try again");
}

TEST_CASE("a result is a value or an error") {
  const Result<int> seven = 7;
  CHECK(seven.has_value());
  CHECK(*seven == 7);
  const Result<int> none = fail(Code::not_found, "nothing there");
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().code == Code::not_found);
}

}  // namespace relay
