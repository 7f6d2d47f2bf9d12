#include "pty/screen/graphics.hpp"

#include <algorithm>
#include <optional>

namespace relay::pty {
namespace {

/// What `38` (or `48`, `58`) at `i` says, in either of its two forms; `i` moves to the last
/// parameter that belongs to it.
std::optional<Colour> colour_at(const CsiSequence& sequence, std::size_t& i) {
  const std::size_t start = i;
  std::size_t kind = start + 1;
  std::size_t first = start + 2;
  if (sequence.is_sub(start + 1)) {
    while (i + 1 < sequence.count && sequence.is_sub(i + 1)) ++i;
    // 38:2:space:r:g:b, and without the space as some write it.
    if (sequence.at(kind, 0) == 2 && i - start >= 5) ++first;
    if (first > i) return std::nullopt;
  } else {
    const int what = sequence.at(kind, 0);
    i = std::min(sequence.count - 1, start + (what == 2 ? 4U : what == 5 ? 2U : 1U));
  }
  const auto part = [&](std::size_t n) { return first + n <= i ? sequence.at(first + n, 0) : 256; };
  if (sequence.at(kind, 0) == 5 && part(0) < 256) return Colour::indexed(part(0));
  if (sequence.at(kind, 0) == 2 && part(0) < 256 && part(1) < 256 && part(2) < 256) {
    return Colour::rgb(part(0), part(1), part(2));
  }
  return std::nullopt;
}

void set_underline(Style& pen, int kind) {
  pen.attributes = static_cast<std::uint16_t>((pen.attributes & ~attribute::kUnderlineMask) |
                                              static_cast<unsigned>(std::clamp(kind, 0, 5))
                                                  << attribute::kUnderlineShift);
}

/// The attribute that `SGR n` sets, and those that `SGR n` takes away; 0 for others.
std::uint16_t attribute_set_by(int number) {
  switch (number) {
    case 1: return attribute::kBold;
    case 2: return attribute::kDim;
    case 3: return attribute::kItalic;
    case 5:
    case 6: return attribute::kBlink;
    case 7: return attribute::kReverse;
    case 8: return attribute::kHidden;
    case 9: return attribute::kStrike;
    case 53: return attribute::kOverline;
    default: return 0;
  }
}

std::uint16_t attributes_reset_by(int number) {
  switch (number) {
    case 22: return attribute::kBold | attribute::kDim;
    case 23: return attribute::kItalic;
    case 24: return attribute::kUnderlineMask;
    case 25: return attribute::kBlink;
    case 27: return attribute::kReverse;
    case 28: return attribute::kHidden;
    case 29: return attribute::kStrike;
    case 55: return attribute::kOverline;
    default: return 0;
  }
}

void set_simple(Style& pen, int number) {
  if (number == 0) {
    pen = {};
  } else if (number == 21) {
    set_underline(pen, 2);
  } else if (number >= 30 && number <= 37) {
    pen.foreground = Colour::indexed(number - 30);
  } else if (number == 39) {
    pen.foreground = {};
  } else if (number >= 40 && number <= 47) {
    pen.background = Colour::indexed(number - 40);
  } else if (number == 49) {
    pen.background = {};
  } else if (number >= 90 && number <= 97) {
    pen.foreground = Colour::indexed(number - 90 + 8);
  } else if (number >= 100 && number <= 107) {
    pen.background = Colour::indexed(number - 100 + 8);
  } else {
    pen.attributes |= attribute_set_by(number);
    pen.attributes &= static_cast<std::uint16_t>(~attributes_reset_by(number));
  }
}

}  // namespace

void apply_graphics(const CsiSequence& sequence, Style& pen) {
  if (sequence.count == 0) pen = {};
  for (std::size_t i = 0; i < sequence.count; ++i) {
    const int number = sequence.at(i, 0);
    if (number == 38 || number == 48 || number == 58) {
      // The colour of underlines (58) is read over.
      const auto colour = colour_at(sequence, i);
      if (colour && number == 38) pen.foreground = *colour;
      if (colour && number == 48) pen.background = *colour;
      continue;
    }
    if (number == 4) {
      set_underline(pen,
                    i + 1 < sequence.count && sequence.is_sub(i + 1) ? sequence.at(i + 1, 1) : 1);
    } else {
      set_simple(pen, number);
    }
    while (i + 1 < sequence.count && sequence.is_sub(i + 1)) ++i;
  }
}

}  // namespace relay::pty
