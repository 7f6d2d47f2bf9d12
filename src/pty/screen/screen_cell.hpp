#pragma once

#include <cstddef>
#include <cstdint>

namespace relay::pty {

/// A colour as the program named it; what it looks like is the terminal's choice.
struct Colour {
  enum class Kind : std::uint8_t { standard, indexed, rgb };

  Kind kind = Kind::standard;
  std::uint8_t red = 0;  ///< The index when the kind is `indexed`.
  std::uint8_t green = 0;
  std::uint8_t blue = 0;

  [[nodiscard]] static constexpr Colour indexed(int index) {
    return {Kind::indexed, static_cast<std::uint8_t>(index), 0, 0};
  }
  [[nodiscard]] static constexpr Colour rgb(int red, int green, int blue) {
    return {Kind::rgb, static_cast<std::uint8_t>(red), static_cast<std::uint8_t>(green),
            static_cast<std::uint8_t>(blue)};
  }
  bool operator==(const Colour&) const = default;
};

/// Bits of Style::attributes.
namespace attribute {
inline constexpr std::uint16_t kBold = 1U << 0U;
inline constexpr std::uint16_t kDim = 1U << 1U;
inline constexpr std::uint16_t kItalic = 1U << 2U;
inline constexpr std::uint16_t kBlink = 1U << 3U;
inline constexpr std::uint16_t kReverse = 1U << 4U;
inline constexpr std::uint16_t kHidden = 1U << 5U;
inline constexpr std::uint16_t kStrike = 1U << 6U;
inline constexpr std::uint16_t kOverline = 1U << 7U;
/// Kind of underline as in `SGR 4:n`: 0 none, 1 single, 2 double, 3 curly, 4 dotted, 5 dashed.
inline constexpr unsigned kUnderlineShift = 8;
inline constexpr std::uint16_t kUnderlineMask = 7U << kUnderlineShift;
}  // namespace attribute

struct Style {
  Colour foreground;
  Colour background;
  std::uint16_t attributes = 0;

  [[nodiscard]] bool has(std::uint16_t bits) const { return (attributes & bits) != 0; }
  [[nodiscard]] int underline() const {
    return (attributes & attribute::kUnderlineMask) >> attribute::kUnderlineShift;
  }
  bool operator==(const Style&) const = default;
};

/// One column of one row. A wide character stands in its left column with width 2; the column to
/// its right has width 0 and no glyph.
struct Cell {
  /// Set in a glyph that is several code points; the rest is an index into its owner's clusters.
  static constexpr char32_t kCluster = 0x80000000U;

  char32_t glyph = U' ';
  Style style;
  std::uint8_t width = 1;

  [[nodiscard]] bool is_cluster() const { return (glyph & kCluster) != 0; }
  [[nodiscard]] std::size_t cluster() const { return glyph & ~kCluster; }
  bool operator==(const Cell&) const = default;
};
static_assert(sizeof(Cell) == 16, "a screen of 80x24 takes 30 KiB");

}  // namespace relay::pty
