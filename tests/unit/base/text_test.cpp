#include "base/text.hpp"

#include <doctest/doctest.h>
#include <limits>

namespace relay {

TEST_CASE("trim takes blanks and line ends off both ends only") {
  CHECK(trim(" \t a b \r\n") == "a b");
  CHECK(trim("").empty());
  CHECK(trim(" \n ").empty());
}

TEST_CASE("words are what stands between spaces") {
  CHECK(split_words(" a  b") == std::vector<std::string_view>{"a", "b"});
  CHECK(split_words("a\tb ") == std::vector<std::string_view>{"a\tb"});
  CHECK(split_words("").empty());
  CHECK(split_words("  ").empty());
}

TEST_CASE("split keeps empty parts and join puts them together again") {
  CHECK(split("", ',').size() == 1);
  CHECK(split("a,,b,", ',') == std::vector<std::string_view>{"a", "", "b", ""});
  const std::vector<std::string> parts{"a", "", "b"};
  CHECK(join(parts, ", ") == "a, , b");
  CHECK(join({}, ",").empty());
}

TEST_CASE("case is ignored for ASCII letters only") {
  CHECK(equal_ignoring_case("Content-LENGTH", "content-length"));
  CHECK_FALSE(equal_ignoring_case("a", "ab"));
  CHECK_FALSE(equal_ignoring_case("[", "{"));
  CHECK_FALSE(equal_ignoring_case("\u00C4", "\u00E4"));
}

TEST_CASE("bytes for people") {
  CHECK(human_bytes(0) == "0 B");
  CHECK(human_bytes(1023) == "1023 B");
  CHECK(human_bytes(1024) == "1.0 KiB");
  CHECK(human_bytes(1536) == "1.5 KiB");
  CHECK(human_bytes(1024 * 1024 - 1) == "1.0 MiB");
  CHECK(human_bytes(4'404'019) == "4.2 MiB");
  CHECK(human_bytes(std::numeric_limits<std::uint64_t>::max()) == "16.0 EiB");
}

TEST_CASE("edit distance counts a swap of neighbours once") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("abc", "") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("satus", "status") == 1);
  CHECK(edit_distance("stauts", "status") == 1);
}

TEST_CASE("a typo finds the near command, a strange word none") {
  const std::vector<std::string> commands{"serve", "status", "spawn", "send", "snapshot", "mcp"};
  CHECK(nearest("stauts", commands) == "status");
  CHECK(nearest("SEND", commands) == "send");
  CHECK(nearest("spwan", commands) == "spawn");
  CHECK(nearest("serv", commands) == "serve");
  CHECK(nearest("frobnicate", commands).empty());
  CHECK(nearest("x", commands).empty());
  CHECK(nearest("", commands).empty());
  CHECK(nearest(std::string(10'000, 's'), commands).empty());
}

}  // namespace relay
