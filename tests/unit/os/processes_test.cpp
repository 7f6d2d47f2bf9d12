#include <array>
#include <csignal>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fake_processes.hpp"
#include "os/fd.hpp"
#include "os/posix_processes.hpp"
#include "os/signals.hpp"
#include "support/temp_dir.hpp"

namespace relay::os {
namespace {

using namespace std::chrono_literals;

Command shell(const std::string& script) {
  return {{"sh", "-c", script}, Environment{{"PATH", "/usr/bin:/bin"}}};
}

bool readable(int fd, int ms) {
  pollfd waiting{fd, POLLIN, 0};
  return ::poll(&waiting, 1, ms) == 1;
}

struct ProcessFixture {
  test::TempDir temp;
  PosixProcesses processes;

  ExitStatus run(const Command& command) {
    auto child = processes.start(command);
    REQUIRE(child);
    return (*child)->wait(20s).value();
  }

  /// What the command writes to its standard output, up to its end.
  std::string output_of(Command command) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const Fd reading(ends[0]);
    Fd writing(ends[1]);
    command.output = writing.get();
    auto child = processes.start(command);
    REQUIRE(child);
    writing.reset();
    std::string out;
    std::array<char, 4096> piece{};
    ssize_t n = 0;
    while ((n = ::read(reading.get(), piece.data(), piece.size())) > 0) {
      out.append(piece.data(), static_cast<std::size_t>(n));
    }
    CHECK((*child)->wait(20s).value().success());
    return out;
  }

  Path program(const std::string& name, const std::string& content, mode_t mode) {
    std::ofstream(temp / name) << content;
    REQUIRE(::chmod((temp / name).c_str(), mode) == 0);
    return temp / name;
  }
};

}  // namespace

TEST_CASE("an exit status as people and shells see it") {
  CHECK(ExitStatus::exited(0).success());
  CHECK(ExitStatus::exited(3).as_shell() == 3);
  CHECK(ExitStatus::exited(3).text() == "exit status 3");
  CHECK(ExitStatus::signalled(9).as_shell() == 137);
  CHECK(ExitStatus::signalled(9).text() == "killed by SIGKILL");
  CHECK_FALSE(ExitStatus::signalled(9).status());
  CHECK_FALSE(ExitStatus::exited(9).signal());
  CHECK(signal_name(SIGRTMAX) == "signal 64");
}

TEST_CASE_FIXTURE(ProcessFixture,
                  "a child gets its arguments, environment and directory, and nothing else") {
  ::setenv("RELAY_TEST_LEAK", "1", 1);
  Command command{{"sh", "-c", "pwd; echo \"$1|$2\"; env | sort", "x", "a b", ""},
                  Environment{{"PATH", "/usr/bin:/bin"}, {"ONE", "1"}}};
  command.working_directory = temp.path();
  const std::string output = output_of(command);
  ::unsetenv("RELAY_TEST_LEAK");
  CHECK(output.starts_with(temp.path().string() + "\na b|\n"));
  CHECK(output.find("ONE=1\n") != std::string::npos);
  CHECK(output.find("RELAY_TEST_LEAK") == std::string::npos);
}

TEST_CASE_FIXTURE(ProcessFixture, "no descriptor leaks, and those passed on are in their places") {
  const Fd leak(::open("/dev/null", O_RDONLY));  // without O_CLOEXEC
  REQUIRE(leak);
  // `ls` itself opens the directory it lists.
  CHECK(output_of({{"ls", "/proc/self/fd"}, Environment{{"PATH", "/usr/bin:/bin"}}}) ==
        "0\n1\n2\n3\n");

  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const Fd reading(ends[0]);
  Fd writing(ends[1]);
  REQUIRE(::write(writing.get(), "hello\n", 6) == 6);
  writing.reset();
  Command command = shell("read line <&4; echo \"$line\"; test -c /dev/fd/3 || exit 1");
  command.further = {-1, reading.get()};
  CHECK(output_of(command) == "hello\n");
}

