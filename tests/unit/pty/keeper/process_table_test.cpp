#include "pty/keeper/process_table.hpp"

#include <algorithm>
#include <csignal>
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace relay::pty::keeper {
namespace {

/// A child in a group of its own that waits for ever.
struct Child {
  Child() : pid(::fork()) {
    if (pid == 0) {
      for (;;) ::pause();
    }
    ::setpgid(pid, pid);
  }
  ~Child() {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  pid_t pid;
};

}  // namespace

TEST_CASE("a line of the process table, whatever the program calls itself") {
  const auto row = parse_stat(
      "4711 (evil) S 9 (x) R 12 13 14 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 98765 1 2 3");
  REQUIRE(row.has_value());
  CHECK(row->pid == 4711);
  CHECK(row->parent == 12);
  CHECK(row->group == 13);
  CHECK(row->session == 14);
  CHECK(row->started == 98765);
  CHECK_FALSE(row->dead);
  CHECK_FALSE(row->stopped);
}

TEST_CASE("a zombie is dead only without threads, and who is stopped is not dead") {
  CHECK(parse_stat("7 (x) Z 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0")->dead);
  CHECK_FALSE(parse_stat("7 (x) Z 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 2 0 5 0")->dead);
  CHECK(parse_stat("7 (x) T 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0")->stopped);
}

TEST_CASE("what is no line is nothing") {
  for (const char* line :
       {"", "7", "7 (x", "7 (x) S", "x (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0",
        "7 (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0"}) {
    CAPTURE(line);
    CHECK_FALSE(parse_stat(line).has_value());
  }
}

TEST_CASE("we are in the table, below our parent") {
  const auto rows = read_processes();
  const auto self = std::find_if(rows.begin(), rows.end(),
                                 [](const ProcessRow& row) { return row.pid == ::getpid(); });
  REQUIRE(self != rows.end());
  CHECK(self->parent == ::getppid());
  CHECK(self->group == ::getpgrp());
}

TEST_CASE("our ancestors are those of the whole table") {
  const auto line = ancestors_now(::getpid());
  CHECK(line == line_of_ancestors(read_processes(), ::getpid()));
  CHECK(line.count(::getppid()) == 1);
  const Child child;
  CHECK(ancestors_now(child.pid).count(::getpid()) == 1);
  CHECK(line.count(child.pid) == 0);
}

TEST_CASE("a signal reaches the process that is meant and not its successor") {
  const Child child;
  auto row = read_process(child.pid).value();
  row.started += 1;
  CHECK_FALSE(signal_process(row, SIGKILL));
  CHECK_FALSE(kill_with_group(row));
  CHECK(::waitpid(child.pid, nullptr, WNOHANG) == 0);
  row.started -= 1;
  CHECK(signal_process(row, SIGKILL));
  int status = 0;
  CHECK(::waitpid(child.pid, &status, 0) == child.pid);
  CHECK(WTERMSIG(status) == SIGKILL);
}

TEST_CASE("a process of our own session is killed without its group") {
  // A group of our session could hold anyone: only the process itself may go.
  const Child child;
  const Child other;
  ::setpgid(other.pid, child.pid);
  CHECK(kill_with_group(read_process(child.pid).value()));
  CHECK(::waitpid(child.pid, nullptr, 0) == child.pid);
  CHECK(::waitpid(other.pid, nullptr, WNOHANG) == 0);
}

}  // namespace relay::pty::keeper
