// How `wrap` ends and stops, and what it refuses.
#include <csignal>
#include <doctest/doctest.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "integration/wrap_world.hpp"

namespace relay {
namespace {

using test::kPatience;
using test::PtyDriver;
using test::run_binary;
using test::same_mode;
using test::WrapControlClient;
using test::WrapWorld;

/// Waits for the end of a process that is not our child.
bool ends(pid_t pid) {
  const os::Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) return true;
  pollfd waiting{pidfd.get(), POLLIN, 0};
  return ::poll(&waiting, 1, 20'000) == 1;
}

pid_t pid_in(const std::string& text) {
  return std::stoi(text.substr(text.find('=') + 1));
}

std::size_t descriptors_of(pid_t pid) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", pid))) {
    ++count;
  }
  return count;
}

}  // namespace

TEST_CASE_FIXTURE(WrapWorld, "what a killed program has left on is switched off") {
  PtyDriver pty(
      shell("printf '\\033[?1049h\\033[?1000h\\033[?1006h\\033[?2004h\\033[>1u\\033[?25lTUI'; "
            "kill -9 $$"));
  CHECK(pty.wait_end() == os::ExitStatus::exited(137));
  CHECK(pty.transcript().ends_with(
      "TUI\x1B[<1u\x1B[?1049l\x1B[?1000l\x1B[?1006l\x1B[?2004l\x1B[?25h"));
  CHECK(same_mode(pty.mode(), pty.mode_before()));
}

TEST_CASE_FIXTURE(WrapWorld, "nothing is added to the output of a program that cleans up") {
  PtyDriver pty(
      shell("printf '\\033[?1049h\\033[?25l\\033[31mx\\033[0m\\033[?25h\\033[?1049l'; exit 3"));
  CHECK(pty.wait_end() == os::ExitStatus::exited(3));
  CHECK(pty.transcript() == "\x1B[?1049h\x1B[?25l\x1B[31mx\x1B[0m\x1B[?25h\x1B[?1049l");
}

TEST_CASE_FIXTURE(WrapWorld, "a program that stops itself stops wrap, and fg continues both") {
  // As editors do: Ctrl-Z is a key, the terminal is put back, then they stop their own group.
  std::ofstream(temp.path() / "editor")
      << "stty raw -echo; printf ready; dd bs=1 count=1 >/dev/null 2>&1\n"
         "printf left; stty -raw echo; kill -TSTP 0\n"
         "stty raw -echo; printf back; dd bs=1 count=1 >/dev/null 2>&1\n"
         "stty -raw echo; exit 5\n";
  PtyDriver pty(bash());
  pty.wait_for("shell> ");
  pty.type(fmt::format("$WRAP sh {}\r", (temp.path() / "editor").string()));
  pty.wait_for("ready");
  pty.type("\x1a");
  // Its last output comes before the shell's.
  pty.wait_for("left");
  pty.wait_for("Stopped");
  pty.wait_for("shell> ");
  CHECK(same_mode(pty.mode(), pty.mode_before()));
  pty.resize({90, 33});
  pty.type("fg\r");
  pty.wait_for("back");
  pty.type("q");
  pty.wait_for("shell> ");
  pty.type("echo status=$?\r");
  pty.wait_for("status=5");
  CHECK(same_mode(pty.mode(), pty.mode_before()));
  pty.type("exit\r");
  CHECK(pty.wait_end().success());
}

TEST_CASE_FIXTURE(WrapWorld, "a shell inside has its own jobs") {
  auto command = wrap({"bash", "--norc", "--noediting", "-i"});
  command.environment.set("PS1", "inner> ");
  PtyDriver pty(command);
  pty.wait_for("inner> ");
  pty.type("cat\r");
  pty.wait_for("cat\r\n");
  pty.type("twice\r");
  pty.wait_for("twice\r\ntwice\r\n");
  pty.type("\x1a");
  pty.wait_for("Stopped");
  pty.wait_for("inner> ");
  pty.type("fg\r");
  pty.wait_for("cat\r\n");
  pty.type("\x04");
  pty.wait_for("inner> ");
  CHECK(pty.transcript().find("no job control") == std::string::npos);
  pty.type("exit 4\r");
  CHECK(pty.wait_end() == os::ExitStatus::exited(4));
}

TEST_CASE_FIXTURE(WrapWorld, "a window that is closed ends the program and wrap") {
  PtyDriver pty(shell("echo pid=$$=; exec cat"));
  const pid_t program = pid_in(pty.wait_match("pid=[0-9]+="));
  pty.wait_raw(true);
  pty.hang_up();
  CHECK(pty.wait_end() == os::ExitStatus::exited(129));
  CHECK(ends(program));
}

TEST_CASE_FIXTURE(WrapWorld, "a crash of wrap gives the terminal back and ends the program") {
  for (const int number : {SIGABRT, SIGSEGV, SIGKILL}) {
    CAPTURE(number);
    PtyDriver pty(shell("echo pid=$$=; exec cat"));
    const pid_t program = pid_in(pty.wait_match("pid=[0-9]+="));
    pty.wait_raw(true);
    pty.signal(number);
    CHECK_FALSE(pty.wait_end().success());
    if (number != SIGKILL) CHECK(same_mode(pty.mode(), pty.mode_before()));
    CHECK(ends(program));
  }
}