TEST_CASE_FIXTURE(ProcessFixture, "descriptors that trade places do not overwrite each other") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const Fd reading(ends[0]);
  const Fd writing(ends[1]);
  Command command = shell("echo to-out; echo to-err >&2");
  command.output = STDERR_FILENO;
  command.error = writing.get();
  const Fd saved(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10));
  REQUIRE(::dup2(writing.get(), STDERR_FILENO) == STDERR_FILENO);
  const ExitStatus status = run(command);
  REQUIRE(::dup2(saved.get(), STDERR_FILENO) == STDERR_FILENO);
  CHECK(status.success());
  std::string text(100, '\0');
  text.resize(static_cast<std::size_t>(::read(reading.get(), text.data(), text.size())));
  CHECK(text == "to-out\nto-err\n");
}

TEST_CASE_FIXTURE(ProcessFixture,
                  "a parent without standard input passes its descriptors on all the same") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const Fd reading(ends[0]);
  const Fd writing(ends[1]);
  Command command = shell("echo out");
  command.output = writing.get();
  const Fd saved(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10));
  ::close(STDIN_FILENO);
  const ExitStatus status = run(command);
  if (saved) ::dup2(saved.get(), STDIN_FILENO);
  CHECK(status.success());
  REQUIRE(readable(reading.get(), 0));
  char text[8];
  CHECK(::read(reading.get(), text, sizeof text) == 4);
}

