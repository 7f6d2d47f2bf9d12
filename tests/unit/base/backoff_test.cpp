#include "base/backoff.hpp"

#include <doctest/doctest.h>

namespace relay {
namespace {
using namespace std::chrono_literals;
}

TEST_CASE("the ceiling doubles to the most and the wait lies below it") {
  SeededRandom random(5);
  Backoff backoff(500ms, 30s, 60s, random);
  for (const Duration ceiling : {Duration(500ms), Duration(1s), Duration(2s), Duration(4s),
                                 Duration(8s), Duration(16s), Duration(30s), Duration(30s)}) {
    const Duration wait = backoff.next();
    CHECK(wait > Duration::zero());
    CHECK(wait <= ceiling);
  }
}

TEST_CASE("a healthy connection starts the row anew, a short one does not") {
  SeededRandom random(6);
  Backoff backoff(500ms, 30s, 60s, random);
  for (int i = 0; i < 10; ++i) (void)backoff.next();
  backoff.lived(59s);
  Duration longest{};
  for (int i = 0; i < 50; ++i) longest = std::max(longest, backoff.next());
  CHECK(longest > 10s);
  backoff.lived(60s);
  CHECK(backoff.next() <= 500ms);
}

TEST_CASE("the waits of many clients are spread, not equal") {
  SeededRandom random(7);
  int below_half = 0;
  for (int i = 0; i < 1000; ++i) {
    Backoff backoff(1s, 30s, 60s, random);
    if (backoff.next() < 500ms) ++below_half;
  }
  CHECK(below_half > 400);
  CHECK(below_half < 600);
}

}  // namespace relay
