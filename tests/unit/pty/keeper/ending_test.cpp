#include "pty/keeper/ending.hpp"

#include <doctest/doctest.h>

namespace relay::pty::keeper {

using namespace std::chrono_literals;

TEST_CASE("a tree is asked until the grace is over, then killed, and gone after two empty walks") {
  const Monotonic start{1000s};
  Ending ending(start, 200ms);
  CHECK(ending.next() == start);
  CHECK_FALSE(ending.kills_at(start));
  CHECK(ending.walked(start, 3) == Ending::Act::ask);
  CHECK(ending.next() > start);
  CHECK(ending.next() < start + 200ms);
  CHECK_FALSE(ending.kills_at(start + 199ms));
  CHECK(ending.walked(start + 199ms, 3) == Ending::Act::ask);
  CHECK(ending.next() == start + 200ms);
  CHECK(ending.kills_at(start + 200ms));
  CHECK(ending.walked(start + 200ms, 2) == Ending::Act::kill);
  CHECK(ending.walked(start + 201ms, 0) == Ending::Act::ask);
  // One that was overlooked shows itself: the count starts anew.
  CHECK(ending.walked(start + 206ms, 1) == Ending::Act::kill);
  CHECK(ending.walked(start + 207ms, 0) == Ending::Act::ask);
  CHECK(ending.walked(start + 212ms, 0) == Ending::Act::gone);
}

TEST_CASE("a tree that ends by itself is gone before the grace is over") {
  const Monotonic start{1000s};
  Ending ending(start, 10s);
  CHECK(ending.walked(start, 1) == Ending::Act::ask);
  CHECK(ending.walked(start + 50ms, 0) == Ending::Act::ask);
  CHECK(ending.walked(start + 55ms, 0) == Ending::Act::gone);
}

TEST_CASE("no grace kills at once; the shorter of two graces counts") {
  const Monotonic start{1000s};
  CHECK(Ending(start, 0s).walked(start, 1) == Ending::Act::kill);
  CHECK(Ending(start, -5s).walked(start, 1) == Ending::Act::kill);
  Ending ending(start, 10s);
  CHECK(ending.walked(start, 1) == Ending::Act::ask);
  ending.hurry(start + 1s, 20s);
  CHECK(ending.next() <= start + 1s);
  CHECK_FALSE(ending.kills_at(start + 9s));
  ending.hurry(start + 1s, 1s);
  CHECK(ending.kills_at(start + 2s));
}

TEST_CASE("what no signal ends is looked at less often") {
  const Monotonic start{1000s};
  Ending ending(start, 0s);
  Monotonic now = start;
  for (int i = 0; i < 5000; ++i) {
    CHECK(ending.walked(now, 1) == Ending::Act::kill);
    now = ending.next();
  }
  CHECK(now > start + 60s);
}

}  // namespace relay::pty::keeper
