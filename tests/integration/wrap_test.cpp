// `wrap` as a person meets it: the real binary in a real terminal, and in pipes.
#include <csignal>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "integration/wrap_world.hpp"

namespace relay {
namespace {

using test::PtyDriver;
using test::run_binary;
using test::same_mode;
using test::WrapControlClient;
using test::WrapWorld;

}  // namespace

TEST_CASE_FIXTURE(WrapWorld,
                  "the exit status is the program's; 126 and 127 say that there was none") {
  const auto status = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "wrap");
    return run_binary(words, temp.environment()).status;
  };
  CHECK(status({"sh", "-c", "exit 7"}) == os::ExitStatus::exited(7));
  CHECK(status({"sh", "-c", "kill -9 $$"}) == os::ExitStatus::exited(137));
  CHECK(status({"no-such-program"}) == os::ExitStatus::exited(127));
  CHECK(status({"/etc/passwd"}) == os::ExitStatus::exited(126));
  CHECK(status({}) == os::ExitStatus::exited(2));
  CHECK(status({"--control", "/proc/none/s", "true"}) == os::ExitStatus::exited(125));
}

TEST_CASE_FIXTURE(WrapWorld, "pipes are the program's own, with every byte and their end") {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  const auto result = run_binary({"wrap", "cat", "-u"}, temp.environment(), all);
  CHECK(result.out == all);
  CHECK(result.status == os::ExitStatus::exited(0));
  CHECK(run_binary({"wrap", "echo", "--json", "-n"}, temp.environment()).out == "--json -n\n");
}

TEST_CASE_FIXTURE(WrapWorld, "every byte value passes both ways through a raw terminal") {
  PtyDriver pty(
      shell("stty raw -echo; printf ready; head -c 256 | od -An -v -tu1 | tr -d ' \\n'; "
            "for i in $(seq 0 255); do printf \"\\\\$(printf %o $i)\"; done; printf END"));
  pty.wait_for("ready");
  std::string all;
  std::string numbers;
  for (int i = 0; i < 256; ++i) {
    all += static_cast<char>(i);
    numbers += fmt::format("{}", i);
  }
  pty.type(all);
  pty.wait_for(numbers + all + "END");
  CHECK(pty.wait_end() == os::ExitStatus::exited(0));
  CHECK(same_mode(pty.mode(), pty.mode_before()));
}

TEST_CASE_FIXTURE(WrapWorld,
                  "the window's size is the program's, at the start and after a change") {
  PtyDriver pty(shell("trap 'stty size' WINCH; stty size; while :; do sleep 0.01; done"),
                {101, 31});
  pty.wait_for("31 101");
  pty.resize({77, 22});
  pty.wait_for("22 77");
  // Ctrl-C is a key of the program's.
  pty.type("\x03");
  CHECK(pty.wait_end() == os::ExitStatus::exited(130));
  CHECK(same_mode(pty.mode(), pty.mode_before()));
}

TEST_CASE_FIXTURE(WrapWorld, "the terminal is as it was, however it ends") {
  for (const int number : {SIGTERM, SIGHUP, SIGINT}) {
    CAPTURE(number);
    PtyDriver pty(shell("echo up; exec cat"));
    pty.wait_for("up");
    pty.wait_raw(true);
    pty.signal(number);
    CHECK(pty.wait_end() == os::ExitStatus::exited(128 + number));
    CHECK(same_mode(pty.mode(), pty.mode_before()));
  }
  PtyDriver pty(shell("read a; kill -9 $$"));
  pty.wait_raw(true);
  pty.type("\r");
  CHECK(pty.wait_end() == os::ExitStatus::exited(137));
  CHECK(same_mode(pty.mode(), pty.mode_before()));
}

TEST_CASE_FIXTURE(WrapWorld, "a program that ignores everything is ended with its children") {
  PtyDriver pty(
      shell("trap '' TERM HUP INT; setsid sh -c 'trap \"\" TERM HUP; echo pid=$$=; "
            "while :; do sleep 1; done' & while :; do sleep 1; done"));
  const auto said = pty.wait_match("pid=[0-9]+=");
  const pid_t child = std::stoi(said.substr(4));
  pty.signal(SIGTERM);
  CHECK(pty.wait_end() == os::ExitStatus::exited(143));
  CHECK(::kill(child, 0) != 0);
}

