#include "base/utf8.hpp"

#include <algorithm>

namespace relay {
namespace {

unsigned byte_at(std::string_view text, std::size_t i) {
  return static_cast<unsigned char>(text[i]);
}

bool is_continuation(unsigned byte) {
  return (byte & 0xC0U) == 0x80U;
}

constexpr CodePoint kBroken{0xFFFD, 1, false};

}  // namespace

CodePoint first_code_point(std::string_view text) {
  const unsigned lead = byte_at(text, 0);
  if (lead < 0x80) return {lead, 1, true};
  std::size_t length = 0;
  char32_t value = 0;
  char32_t least = 0;
  if ((lead & 0xE0U) == 0xC0) {
    length = 2, value = lead & 0x1FU, least = 0x80;
  } else if ((lead & 0xF0U) == 0xE0) {
    length = 3, value = lead & 0x0FU, least = 0x800;
  } else if ((lead & 0xF8U) == 0xF0) {
    length = 4, value = lead & 0x07U, least = 0x10000;
  } else {
    return kBroken;
  }
  if (text.size() < length) return kBroken;
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(byte_at(text, i))) return kBroken;
    value = (value << 6U) | (byte_at(text, i) & 0x3FU);
  }
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < least || value > 0x10FFFF || surrogate) return kBroken;
  return {value, length, true};
}

bool is_valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const CodePoint point = first_code_point(text);
    if (!point.valid) return false;
    text.remove_prefix(point.length);
  }
  return true;
}

std::string_view truncate_utf8(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  // A code point has at most three continuation bytes: in text that is not UTF-8 the cut stays near
  // `most`.
  for (std::size_t back = 0; back <= std::min<std::size_t>(most, 3); ++back) {
    if (!is_continuation(byte_at(text, most - back))) return text.substr(0, most - back);
  }
  return text.substr(0, most);
}

}  // namespace relay