TEST_CASE_FIXTURE(WrapWorld, "a message to a program that reads a pipe is refused") {
  auto command = bash();
  command.argv = {"bash", "-c",
                  "head -n1 | ${WRAP% *} --control " + socket() + " sh -c 'echo up; tr a-z A-Z'"};
  PtyDriver pty(command);
  pty.wait_for("up");
  const WrapControlClient control(socket());
  control.send("{\"id\":\"m1\",\"from\":\"alice\",\"text\":\"hello\"}\n");
  const auto answer = control.answer();
  CHECK(answer.find("{\"id\":\"m1\",\"error\":{\"code\":\"invalid_argument\"") == 0);
  CHECK(answer.find("reads a pipe") != std::string::npos);
  pty.type("the line\r");
  // Its echo, and what the program has read.
  pty.wait_for("the line\r\n");
  pty.wait_for("THE LINE\r\n");
  CHECK(pty.wait_end().success());
  CHECK(pty.transcript().find("hello") == std::string::npos);
}

TEST_CASE_FIXTURE(WrapWorld,
                  "connections leave nothing behind, and get their answers before that") {
  PtyDriver pty(wrap({"--control", socket(), "sh", "-c", "echo up; exec cat"}));
  pty.wait_for("up");
  const std::size_t before = descriptors_of(pty.pid());
  for (int i = 0; i < 40; ++i) {
    const WrapControlClient control(socket());
    control.send(fmt::format("{{\"id\":\"m{}\",\"from\":\"a\",\"text\":\"t\"}}\n{{}}\n", i));
    control.finish();
    const std::string first = control.answer();
    const std::string second = control.answer();
    const std::string typed = fmt::format("{{\"id\":\"m{}\",\"outcome\":\"typed\"", i);
    CHECK((first.starts_with(typed) || second.starts_with(typed)));
    // wrap has closed its end.
    CHECK(control.answer().empty());
  }
  CHECK(descriptors_of(pty.pid()) <= before + 1);
  pty.type("\x04");
  CHECK(pty.wait_end().success());
}

TEST_CASE_FIXTURE(WrapWorld, "a crash of our own leaves the terminal as it was, modes included") {
  for (const int number : {SIGSEGV, SIGABRT}) {
    CAPTURE(number);
    PtyDriver pty(
        shell("printf '\\033[?1049h\\033[?2004h\\033[?1002h\\033[?25l'; echo up; read l"));
    pty.wait_for("up");
    pty.wait_raw(true);
    pty.signal(number);
    (void)pty.wait_end();
    const std::string& all = pty.transcript();
    const auto after = all.substr(all.find("up"));
    for (const char* off : {"\x1B[?1049l", "\x1B[?2004l", "\x1B[?1002l", "\x1B[?25h"}) {
      CAPTURE(off + 1);
      CHECK(after.find(off) != std::string::npos);
    }
    CHECK(same_mode(pty.mode(), pty.mode_before()));
  }
}

TEST_CASE_FIXTURE(WrapWorld,
                  "a program that reads a pipe is told to be out of reach, unless quiet") {
  const auto piped = [this](const std::string& options) {
    auto environment = temp.environment();
    environment.set("WRAP", test::relay_broker().string() + " wrap " + options);
    PtyDriver pty(
        os::Command({"sh", "-c", "echo from the pipe | $WRAP cat; echo over"}, environment));
    pty.wait_for("from the pipe");
    pty.wait_for("over");
    CHECK(pty.wait_end().success());
    return pty.transcript();
  };
  CHECK(piped("").find("so no messages reach it") != std::string::npos);
  CHECK(piped("--quiet").find("messages") == std::string::npos);
  CHECK(piped("--no-inject").find("messages") == std::string::npos);
}

TEST_CASE_FIXTURE(WrapWorld, "a program that is not started has ended with no status of its own") {
  const auto both = wrap({"--control", socket(), "--no-inject", "true"});
  CHECK(test::run_program(both).status == os::ExitStatus::exited(125));
}

TEST_CASE_FIXTURE(WrapWorld, "the program finds the agent's name") {
  const auto result = run_binary(
      {"wrap", "--name", "reviewer", "sh", "-c", "echo $RELAY_AGENT_NAME"}, temp.environment());
  CHECK(result.out == "reviewer\n");
  const auto refused = run_binary({"wrap", "--name", "a/b", "true"}, temp.environment());
  CHECK(refused.status == os::ExitStatus::exited(125));
}

TEST_CASE_FIXTURE(WrapWorld, "the user's profiles are read, and chosen by name") {
  const auto config = temp.environment().get("XDG_CONFIG_HOME");
  REQUIRE(config);
  const auto directory = std::filesystem::path(*config) / "relay-broker" / "profiles";
  std::filesystem::create_directories(directory);
  const auto run = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "wrap");
    return run_binary(words, temp.environment());
  };
  std::ofstream(directory / "mine.toml")
      << "name = \"mine\"\nmatch = [\"sh\"]\nreader = \"plain\"\n[environment]\nMINE = \"yes\"\n";
  CHECK(run({"sh", "-c", "echo $MINE"}).out == "yes\n");
  CHECK(run({"--profile", "generic", "sh", "-c", "echo $MINE"}).out == "\n");
  CHECK(run({"--profile", "mine", "env"}).out.find("MINE=yes\n") != std::string::npos);

  const auto unknown = run({"--profile", "nobody", "true"});
  CHECK(unknown.status == os::ExitStatus::exited(125));
  CHECK(unknown.err.find("'nobody'") != std::string::npos);
  CHECK(unknown.err.find("mine") != std::string::npos);

  std::ofstream(directory / "bad.toml") << "name = \"bad\"\nmatch = [\"x\"]\ncolour = 1\n";
  const auto bad = run({"true"});
  CHECK(bad.status == os::ExitStatus::exited(125));
  CHECK(bad.err.find("bad.toml:3: ") != std::string::npos);
}

}  // namespace relay
