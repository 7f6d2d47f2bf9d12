#include "base/printable.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <iterator>

#include "base/utf8.hpp"

namespace relay {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// Sorted. Variation selectors are left alone: emoji need them and they hide nothing.
constexpr std::array kHidden{
    Range{0x0080, 0x009F},  // C1: one of them is CSI
    Range{0x00AD, 0x00AD},  // soft hyphen
    Range{0x034F, 0x034F},  // grapheme joiner
    Range{0x061C, 0x061C},  // Arabic letter mark
    Range{0x115F, 0x1160},  // Hangul fillers: blank, but not space
    Range{0x17B4, 0x17B5},  // Khmer vowels without a shape
    Range{0x180E, 0x180E},  // Mongolian vowel separator
    Range{0x200B, 0x200F},  // zero-width spaces and joiners, left-to-right and right-to-left marks
    Range{0x2028, 0x202E},  // line and paragraph separator, bidi embeddings and overrides
    Range{0x2060, 0x206F},  // word joiner, invisible operators, bidi isolates
    Range{0x3164, 0x3164},  // Hangul filler
    Range{0xFEFF, 0xFEFF},  // byte order mark
    Range{0xFFA0, 0xFFA0},  // half-width Hangul filler
    Range{0xFFF9, 0xFFFB},  // interlinear annotation
    Range{0xE0000, 0xE007F},  // tags: text that nobody sees
};

bool is_hidden(char32_t point) {
  const auto after =
      std::upper_bound(kHidden.begin(), kHidden.end(), point,
                       [](char32_t value, const Range& range) { return value < range.first; });
  return after != kHidden.begin() && point <= std::prev(after)->last;
}

}  // namespace

std::string printable(std::string_view text, Lines lines) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint point = first_code_point(text);
    if (!point.valid) {
      out += "\uFFFD";
    } else if (point.value == '\t' || point.value == '\n') {
      out += lines == Lines::many ? text.front() : ' ';
    } else if (point.value < 0x20 || point.value == 0x7F) {
      out += '^';
      out += static_cast<char>(point.value ^ 0x40U);
    } else if (is_hidden(point.value)) {
      fmt::format_to(std::back_inserter(out), "<U+{:04X}>",
                     static_cast<std::uint32_t>(point.value));
    } else {
      out += text.substr(0, point.length);
    }
    text.remove_prefix(point.length);
  }
  return out;
}

}  // namespace relay
