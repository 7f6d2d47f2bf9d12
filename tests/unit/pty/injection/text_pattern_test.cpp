#include "pty/injection/text_pattern.hpp"

#include <doctest/doctest.h>
#include <string>
#include <vector>

namespace relay::pty {
namespace {

bool match(std::string_view pattern, std::string_view row) {
  const auto made = TextPattern::make(pattern);
  REQUIRE(made);
  return made->matches(row);
}

}  // namespace

TEST_CASE("a pattern is plain text somewhere in the row") {
  CHECK(match("esc to interrupt", "  * Working (3s, esc to interrupt)"));
  CHECK_FALSE(match("esc to interrupt", "esc to cancel"));
  CHECK(match("a.b", "a.b"));
  CHECK_FALSE(match("a.b", "axb"));
}

TEST_CASE("ends and stars") {
  CHECK(match("^Try \"*", "   Try \"edit\"  "));
  CHECK_FALSE(match("^Try", "do not Try"));
  CHECK(match("now$", "do it now  "));
  CHECK_FALSE(match("now$", "now or never"));
  CHECK(match("^one$", " one "));
  CHECK_FALSE(match("^one$", "one two"));
  CHECK(match("[Pasted text #*]", "x [Pasted text #12 +3 lines] y"));
  CHECK_FALSE(match("[Pasted text #*]", "[Pasted text #12"));
  CHECK(match("^a*b*c$", "a b c"));
  CHECK_FALSE(match("^a*b*c$", "a c b"));
  CHECK_FALSE(match("^aba*ba$", "aba"));
  CHECK(match("^$", "   "));
  CHECK_FALSE(match("^$", "x"));
  CHECK(match("\\*", "2*3"));
  CHECK_FALSE(match("\\*", "23"));
  CHECK(match("5$ a", "5$ a"));
  CHECK(match("\\^x", "a^x"));
}

TEST_CASE("counts without overlap") {
  const auto paste = TextPattern::make("[Pasted text #*]");
  REQUIRE(paste);
  CHECK(paste->count("[Pasted text #1][Pasted text #2 +3 lines] [Pasted") == 2);
  CHECK(paste->count("") == 0);
  CHECK(TextPattern::make("aa")->count("aaaaa") == 2);
  CHECK(TextPattern::make("^aa")->count("aaaa") == 1);
}

TEST_CASE("a pattern that matches everything, nothing or too much is refused") {
  for (const char* bad : {"", "*", "^", "$", "^*$", "**"}) {
    CAPTURE(bad);
    CHECK_FALSE(TextPattern::make(bad));
  }
  CHECK_FALSE(TextPattern::make(std::string(257, 'x')));
  CHECK(TextPattern::make(std::string(256, 'x')));
}

TEST_CASE("over rows: all of them, any of them") {
  TextPatterns two;
  two.push_back(*TextPattern::make("one"));
  two.push_back(*TextPattern::make("two"));
  const std::vector<std::string> both{"two", "one"};
  const std::vector<std::string> half{"two"};
  CHECK(all_on(two, both));
  CHECK_FALSE(all_on(two, half));
  CHECK(any_on(two, half));
  CHECK(all_on({}, half));
  CHECK_FALSE(any_on({}, half));
}

}  // namespace relay::pty
