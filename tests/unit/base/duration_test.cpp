#include "base/duration.hpp"

#include <doctest/doctest.h>

#include "base/random.hpp"

namespace relay {

using namespace std::chrono_literals;

TEST_CASE("durations as people write them") {
  const struct {
    const char* text;
    Duration length;
  } rows[] = {
      {"0", 0s},
      {"0s", 0s},
      {"10m", 10min},
      {"500ms", 500ms},
      {"1h30m", 90min},
      {"2d", 48h},
      {"1us", 1us},
      {"7ns", 7ns},
      {"1d2h3m4s5ms6us7ns", 26h + 3min + 4s + 5ms + 6us + 7ns},
      {"1.5s", 1500ms},
      {"1h0.5m", 1h + 30s},
      {"0.000000001s", 1ns},
      {"0.1ns", 0ns},
      {"007s", 7s},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto parsed = parse_duration(row.text);
    REQUIRE(parsed);
    CHECK(*parsed == row.length);
  }
}

TEST_CASE("what is no duration says so and how to write one") {
  for (const char* text : {"",
                           "10",
                           "s",
                           "-1s",
                           "+1s",
                           "1 s",
                           " 1s",
                           "1s ",
                           "1x",
                           "1M",
                           "1m1h",
                           "1s1s",
                           "1.s",
                           ".5s",
                           "1.5m3s",
                           "1.0000000000s",
                           "1e3s",
                           "9223372036854775808ns",
                           "106752d",
                           "292y",
                           "99999999999999999999999d",
                           "9223372036854775807ns1.5ns",
                           "1\xF0s"}) {
    CAPTURE(text);
    const auto parsed = parse_duration(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == Code::invalid_argument);
    CHECK(parsed.error().hint == "write it like 500ms, 30s, 10m or 1h30m");
  }
}

TEST_CASE("the longest duration is read and written") {
  CHECK(parse_duration("9223372036854775807ns").value() == Duration::max());
  CHECK(format_duration(Duration::max()) == "106751d23h47m16s854ms775us807ns");
  CHECK(format_duration(Duration::min()) == "-106751d23h47m16s854ms775us808ns");
}

TEST_CASE("a written duration is read back as it was") {
  CHECK(format_duration(0s) == "0s");
  CHECK(format_duration(90min) == "1h30m");
  CHECK(format_duration(1500ms) == "1s500ms");
  SeededRandom random(11);
  for (int i = 0; i < 2000; ++i) {
    const Duration length(static_cast<Duration::rep>(random.next() >> (1 + random.below(60))));
    CHECK(parse_duration(format_duration(length)).value() == length);
  }
}

}  // namespace relay
