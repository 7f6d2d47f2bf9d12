#include "base/json_writer.hpp"

#include <cmath>
#include <doctest/doctest.h>
#include <limits>

namespace relay {
namespace {

template <class Value>
std::string written(const Value& value) {
  std::string out;
  JsonWriter writer(out);
  writer.value(value);
  writer.finish();
  return out;
}

}  // namespace

TEST_CASE("objects, arrays and values get their commas") {
  std::string out = "kept ";
  JsonWriter writer(out);
  writer.begin_object();
  writer.field("a", 1);
  writer.key("b");
  writer.begin_array();
  writer.value("x");
  writer.null();
  writer.begin_object();
  writer.end_object();
  writer.begin_array();
  writer.end_array();
  writer.value(true);
  writer.end_array();
  CHECK_FALSE(writer.complete());
  writer.key("c");
  writer.raw(R"({"r":[1]})");
  writer.field("d", std::string("e"));
  writer.end_object();
  CHECK(writer.complete());
  writer.finish();
  CHECK(out == R"(kept {"a":1,"b":["x",null,{},[],true],"c":{"r":[1]},"d":"e"})");
}

TEST_CASE("the text is whole at the end of the writer") {
  std::string out;
  {
    JsonWriter(out).value(false);
  }
  CHECK(out == "false");
}

TEST_CASE("integers reach both ends of 64 bits") {
  CHECK(written(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
  CHECK(written(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  CHECK(written(std::uint32_t{4294967295}) == "4294967295");
  CHECK(written(-7) == "-7");
}

TEST_CASE("doubles are short, read back the same, and stay doubles where it matters") {
  CHECK(written(0.42) == "0.42");
  CHECK(written(0.0) == "0");
  CHECK(written(-0.0) == "-0.0");
  CHECK(written(1e300) == "1e+300");
  CHECK(written(123456789012345680000.0) == "123456789012345683968.0");
  CHECK(written(-1.2345678901234567e-308) == "-1.2345678901234567e-308");
  CHECK(written(std::nan("")) == "null");
  CHECK(written(-std::numeric_limits<double>::infinity()) == "null");
}

TEST_CASE("every byte below 0x20, the quote and the backslash are escaped, wherever they stand") {
  CHECK(written("\"\\\n\r\t\b\f") == R"("\"\\\n\r\t\b\f")");
  CHECK(written(std::string_view("\0\x01\x1f", 3)) == R"("\u0000\u0001\u001f")");
  CHECK(written("/\x7f") == "\"/\x7f\"");
  for (std::size_t length = 1; length < 40; ++length) {
    for (std::size_t at = 0; at < length; ++at) {
      std::string text(length, 'a');
      text[at] = '\n';
      std::string wanted = "\"" + std::string(length, 'a') + "\"";
      wanted.replace(at + 1, 1, "\\n");
      REQUIRE(written(text) == wanted);
    }
  }
}

TEST_CASE("UTF-8 passes, and what is not UTF-8 becomes U+FFFD byte by byte") {
  const std::string good = "a\u00e9\u20ac\U0001F600 \u0800\uFFFF\U0010FFFF z";
  CHECK(written(good) == "\"" + good + "\"");
  const std::string bad = "\xEF\xBF\xBD";
  CHECK(written("\xff") == "\"" + bad + "\"");
  CHECK(written("\xc0\xaf") == "\"" + bad + bad + "\"");              // overlong
  CHECK(written("\xe0\x9f\xbf!") == "\"" + bad + bad + bad + "!\"");  // overlong
  CHECK(written("\xed\xa0\x80") == "\"" + bad + bad + bad + "\"");    // a surrogate
  CHECK(written("\xf4\x90\x80\x80") == "\"" + bad + bad + bad + bad + "\"");
  CHECK(written("\xe2\x82") == "\"" + bad + bad + "\"");  // cut
  CHECK(written("x\x80") == "\"x" + bad + "\"");
}

TEST_CASE("a text of escapes only and a long text fit") {
  CHECK(written(std::string(5000, '\x01')).size() == 2 + 6 * 5000);
  CHECK(written(std::string(100'000, '"')).size() == 2 + 2 * 100'000);
  CHECK(written(std::string(5000, '\xff')).size() == 2 + 3 * 5000);
}

}  // namespace relay
