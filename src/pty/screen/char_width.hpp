#pragma once

namespace relay::pty {

/// Columns that a code point takes on a terminal: 0 for marks that join the character before them,
/// 2 for East Asian wide characters and emoji, else 1. A table of its own (Unicode 14 and the emoji
/// block of 15), so that no locale of the machine changes what a screen shows. Regional indicators
/// are 1 each, as in the C library and tmux.
[[nodiscard]] int char_width(char32_t point);

/// Skin tones, which join an emoji before them.
[[nodiscard]] constexpr bool is_emoji_modifier(char32_t point) {
  return point >= 0x1F3FB && point <= 0x1F3FF;
}

inline constexpr char32_t kZeroWidthJoiner = 0x200D;

}  // namespace relay::pty