TEST_CASE_FIXTURE(WrapWorld, "Ctrl-Z gives the terminal back to the shell, fg takes it again") {
  PtyDriver pty(bash());
  pty.wait_for("shell> ");
  pty.type("$WRAP sh -c 'echo u''p; exec cat'\r");
  pty.wait_for("up\r\n");
  pty.wait_raw(true);
  pty.type("\x1a");
  pty.wait_for("Stopped");
  pty.wait_for("shell> ");
  CHECK(same_mode(pty.mode(), pty.mode_before()));
  pty.type("fg\r");
  pty.wait_raw(true);
  pty.type("again\r");
  pty.wait_for("again\r\nagain\r\n");
  pty.type("\x04");
  pty.wait_for("shell> ");
  CHECK(same_mode(pty.mode(), pty.mode_before()));
  pty.type("exit\r");
  CHECK(pty.wait_end().success());
}

TEST_CASE_FIXTURE(WrapWorld, "the real terminal answers queries, and nobody else") {
  PtyDriver pty(
      shell("stty raw -echo; printf '\\033[6n'; head -c 6 | od -An -c | tr -d ' \\n'; "
            "printf '<'; dd bs=1 count=1 2>/dev/null; printf '>END'"));
  pty.wait_for("\x1B[6n");
  pty.type("\x1B[5;9R");
  pty.wait_for("033[5;9R<");
  pty.type("x");
  pty.wait_for("x>END");
  CHECK(pty.wait_end().success());
}

TEST_CASE_FIXTURE(WrapWorld, "a flood arrives whole") {
  PtyDriver pty(shell("yes 123456789 | head -c 5000000; echo END"));
  CHECK(pty.wait_end().success());
  // A carriage return for each line.
  CHECK(pty.transcript().size() == 5500000 + 5);
}

TEST_CASE_FIXTURE(WrapWorld,
                  "a message becomes input, after the keys of a person and never among them") {
  PtyDriver pty(wrap({"--control", socket(), "sh", "-c", "echo up; exec cat"}));
  pty.wait_for("up");
  pty.wait_raw(true);
  const WrapControlClient control(socket());
  control.send("{\"id\":\"m1\",\"from\":\"alice\",\"text\":\"hello\"}\n");
  // Its echo, then what the program makes of it.
  pty.wait_match("Relay message from alice [^\n]*: hello");
  pty.wait_match("Relay message from alice [^\n]*: hello");
  CHECK(control.answer() == R"({"id":"m1","outcome":"typed","proof":"none","reason":"no_proof"})");
  // Half a line of a person's: the message waits until they have been quiet.
  pty.type("half ");
  pty.wait_for("half ");
  control.send("{\"id\":\"m2\",\"from\":\"bob\",\"text\":\"later\"}\n");
  pty.type("and half\r");
  pty.wait_for("and half\r\nhalf and half\r\n");
  pty.wait_match("Relay message from bob [^\n]*: later");
  CHECK(control.answer().find("\"m2\",\"outcome\":\"typed\"") != std::string::npos);
  control.send("{\"id\":\"m3\",\"text\":\"no sender\"}\n");
  CHECK(control.answer().find("invalid_argument") != std::string::npos);
  pty.type("\x04");
  CHECK(pty.wait_end().success());
}

TEST_CASE_FIXTURE(WrapWorld,
                  "a raw reader and a line reader get bodies of every size whole, or none") {
  for (const char* mode : {"-echo", "raw -echo"}) {
    for (const std::size_t size : {1U, 300U, 3000U, 60000U}) {
      CAPTURE(mode);
      CAPTURE(size);
      const std::string script = fmt::format("stty {}; echo up; exec cat", mode);
      PtyDriver pty(wrap({"--control", socket(), "env", "sh", "-c", script}));
      pty.wait_for("up");
      const WrapControlClient control(socket());
      control.send(
          fmt::format("{{\"id\":\"m\",\"from\":\"a\",\"text\":\"{}\"}}\n", std::string(size, 'x')));
      const auto answer = control.answer();
      CAPTURE(answer);
      CHECK(answer.find("\"outcome\":\"typed\"") != std::string::npos);
      pty.signal(SIGTERM);
      (void)pty.wait_end();
    }
  }
}

}  // namespace relay
