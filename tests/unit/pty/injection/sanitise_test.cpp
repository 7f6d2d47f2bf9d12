#include "pty/injection/sanitise.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "base/utf8.hpp"

namespace relay::pty {
namespace {

using namespace std::string_literals;

bool only_allowed(std::string_view text) {
  while (!text.empty()) {
    const CodePoint point = first_code_point(text);
    const bool c1 = point.value >= 0x80 && point.value < 0xA0;
    if (!point.valid || c1 || point.value == 0x2028 || point.value == 0x2029) return false;
    if (point.length == 1 && text[0] != '\t' && text[0] != '\n' &&
        (text[0] < 0x20 || text[0] == 0x7F))
      return false;
    text.remove_prefix(point.length);
  }
  return true;
}

struct Crafted {
  std::string body;
  std::string text;
};

/// What people and attackers send, and what may come out.
std::vector<Crafted> crafted() {
  std::vector<Crafted> all{
      {"", ""},
      {"plain", "plain"},
      {"tab\there", "tab\there"},
      {"a\nb", "a\nb"},
      {"a\rb", "a\nb"},
      {"a\r\nb", "a\nb"},
      {"a\r\r\nb", "a\n\nb"},
      {"a\n\rb", "a\n\nb"},
      {"\r", "\n"},
      {"\x1b[201~rm -rf /\r", "^[[201~rm -rf /\n"},
      {"\x1b[200~", "^[[200~"},
      {"\x1b\x1b[201~[201~", "^[^[[201~[201~"},
      {"\x1b[2\x1b[201~01~", "^[[2^[[201~01~"},
      {"\x1b[31mred\x1b[0m", "^[[31mred^[[0m"},
      {"\x1b]0;title\x07", "^[]0;title^G"},
      {"\x1b]52;c;aGk=\x1b\\", "^[]52;c;aGk=^[\\"},
      {"\x1bPq\x1b\\", "^[Pq^[\\"},
      {"\x1b", "^["},
      {"end\x1b", "end^["},
      {"\u009B201~", "<U+009B>201~"},
      {"\u009D0;x\u009C", "<U+009D>0;x<U+009C>"},
      {"\u0085next", "<U+0085>next"},
      {"\u0080", "<U+0080>"},
      {"\u009F", "<U+009F>"},
      {"\u00A0", "\u00A0"},
      {"\x9b"s + "201~", "\uFFFD"s + "201~"},
      {"\xff", "\uFFFD"},
      {"\xc0\x9b", "\uFFFD\uFFFD"},
      {"\xc1\x9b", "\uFFFD\uFFFD"},
      {"\xe0\x82\x9b", "\uFFFD\uFFFD\uFFFD"},
      {"\xc2", "\uFFFD"},
      {"\xc2[201~", "\uFFFD[201~"},
      {"\xed\xa0\x80", "\uFFFD\uFFFD\uFFFD"},
      {"\xed\xbf\xbf", "\uFFFD\uFFFD\uFFFD"},
      {"\xf4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},
      {"\xf0\x9f\x98", "\uFFFD\uFFFD\uFFFD"},
      {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
      {"👩‍💻", "👩‍💻"},
      {"🏳️‍🌈 ok", "🏳️‍🌈 ok"},
      {"日本語", "日本語"},
      {"مرحبا", "مرحبا"},
      {"é", "é"},
      {"a\u2028b", "a\nb"},
      {"a\u2029b", "a\nb"},
      {"\u202Eevil", "\u202Eevil"},
      {"/exit", "/exit"},
      {"!ls", "!ls"},
      {"</system-reminder>", "</system-reminder>"},
      {"\x7f", "^?"},
      {"a\0b"s, "a^@b"},
      {std::string(5, '\0'), "^@^@^@^@^@"},
      {"\x03\x04\x15\x16\x1a\x1c", "^C^D^U^V^Z^\\"},
      {"  lead", "  lead"},
      {"trail  \n", "trail  \n"},
  };
  // Each control character alone, between letters, and doubled.
  for (int c = 0; c < 0x20; ++c) {
    if (c == '\t' || c == '\n' || c == '\r') continue;
    const std::string raw(1, static_cast<char>(c));
    const std::string shown = {'^', static_cast<char>(c ^ 0x40)};
    all.push_back({raw, shown});
    all.push_back({"x" + raw + "y", "x" + shown + "y"});
    all.push_back({raw + raw, shown + shown});
  }
  // Each C1 in UTF-8, and as the byte that an 8-bit terminal takes for it.
  for (int c = 0x80; c < 0xA0; ++c) {
    const std::string raw{static_cast<char>(0xC2), static_cast<char>(c)};
    const char* digits = "0123456789ABCDEF";
    const std::string shown = std::string("<U+00") + digits[c / 16] + digits[c % 16] + ">";
    all.push_back({raw + "m", shown + "m"});
    all.push_back({"q" + std::string(1, static_cast<char>(c)), "q\uFFFD"});
  }
  return all;
}

}  // namespace

TEST_CASE("crafted bodies come out as they should") {
  const auto all = crafted();
  CHECK(all.size() >= 200);
  for (const auto& one : all) {
    CAPTURE(one.body);
    CHECK(sanitise_body(one.body).text == one.text);
    CHECK(only_allowed(one.text));
  }
}

TEST_CASE("no byte outside the allowed set, for a million random bodies") {
  SeededRandom random(20260101);
  const std::vector<std::string> bits{
      "\x1b", "\x1b[201~", "\x9b",         "\xc2\x9b", "[201~",        "\r", "\r\n",
      "\n",   "\t",        "\xe2\x80\xa8", "\xf0\x9f", "\xed\xa0\x80", "a",  "Relay message",
      "\x7f", "\x03"};
  std::size_t bad = 0;
  std::string body;
  for (int round = 0; round < 1'000'000; ++round) {
    body.clear();
    const std::uint64_t length = random.below(12);
    for (std::uint64_t i = 0; i < length; ++i) {
      const std::uint64_t kind = random.next();
      if (kind % 2 == 0) {
        body += bits[(kind >> 8U) % bits.size()];
      } else {
        body += static_cast<char>(kind >> 16U);
      }
    }
    const auto once = sanitise_body(body);
    if (!only_allowed(once.text) || once.text.size() > 4 * body.size()) ++bad;
    if (round % 16 == 0 && sanitise_body(once.text).text != once.text) ++bad;
  }
  CHECK(bad == 0);
}

TEST_CASE("the count says how much had to be replaced") {
  CHECK(sanitise_body("fine\r\n").replaced == 0);
  CHECK(sanitise_body("\x1b[0m\xff").replaced == 2);
}

TEST_CASE("a field is one line without anything hidden, and bounded") {
  CHECK(sanitise_field(" alice ") == "alice");
  CHECK(sanitise_field("a\nb") == "a b");
  CHECK(sanitise_field("\u202Eecila") == "<U+202E>ecila");
  CHECK(sanitise_field("zero\u200Bwidth") == "zero<U+200B>width");
  CHECK(sanitise_field(std::string(1000, 'x')).size() == 160);
  CHECK(sanitise_field(std::string(1000, 'x')).ends_with("..."));
  CHECK(sanitise_field("ééééé", 8) == "éé...");
}

}  // namespace relay::pty
