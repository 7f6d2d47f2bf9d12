#include "base/utf8.hpp"

#include <doctest/doctest.h>
#include <string>

namespace relay {

TEST_CASE("well-formed text of every length is valid") {
  CHECK(is_valid_utf8(""));
  CHECK(is_valid_utf8("a\x7F"));
  CHECK(is_valid_utf8("\xC2\x80\xDF\xBF"));
  CHECK(is_valid_utf8("\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF"));
  CHECK(is_valid_utf8("\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"));
}

TEST_CASE("overlong forms, surrogates, cut and stray bytes are not") {
  for (const char* broken :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xED\xBF\xBF",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFE", "\xFF", "\xC3",
        "\xE2\x82", "\xF0\x9F\x98", "\xC3(", "\xE2(\xA1"}) {
    CAPTURE(broken);
    CHECK_FALSE(is_valid_utf8(broken));
    CHECK_FALSE(is_valid_utf8(std::string("ok") + broken));
  }
}

TEST_CASE("truncation never cuts a code point and takes as much as fits") {
  const std::string text = "a\u00E4\u20AC\U0001F600z";  // 1 + 2 + 3 + 4 + 1 bytes
  const std::size_t whole[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
  for (std::size_t most = 0; most < 13; ++most) {
    CAPTURE(most);
    CHECK(truncate_utf8(text, most) == text.substr(0, whole[most]));
  }
}

TEST_CASE("truncation of bytes that are not UTF-8 stays near the length asked for") {
  const std::string text(100, '\x80');
  CHECK(truncate_utf8(text, 50).size() == 50);
}

}  // namespace relay
