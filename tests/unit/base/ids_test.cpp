#include "base/ids.hpp"

#include <doctest/doctest.h>
#include <set>

namespace relay {

TEST_CASE("a random id is its prefix and lower-case hex") {
  SeededRandom random(1);
  const std::string id = random_hex("br_", 16, random);
  CHECK(id.size() == 3 + 32);
  CHECK(id.starts_with("br_"));
  CHECK(id.find_first_not_of("0123456789abcdef", 3) == std::string::npos);
  CHECK(random_hex("br_", 16, random) != id);
  CHECK(random_hex("x", 0, random) == "x");
}

TEST_CASE("an id is known as one of ours by its prefix, its length and its digits") {
  SeededRandom random(3);
  CHECK(is_random_hex(random_hex("br_", 16, random), "br_", 16));
  CHECK(is_random_hex("br_00ff", "br_", 2));
  CHECK_FALSE(is_random_hex("bx_00ff", "br_", 2));
  CHECK_FALSE(is_random_hex("br_00f", "br_", 2));
  CHECK_FALSE(is_random_hex("br_00ff0", "br_", 2));
  CHECK_FALSE(is_random_hex("br_00fF", "br_", 2));
  CHECK_FALSE(is_random_hex("br", "br_", 0));
}

TEST_CASE("a uuid has its version and variant in their places") {
  SeededRandom random(2);
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = uuid_v4(random);
    REQUIRE(id.size() == 36);
    for (const std::size_t dash : {8U, 13U, 18U, 23U}) CHECK(id[dash] == '-');
    CHECK(id[14] == '4');
    CHECK(std::string("89ab").find(id[19]) != std::string::npos);
    seen.insert(id);
  }
  CHECK(seen.size() == 1000);
}

TEST_CASE("the short hash is fixed for ever") {
  // FNV-1a 64: "" is cbf29ce484222325, "a" is af63dc4c8601ec8c; then the halves are xored.
  CHECK(short_hash("") == "4fd0bfc1");
  CHECK(short_hash("a") == "296230c0");
  CHECK(short_hash("/home/ann/project") != short_hash("/home/ann/project2"));
}

}  // namespace relay
