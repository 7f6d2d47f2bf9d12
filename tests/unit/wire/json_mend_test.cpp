#include "wire/json_mend.hpp"

#include <doctest/doctest.h>

namespace relay::wire {

TEST_CASE("what needs no mending is left alone") {
  for (const auto* text :
       {"", "[1,-2,18446744073709551615,-9223372036854775808,1e400,0.5]",
        R"(["\ud83d\ude00","\\ud83d","100000000000000000000"])", "\"\\", "\"\\u"}) {
    CAPTURE(text);
    CHECK_FALSE(mended(text));
  }
}

TEST_CASE("half a pair becomes U+FFFD, the rest stays") {
  CHECK(mended(R"("a\ud83d")") == R"("a\ufffd")");
  CHECK(mended(R"("\udE00b")") == R"("\ufffdb")");
  CHECK(mended(R"("\ud83d\ud83d\ude00")") == R"("\ufffd\ud83d\ude00")");
  CHECK(mended(R"("\ud83d\u0041")") == R"("\ufffd\u0041")");
  CHECK(mended(R"("\ud83d\\ude00")") == R"("\ufffd\\ude00")");
}

TEST_CASE("an integer beyond 64 bits gets an exponent") {
  CHECK(mended("[18446744073709551616]") == "[18446744073709551616e0]");
  CHECK(mended("[-9223372036854775809,1]") == "[-9223372036854775809e0,1]");
}

}  // namespace relay::wire
