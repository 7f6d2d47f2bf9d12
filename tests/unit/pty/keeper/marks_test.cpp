#include "pty/keeper/marks.hpp"

#include <csignal>
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace relay::pty::keeper {

TEST_CASE("a limit says which session, which keeper and which place") {
  SeededRandom random(1);
  const LimitMark mark("/run/a", random);
  const LimitMark later("/run/a", random);
  const LimitMark elsewhere("/run/b", random);
  CHECK(mark.session_of(mark.limit_of(1)) == 1);
  CHECK(mark.session_of(mark.limit_of(70000)) == 70000);
  // Without privilege a limit can only be lowered.
  CHECK(mark.limit_of(2) < mark.limit_of(1));
  CHECK_FALSE(later.session_of(mark.limit_of(1)).has_value());
  CHECK(later.same_place(mark.limit_of(1)));
  CHECK_FALSE(elsewhere.same_place(mark.limit_of(1)));
  CHECK_FALSE(mark.session_of(RLIM_INFINITY).has_value());
  CHECK_FALSE(mark.same_place(RLIM_INFINITY));
  CHECK_FALSE(mark.same_place(200'000));
}

TEST_CASE("a worn limit is read from outside, and survives a new session and a new program") {
  SeededRandom random(1);
  const LimitMark mark("/run/a", random);
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (!wear_limit(mark.limit_of(42))) ::_exit(1);
    ::setsid();
    ::dup2(ready[1], STDOUT_FILENO);
    ::execle("/bin/sh", "sh", "-c", "echo up; exec sleep 1000", nullptr, nullptr);
    ::_exit(1);
  }
  char up = 0;
  CHECK(::read(ready[0], &up, 1) == 1);
  const auto limit = read_limit(child);
  CHECK(limit.has_value());
  CHECK(mark.session_of(limit.value_or(0)) == 42);
  CHECK_FALSE(read_limit(::getpid()).has_value());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  CHECK_FALSE(read_limit(child).has_value());
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_CASE("a variable is read from outside, whole names only") {
  int ready[2];
  int held[2];
  REQUIRE(::pipe(ready) == 0);
  REQUIRE(::pipe(held) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ready[1], STDOUT_FILENO);
    ::dup2(held[0], STDIN_FILENO);
    const char* const variables[] = {"AB=wrong", "A=one", "B=", nullptr};
    ::execle("/bin/sh", "sh", "-c", "echo up; read end", nullptr, variables);
    ::_exit(1);
  }
  char up = 0;
  CHECK(::read(ready[0], &up, 1) == 1);
  CHECK(read_variable(child, "A") == "one");
  CHECK(read_variable(child, "B") == "");
  CHECK_FALSE(read_variable(child, "C").has_value());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  ::close(held[0]);
  ::close(held[1]);
}

}  // namespace relay::pty::keeper
