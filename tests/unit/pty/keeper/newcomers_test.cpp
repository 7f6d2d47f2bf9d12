#include "pty/keeper/newcomers.hpp"

#include <doctest/doctest.h>
#include <map>
#include <sys/wait.h>
#include <unistd.h>

namespace relay::pty::keeper {
namespace {

/// A chain of processes by hand: each lives for so many questions, then its child has the next
/// number, which is given a while before the child can be seen.
struct Chain {
  pid_t at = 101;
  int life = 7;
  int unborn = 3;
  int asked = 0;
  bool killed = false;

  void step() {
    if (killed || ++asked < life) return;
    asked = 0;
    ++at;
  }
  std::optional<pid_t> last() {
    step();
    return life - asked <= unborn && !killed ? at + 1 : at;
  }
  Sight look(pid_t pid) {
    step();
    return pid == at && !killed ? Sight::alive : Sight::nobody;
  }
};

/// Ends a hunt that does not end by itself.
struct Patience {
  int left = 10'000;
  bool operator()() { return left-- == 0; }
};

}  // namespace

TEST_CASE("the counter has reached the pid of every child") {
  const PidCounter counter;
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  const auto last = counter.last();
  REQUIRE(last.has_value());
  // It may have begun anew, and others are born too.
  CHECK((*last >= child || *last < child - 10'000));
  ::waitpid(child, nullptr, 0);
}

TEST_CASE("a chain is met however long its links live, and hunted until it has ended") {
  // A round of the hunt asks five questions; no fork is as fast as that.
  for (int life = 6; life < 40; ++life) {
    for (int unborn = 0; unborn < life; ++unborn) {
      CAPTURE(life);
      CAPTURE(unborn);
      Chain chain;
      chain.life = life;
      chain.unborn = unborn;
      int strikes = 0;
      const bool met = hunt(
          100, [&] { return chain.last(); },
          [&](pid_t pid) {
            const Sight sight = chain.look(pid);
            // The first ones get away: their child is there when they are struck.
            if (sight == Sight::alive && ++strikes == 5) chain.killed = true;
            return sight;
          },
          Patience());
      CHECK(met);
      CHECK(chain.killed);
    }
  }
}

TEST_CASE("nobody new is nothing to look at") {
  int looks = 0;
  CHECK_FALSE(
      hunt(100, [] { return 100; }, [&](pid_t) { return ++looks, Sight::alive; }, Patience()));
  CHECK(looks == 0);
}

TEST_CASE("a dead newcomer was alive a moment ago") {
  CHECK(hunt(100, [] { return 101; }, [](pid_t) { return Sight::dead; }, Patience()));
}

TEST_CASE("a number that can be seen only later is not overlooked: its parent can be seen") {
  // 101 is forking 102 while 101 is looked at, and has ended when 102 is.
  std::map<pid_t, Sight> now{{101, Sight::alive}};
  bool first = true;
  CHECK(hunt(
      100, [] { return 102; },
      [&](pid_t pid) {
        const Sight sight = now.count(pid) != 0 ? now[pid] : Sight::nobody;
        if (first) now = {{102, Sight::alive}};
        first = false;
        return sight;
      },
      Patience()));
}

TEST_CASE("strangers who fork without a pause are left when it is time") {
  pid_t last = 100;
  int looks = 0;
  CHECK_FALSE(hunt(
      100, [&] { return last += 2; }, [&](pid_t) { return ++looks, Sight::nobody; }, Patience()));
  CHECK(looks > 10'000);
}

TEST_CASE("a counter that begins anew, or does not tell, ends the hunt") {
  CHECK_FALSE(hunt(30'000, [] { return 300; }, [](pid_t) { return Sight::alive; }, Patience()));
  CHECK_FALSE(
      hunt(100, [] { return std::nullopt; }, [](pid_t) { return Sight::alive; }, Patience()));
}

}  // namespace relay::pty::keeper
