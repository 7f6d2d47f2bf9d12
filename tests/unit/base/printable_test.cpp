#include "base/printable.hpp"

#include <doctest/doctest.h>

#include "base/random.hpp"
#include "base/utf8.hpp"

namespace relay {

TEST_CASE("ordinary text of any script stays as it is") {
  for (const char* text :
       {"", "reviewer-2", "M\u00FCller \u2014 \u00A1ol\u00E9!", "\u65E5\u672C\u8A9E",
        "\u05E9\u05DC\u05D5\u05DD", "\U0001F44D\U0001F3FD \u2764\uFE0F", "a\u0301"}) {
    CHECK(printable(text) == text);
  }
}

TEST_CASE("control characters are shown, not sent") {
  CHECK(printable("\x1B[31mred\x1B[0m") == "^[[31mred^[[0m");
  CHECK(printable("\x1B]52;c;aGk=\a") == "^[]52;c;aGk=^G");
  CHECK(printable(std::string_view("a\0b", 3)) == "a^@b");
  CHECK(printable("a\rb\x7F\b") == "a^Mb^?^H");
  CHECK(printable("\xC2\x9B"
                  "31m") == "<U+009B>31m");
}

TEST_CASE("a name is one line, a body keeps its lines") {
  CHECK(printable("a\tb\nc") == "a b c");
  CHECK(printable("a\tb\nc", Lines::many) == "a\tb\nc");
  CHECK(printable("a\r\nb", Lines::many) == "a^M\nb");
}

TEST_CASE("what hides or reorders text is made visible") {
  CHECK(printable("adm\u200Bin") == "adm<U+200B>in");
  CHECK(printable("\u202Egpj.exe") == "<U+202E>gpj.exe");
  CHECK(printable("\u2066x\u2069\uFEFF\u00AD\u2028\U000E0041") ==
        "<U+2066>x<U+2069><U+FEFF><U+00AD><U+2028><U+E0041>");
}

TEST_CASE("bytes that are not UTF-8 become replacement characters") {
  CHECK(printable("a\x9B"
                  "b\xC3") == "a\uFFFDb\uFFFD");
  CHECK(printable("\xED\xA0\x80") == "\uFFFD\uFFFD\uFFFD");
}

TEST_CASE("whatever goes in, what comes out is valid, bounded, harmless and stable") {
  SeededRandom random(12);
  for (int i = 0; i < 3000; ++i) {
    std::string text(random.below(40), '\0');
    for (char& c : text) c = static_cast<char>(random.below(256));
    const std::string shown = printable(text);
    CHECK(is_valid_utf8(shown));
    CHECK(shown.size() <= 4 * text.size());
    CHECK(printable(shown) == shown);
    for (const char c : shown) CHECK((static_cast<unsigned char>(c) >= 0x20 && c != 0x7F));
  }
}

}  // namespace relay
