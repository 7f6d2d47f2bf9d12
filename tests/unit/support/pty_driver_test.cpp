#include "support/pty_driver.hpp"

#include <csignal>
#include <doctest/doctest.h>
#include <stdexcept>

#include "support/temp_dir.hpp"

namespace relay::test {
namespace {

using namespace std::chrono_literals;

struct PtyFixture {
  TempDir temp;

  os::Command shell(const std::string& script) const {
    return {{"sh", "-c", script}, temp.environment()};
  }
};

}  // namespace

TEST_CASE_FIXTURE(PtyFixture, "a program sees a terminal of the size asked for, and is typed to") {
  PtyDriver pty(
      shell("test -t 0 && test -t 1 && test -t 2 && stty size && read a && echo \"<$a>\""),
      {100, 30});
  pty.wait_for("30 100\r\n");
  pty.type("hello\r");
  pty.wait_for("<hello>");
  CHECK(pty.wait_end() == os::ExitStatus::exited(0));
  CHECK(pty.transcript() == "30 100\r\nhello\r\n<hello>\r\n");
  CHECK(same_mode(pty.mode(), pty.mode_before()));
}

TEST_CASE_FIXTURE(PtyFixture, "each wait begins behind the one before") {
  PtyDriver pty(shell("echo one two one"));
  pty.wait_for("one");
  CHECK(pty.wait_match("t.o") == "two");
  pty.wait_for("one");
  CHECK_THROWS_AS(pty.wait_for("two", 50ms), std::runtime_error);
  CHECK(pty.wait_end().success());
  CHECK_THROWS_AS(pty.wait_for("two"), std::runtime_error);
}

TEST_CASE_FIXTURE(PtyFixture,
                  "the terminal is the controlling one: Ctrl-C and a resize reach the program") {
  PtyDriver pty(
      shell("trap 'stty size' WINCH; trap 'echo stopped; exit 7' INT; echo ready;"
            "while :; do sleep 0.01; done"));
  pty.wait_for("ready");
  pty.resize({40, 10});
  pty.wait_for("10 40");
  pty.type("\x03");
  pty.wait_for("stopped");
  CHECK(pty.wait_end() == os::ExitStatus::exited(7));
}

TEST_CASE_FIXTURE(PtyFixture, "a program that leaves the terminal changed is found out") {
  PtyDriver pty(shell("stty raw -echo; echo raw; read a; exit 0"));
  pty.wait_for("raw");
  pty.wait_raw(true);
  pty.type("\n");
  CHECK(pty.wait_end().success());
  CHECK_FALSE(same_mode(pty.mode(), pty.mode_before()));
}

TEST_CASE_FIXTURE(PtyFixture, "all of a large output is there at the end, and none is lost") {
  PtyDriver pty(shell("i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done"));
  CHECK(pty.wait_end().success());
  CHECK(pty.transcript().ends_with("19998\r\n19999\r\n"));
  CHECK(pty.transcript().size() == 10 * 3 + 90 * 4 + 900 * 5 + 9000 * 6 + 10000 * 7);
}

TEST_CASE_FIXTURE(PtyFixture,
                  "a program that does not end is told with its transcript, then killed") {
  PtyDriver pty(shell("printf '\\033[31mwaiting'; exec sleep 1000"));
  pty.wait_for("waiting");
  CHECK_THROWS_WITH_AS(pty.wait_end(50ms), "it has not ended\ntranscript: ^[[31mwaiting",
                       std::runtime_error);
  pty.signal(SIGKILL);
  CHECK(pty.wait_end() == os::ExitStatus::signalled(SIGKILL));
}

TEST_CASE_FIXTURE(PtyFixture, "our own binary runs in a terminal and leaves it as it was") {
  PtyDriver pty(binary_command({"--version"}, temp.environment()));
  CHECK(pty.wait_end() == os::ExitStatus::exited(0));
  CHECK(same_mode(pty.mode(), pty.mode_before()));
}

}  // namespace relay::test
