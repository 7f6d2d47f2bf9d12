#include "support/run_binary.hpp"

#include <csignal>
#include <doctest/doctest.h>
#include <stdexcept>

#include "support/temp_dir.hpp"

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
  CHECK_THROWS_WITH_AS((void)run_program(shell(temp, "echo half; exec sleep 1000"), "", 300ms),
                       "it has not ended\nstdout: half\n\nstderr: ", std::runtime_error);
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
