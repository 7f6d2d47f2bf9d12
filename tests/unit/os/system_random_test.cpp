#include "os/system_random.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <vector>

namespace relay::os {

TEST_CASE("the kernel's numbers fill large and odd buffers and do not repeat") {
  SystemRandom random;
  std::vector<std::byte> one(100'001);
  std::vector<std::byte> other(100'001);
  random.fill(one);
  random.fill(other);
  CHECK(one != other);
  // 400 zero bytes are expected; a part that was not filled has many more.
  CHECK(std::count(one.begin(), one.end(), std::byte{0}) < 1000);
  random.fill({});
}

}  // namespace relay::os