TEST_CASE_FIXTURE(ProcessFixture, "a child starts with no signal blocked or ignored") {
  const IgnoredSignal pipe(SIGPIPE);
  SignalQueue queue{SIGTERM, SIGCHLD};
  const std::string status = output_of({{"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"},
                                        Environment{{"PATH", "/usr/bin:/bin"}}});
  CHECK(status == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST_CASE_FIXTURE(ProcessFixture, "a session of its own is one") {
  // Field 6 of stat is the session; the name in field 2 has no blanks here.
  Command command{{"sh", "-c",
                   "read -r pid name state parent group session rest < /proc/$$/stat; "
                   "test $pid = $session && test $pid = $group && echo own || echo ours"},
                  Environment{{"PATH", "/usr/bin:/bin"}}};
  CHECK(output_of(command) == "ours\n");
  command.new_session = true;
  CHECK(output_of(command) == "own\n");
}

TEST_CASE_FIXTURE(ProcessFixture,
                  "a program that is not there or cannot be run says which and why") {
  const auto code = [&](const std::string& name, const std::string& path) {
    const auto child = processes.start({{name}, Environment{{"PATH", path}}});
    REQUIRE_FALSE(child);
    return child.error();
  };
  const Path plain = program("plain", "#!/bin/sh\n", 0644);
  const Path text = program("text", "no program\n", 0755);
  const Path orphan = program("orphan", "#!/no/such/interpreter\n", 0755);
  const std::string directory = temp.path().string();

  CHECK(code("no-such-program-x", "/usr/bin:/bin").code == Code::cli_not_found);
  CHECK(code("sh", "").code == Code::cli_not_found);
  // A directory that nobody can look into says nothing of the program. (One without permission is
  // open to root, one that leads to itself is not.)
  const std::string closed = (temp / "closed").string();
  REQUIRE(::symlink(closed.c_str(), closed.c_str()) == 0);
  CHECK(code("no-such-program-x", closed + ":/bin").code == Code::cli_not_found);
  CHECK(code("", "/bin").code == Code::cli_not_found);
  const Error missing = code("/no/such/program", "/bin");
  CHECK(missing.code == Code::cli_not_found);
  CHECK(missing.message == "'/no/such/program' is not there");
  for (const auto& name : {plain.string(), std::string("plain")}) {
    const Error error = code(name, directory);
    CHECK(error.code == Code::cli_not_executable);
    CHECK(error.message == "'" + plain.string() + "' cannot be run: Permission denied");
    CHECK(error.hint == "chmod +x '" + plain.string() + "'");
  }
  CHECK(code(directory, "/bin").code == Code::cli_not_executable);
  CHECK(code(text.string(), "/bin").message ==
        "'" + text.string() + "' cannot be run: Exec format error");
  CHECK(code(orphan.string(), "/bin").message ==
        "'" + orphan.string() + "' cannot be run: its interpreter is missing");
  CHECK(code(orphan.string(), "/bin").code == Code::cli_not_executable);
}

TEST_CASE_FIXTURE(ProcessFixture,
                  "the program is looked up where the child will be, in its own PATH") {
  program("tool", "#!/bin/sh\nexit 5\n", 0755);
  Command by_path{{"tool"}, Environment{{"PATH", ":/nowhere:" + temp.path().string()}}};
  CHECK(run(by_path).status() == 5);
  Command relative{{"./tool"}, Environment{{"PATH", "/bin"}}};
  CHECK(processes.start(relative).error().code == Code::cli_not_found);
  relative.working_directory = temp.path();
  CHECK(run(relative).status() == 5);
  relative.working_directory = temp / "none";
  CHECK(processes.start(relative).error().code == Code::not_found);
}

TEST_CASE_FIXTURE(ProcessFixture, "every way to end is told") {
  CHECK(run(shell("exit 0")) == ExitStatus::exited(0));
  CHECK(run(shell("exit 255")) == ExitStatus::exited(255));
  CHECK(run(shell("kill -TERM $$")) == ExitStatus::signalled(SIGTERM));
}

TEST_CASE_FIXTURE(ProcessFixture, "the end is told by the descriptor, by poll and by wait") {
  auto child = processes.start(shell("read line"));
  REQUIRE(child);  // /dev/null: ends at once
  CHECK(readable((*child)->ended_fd(), 20'000));
  CHECK((*child)->poll().value() == ExitStatus::exited(1));
  CHECK((*child)->poll().value() == ExitStatus::exited(1));
  CHECK((*child)->wait(0s).value() == ExitStatus::exited(1));
  CHECK_FALSE((*child)->signal(SIGTERM).value());
  CHECK_FALSE((*child)->signal_group(SIGTERM).value());
}

TEST_CASE_FIXTURE(ProcessFixture,
                  "a child that runs is waited for no longer than asked, and can be ended") {
  auto child = processes.start(shell("exec sleep 1000"));
  REQUIRE(child);
  CHECK_FALSE(readable((*child)->ended_fd(), 0));
  CHECK_FALSE((*child)->poll().value());
  CHECK((*child)->wait(1ms).error().code == Code::timeout);
  CHECK((*child)->signal(SIGKILL).value());
  CHECK((*child)->wait(Duration::max()).value() == ExitStatus::signalled(SIGKILL));
}

TEST_CASE_FIXTURE(ProcessFixture, "a signal to the group reaches grandchildren") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const Fd reading(ends[0]);
  Fd writing(ends[1]);
  Command command = shell("sleep 1000 & echo started; wait");
  command.new_session = true;
  command.output = writing.get();
  auto child = processes.start(command);
  REQUIRE(child);
  writing.reset();
  char text[16];
  REQUIRE(::read(reading.get(), text, sizeof text) == 8);
  CHECK((*child)->signal_group(SIGKILL).value());
  CHECK((*child)->wait(20s).value() == ExitStatus::signalled(SIGKILL));
  // Only when the last holder of the pipe is gone is this its end.
  REQUIRE(readable(reading.get(), 20'000));
  CHECK(::read(reading.get(), text, sizeof text) == 0);
}

TEST_CASE("fake children are started, signalled and ended by the test") {
  FakeProcesses processes;
  processes.fail_next({Code::spawn_failed, "no more processes"});
  CHECK(processes.start(shell("x")).error().code == Code::spawn_failed);

  auto child = processes.start(shell("x"));
  REQUIRE(child);
  CHECK(processes.started() == 1);
  CHECK(processes.command(0).argv[2] == "x");
  CHECK_FALSE(readable((*child)->ended_fd(), 0));
  CHECK((*child)->wait(1h).error().code == Code::timeout);
  CHECK((*child)->signal(SIGWINCH).value());
  CHECK(processes.running(0));
  CHECK((*child)->signal_group(SIGTERM).value());
  CHECK_FALSE(processes.running(0));
  CHECK(processes.signals(0) == std::vector<int>{SIGWINCH, SIGTERM});
  CHECK(readable((*child)->ended_fd(), 0));
  CHECK((*child)->poll().value() == ExitStatus::signalled(SIGTERM));
  CHECK_FALSE((*child)->signal(SIGKILL).value());

  processes.set_dies_of_signals(false);
  auto stubborn = processes.start(shell("y"));
  CHECK((*stubborn)->signal(SIGTERM).value());
  CHECK(processes.running(1));
  processes.end(1, ExitStatus::exited(4));
  CHECK((*stubborn)->wait(0s).value() == ExitStatus::exited(4));
}

}  // namespace relay::os
