#include "base/json_escape.hpp"

#include <charconv>
#include <cmath>

namespace relay::json_escape {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

bool is_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

/// The length of the UTF-8 sequence at the front, 0 when it is not one (truncated, overlong, a
/// surrogate, beyond U+10FFFF). The front is not ASCII.
std::size_t utf8_length(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  const auto second = text.size() > 1 ? static_cast<unsigned char>(text[1]) : 0;
  if (first >= 0xC2 && first <= 0xDF) return text.size() >= 2 && is_continuation(text[1]) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool fits =
        second >= (first == 0xE0 ? 0xA0 : 0x80) && second <= (first == 0xED ? 0x9F : 0xBF);
    return fits && text.size() >= 3 && is_continuation(text[2]) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool fits =
        second >= (first == 0xF0 ? 0x90 : 0x80) && second <= (first == 0xF4 ? 0x8F : 0xBF);
    return fits && text.size() >= 4 && is_continuation(text[2]) && is_continuation(text[3]) ? 4 : 0;
  }
  return 0;
}

constexpr std::string_view kHex = "0123456789abcdef";

std::size_t escape(unsigned char byte, char* to) {
  const auto two = [to](char second) {
    to[0] = '\\';
    to[1] = second;
    return std::size_t{2};
  };
  switch (byte) {
    case '"': return two('"');
    case '\\': return two('\\');
    case '\n': return two('n');
    case '\r': return two('r');
    case '\t': return two('t');
    case '\b': return two('b');
    case '\f': return two('f');
    default: break;
  }
  std::memcpy(to, "\\u00", 4);
  to[4] = kHex[byte >> 4];
  to[5] = kHex[byte & 15];
  return 6;
}

}  // namespace

char* escape_front(std::string_view& text, char* to) {
  const auto byte = static_cast<unsigned char>(text[0]);
  if (byte < 0x80) {
    text.remove_prefix(1);
    return to + escape(byte, to);
  }
  const std::size_t length = utf8_length(text);
  const std::string_view sequence = length == 0 ? kReplacement : text.substr(0, length);
  std::memcpy(to, sequence.data(), sequence.size());
  text.remove_prefix(length == 0 ? 1 : length);
  return to + sequence.size();
}

char* write_double(char* to, double number) {
  char* const end = std::to_chars(to, to + kLongestNumber, number).ptr;
  // Without a mark a reader takes it for an integer: too big for one, or a zero without its sign.
  constexpr double kExact = 9007199254740992.0;  // 2^53
  const std::string_view text(to, static_cast<std::size_t>(end - to));
  const bool loses = std::abs(number) >= kExact || (number == 0.0 && std::signbit(number));
  if (!loses || text.find_first_of(".e") != std::string_view::npos) return end;
  end[0] = '.';
  end[1] = '0';
  return end + 2;
}

}  // namespace relay::json_escape
