#include "os/terminal.hpp"

#include <csignal>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <string>

#include "os/fd.hpp"
#include "support/pty_driver.hpp"
#include "support/temp_dir.hpp"

namespace relay::os {
namespace {

struct Program {
  test::TempDir temp;
  test::PtyDriver pty;

  explicit Program(const std::string& way)
      : pty({{Environment::of_process().get("RAW_MODE_PROGRAM").value(), way},
             temp.environment()}) {
    pty.wait_for("raw\n");
    pty.wait_raw(true);
  }

  /// The end, and that the terminal is as it was.
  ExitStatus end() {
    const ExitStatus status = pty.wait_end();
    CHECK(test::same_mode(pty.mode(), pty.mode_before()));
    return status;
  }
};

}  // namespace

TEST_CASE("the terminal is put back when the program returns, exits, throws or aborts") {
  const struct {
    const char* way;
    ExitStatus status;
  } rows[] = {
      {"return", ExitStatus::exited(0)},         {"exit", ExitStatus::exited(3)},
      {"throw", ExitStatus::signalled(SIGABRT)}, {"abort", ExitStatus::signalled(SIGABRT)},
      {"twice", ExitStatus::exited(4)},
  };
  for (const auto& row : rows) {
    CAPTURE(row.way);
    Program program(row.way);
    program.pty.type("x");
    CHECK(program.end() == row.status);
  }
}

TEST_CASE("the terminal is put back when a signal ends the program, which still dies of it") {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGALRM, SIGPIPE}) {
    CAPTURE(signal);
    Program program("wait");
    program.pty.type("x");
    program.pty.wait_for("waiting");
    program.pty.signal(signal);
    CHECK(program.end() == ExitStatus::signalled(signal));
  }
}

TEST_CASE("a signal of the kernel's own ends the program as well") {
  Program program("timer");
  program.pty.type("x");
  CHECK(program.end() == ExitStatus::signalled(SIGALRM));
}

TEST_CASE("the terminal is put back after a crash") {
  for (const char* way : {"crash", "fault"}) {
    CAPTURE(way);
    Program program(way);
    program.pty.type("x");
    // A sanitizer reports the crash and exits with a status of its own.
    CHECK_FALSE(program.end().success());
  }
}

TEST_CASE("a signal that the program ignores changes nothing") {
  Program program("ignore");
  program.pty.type("x");
  program.pty.wait_for("waiting");
  program.pty.signal(SIGTERM);
  program.pty.type("x");
  CHECK(program.end() == ExitStatus::exited(0));
}

TEST_CASE("the terminal can be put back for a while") {
  Program program("leave");
  program.pty.type("x");
  program.pty.wait_for("cooked");
  program.pty.wait_raw(false);
  CHECK(test::same_mode(program.pty.mode(), program.pty.mode_before()));
  program.pty.type("\r");
  program.pty.wait_for("raw again");
  program.pty.wait_raw(true);
  program.pty.type("x");
  CHECK(program.end() == ExitStatus::exited(0));
}

TEST_CASE("what is no terminal has no size and no mode") {
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  CHECK_FALSE(is_terminal(null.get()));
  CHECK_FALSE(window_size(null.get()));
  const auto raw = RawMode::enter(null.get());
  REQUIRE_FALSE(raw);
  CHECK(raw.error().code == Code::io_error);
}

TEST_CASE("a terminal has the size that it was given") {
  const Fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  REQUIRE(master);
  CHECK(is_terminal(master.get()));
  CHECK_FALSE(window_size(master.get()));
}

TEST_CASE("the option decides about colours, then the environment, then the terminal") {
  const Environment xterm{{"TERM", "xterm"}};
  CHECK(wants_color(ColorWish::automatic, xterm, true));
  CHECK_FALSE(wants_color(ColorWish::automatic, xterm, false));
  CHECK_FALSE(wants_color(ColorWish::automatic, Environment{{"TERM", "dumb"}}, true));
  CHECK_FALSE(wants_color(ColorWish::automatic, Environment{}, true));
  CHECK_FALSE(
      wants_color(ColorWish::automatic, Environment{{"TERM", "xterm"}, {"NO_COLOR", "0"}}, true));
  CHECK(wants_color(ColorWish::automatic, Environment{{"TERM", "xterm"}, {"NO_COLOR", ""}}, true));
  CHECK(wants_color(ColorWish::automatic, Environment{{"CLICOLOR_FORCE", "1"}}, false));
  CHECK_FALSE(wants_color(ColorWish::automatic, Environment{{"CLICOLOR_FORCE", "0"}}, false));
  CHECK_FALSE(wants_color(ColorWish::automatic,
                          Environment{{"CLICOLOR_FORCE", "1"}, {"NO_COLOR", "1"}}, true));
  CHECK(wants_color(ColorWish::always, Environment{{"NO_COLOR", "1"}}, false));
  CHECK_FALSE(wants_color(ColorWish::never, Environment{{"CLICOLOR_FORCE", "1"}}, true));
}

TEST_CASE("the colour option knows three words") {
  CHECK(color_wish("auto").value() == ColorWish::automatic);
  CHECK(color_wish("always").value() == ColorWish::always);
  CHECK(color_wish("never").value() == ColorWish::never);
  CHECK(color_wish("yes\x1B").error().message == "--color does not know 'yes^['");
}

}  // namespace relay::os
