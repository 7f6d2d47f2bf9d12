#include "pty/injection/toml_text.hpp"

#include <doctest/doctest.h>
#include <string>

using namespace relay;
using namespace relay::pty;

namespace {

std::string refusal(std::string_view text) {
  const auto made = for_parser(text, "p.toml");
  return made ? "" : made.error().message;
}

}  // namespace

TEST_CASE("The parser sees ASCII only, and its words come back as they were written") {
  const std::string written = "a = \"ü ~7e ~\" # ❯\r\n\tb = 'x'\n";
  const auto made = for_parser(written, "p.toml");
  REQUIRE(made);
  CHECK(*made == "a = \"~c3~bc ~7e7e ~7e\" # ~e2~9d~af\r\n\tb = 'x'\n");
  CHECK(from_parser(*made) == written);
  CHECK(for_parser("\xef\xbb\xbfname = 1", "p.toml") == "name = 1");
}

TEST_CASE("What the parser says of its own is left as it is") {
  CHECK(from_parser("") == "");
  CHECK(from_parser("~") == "~");
  CHECK(from_parser("saw '~'") == "saw '~'");
  CHECK(from_parser("~c") == "~c");
  CHECK(from_parser("~C3") == "~C3");
  CHECK(from_parser("\xc3\xbc") == "\xc3\xbc");
}

TEST_CASE("Control characters, broken UTF-8 and a mark in disguise are refused everywhere") {
  CHECK(refusal(std::string_view("a\0", 2)) == "p.toml:1: there is a control character");
  CHECK(refusal("# \x1b[2J") == "p.toml:1: there is a control character");
  CHECK(refusal("a = \"\x7f\"") == "p.toml:1: there is a control character");
  CHECK(refusal("a = 1\rb = 2") == "p.toml:1: there is a control character");
  CHECK(refusal("\n\n# \xc3(") == "p.toml:3: there is a byte that is not UTF-8");
  CHECK(refusal("\na = \"\\u007e41\"") ==
        "p.toml:2: there is a ~ written as an escape: write it as it is");
  CHECK(refusal("a = \"\\U0000007E41\"").starts_with("p.toml:1: there is a ~"));
}
