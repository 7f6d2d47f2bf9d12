#include "support/run_binary.hpp"

#include <csignal>
#include <doctest/doctest.h>
#include <stdexcept>

#include "support/bytes_of.hpp"
#include "support/long_form.hpp"
#include "support/temp_dir.hpp"
#include "support/wait_until.hpp"

namespace relay::test {
namespace {

using namespace std::chrono_literals;

os::Command shell(const TempDir& temp, const std::string& script) {
  return {{"sh", "-c", script}, temp.environment()};
}

}  // namespace

TEST_CASE("input, both outputs and the exit status of a program are passed on") {
  const TempDir temp;
  const RunResult result =
      run_program(shell(temp, "read a; echo \"got $a\"; echo oops >&2; exit 3"), "hello\n");
  CHECK(result.status == os::ExitStatus::exited(3));
  CHECK(result.out == "got hello\n");
  CHECK(result.err == "oops\n");
}

TEST_CASE("more than the pipes hold goes both ways at once") {
  const TempDir temp;
  const std::string much(1 << 20, 'x');
  CHECK(run_program(shell(temp, "cat"), much).out == much);
  CHECK(run_program(shell(temp, "exec <&-; echo done"), much).out == "done\n");
}

TEST_CASE("a program that does not end is ended, and the test is told what it printed") {
  const TempDir temp;
  {
    RunningProgram program(shell(temp, "echo half; exec sleep 1000"));
    program.wait_for("half\n");
    CHECK_THROWS_WITH_AS(program.wait_end(10ms),
                         "it has not ended\nstdout: half\n\nstderr: ", std::runtime_error);
  }
  CHECK_THROWS_AS((void)run_program(shell(temp, "exec sleep 1000"), "", 10ms), std::runtime_error);
}

TEST_CASE("a server is waited for by what it prints") {
  const TempDir temp;
  RunningProgram server(
      shell(temp, "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done"));
  server.wait_for("ready\n");
  server.signal(SIGTERM);
  CHECK(server.wait_end() == os::ExitStatus::exited(0));
  CHECK(server.out() == "ready\nbye\n");
  CHECK_THROWS_AS(server.wait_for("more"), std::runtime_error);
}

TEST_CASE("a program that is frozen stands still until it is told to go on") {
  const TempDir temp;
  RunningProgram program(shell(temp, "trap 'exit 5' TERM; echo up; while :; do sleep 0.01; done"));
  program.wait_for("up\n");
  program.freeze();
  program.signal(SIGTERM);
  const auto state = bytes_of("/proc/" + std::to_string(program.pid()) + "/stat");
  CHECK(state.find(") T ") != std::string::npos);
  program.signal(SIGCONT);
  CHECK(program.wait_end().as_shell() == 5);
}

TEST_CASE(
    "what is looked for is waited for; when it never comes, the test is told what there was") {
  int looks = 0;
  wait_until([&] { return ++looks == 3; }, "three looks");
  CHECK(looks == 3);
  const auto never = [&] {
    ++looks;
    return false;
  };
  CHECK_THROWS_WITH_AS(wait_until(never, "the moon", 1ms), "never: the moon", std::runtime_error);
  CHECK_THROWS_WITH_AS(wait_until(never, "the moon", 1ms, [] { return "a cloud"; }),
                       "never: the moon; a cloud", std::runtime_error);
  CHECK(looks > 4);
}

TEST_CASE("a number of the environment makes a test long; a word that is none is a slip") {
  const char* name = "RELAY_BROKER_TEST_LONG_FORM";
  ::unsetenv(name);
  CHECK(long_form(name, 7) == 7);
  ::setenv(name, "5000000000", 1);
  CHECK(long_form<std::uint64_t>(name, 7) == 5'000'000'000);
  for (const char* slip : {"5000000000", "", "many", "10k"}) {
    ::setenv(name, slip, 1);
    CHECK_THROWS_AS((void)long_form(name, 7), std::runtime_error);
  }
  ::unsetenv(name);
}

TEST_CASE("the binary that was built is run") {
  const TempDir temp;
  const RunResult result = run_binary({"--version"}, temp.environment());
  CHECK(result.status == os::ExitStatus::exited(0));
}

TEST_CASE("an instance has all of its directories in a tree of its own that goes away") {
  std::filesystem::path where;
  {
    const TempDir temp;
    where = temp.path();
    const os::Environment environment = temp.environment();
    for (const char* variable : {"HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME",
                                 "XDG_RUNTIME_DIR", "TMPDIR"}) {
      CAPTURE(variable);
      const std::filesystem::path path = environment.get(variable).value();
      CHECK(path.parent_path() == where);
      CHECK(std::filesystem::is_directory(path));
    }
  }
  CHECK_FALSE(std::filesystem::exists(where));
}

}  // namespace relay::test
