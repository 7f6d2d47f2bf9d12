#include "base/random.hpp"

#include <array>
#include <doctest/doctest.h>
#include <set>
#include <stdexcept>

namespace relay {

TEST_CASE("the seeded numbers are those of SplitMix64") {
  // First outputs for seed 1234567, from the reference implementation.
  SeededRandom random(1234567);
  CHECK(random.next() == 6457827717110365317U);
  CHECK(random.next() == 3203168211198807973U);
}

TEST_CASE("below stays below and reaches everything") {
  SeededRandom random(1);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.below(7));
  CHECK(seen == std::set<std::uint64_t>{0, 1, 2, 3, 4, 5, 6});
  CHECK(random.below(1) == 0);
  CHECK_THROWS_AS((void)random.below(0), std::logic_error);
}

TEST_CASE("unit lies in [0, 1)") {
  SeededRandom random(2);
  for (int i = 0; i < 1000; ++i) {
    const double drawn = random.unit();
    CHECK(drawn >= 0.0);
    CHECK(drawn < 1.0);
  }
}

TEST_CASE("fill covers odd lengths") {
  SeededRandom random(3);
  std::array<std::byte, 13> bytes{};
  random.fill(bytes);
  CHECK(bytes[12] != std::byte{0});
}

}  // namespace relay
