#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <iterator>

#include "pty/screen/snapshot.hpp"

namespace relay::pty {
namespace {

using Out = std::back_insert_iterator<std::string>;

/// Pixels. A monospace font is 0.6 em wide; textLength holds the grid where one is not.
constexpr int kFontSize = 15;
constexpr int kDrawnWidth = 9;
constexpr int kDrawnHeight = 18;
constexpr int kBaseline = 14;
constexpr int kMargin = 9;

using Rgb = std::array<std::uint8_t, 3>;

constexpr Rgb kForeground = {0xD4, 0xD4, 0xD4};
constexpr Rgb kBackground = {0x1E, 0x1E, 0x1E};
constexpr std::array<Rgb, 16> kNamed = {{
    {0x1E, 0x1E, 0x1E},
    {0xCD, 0x31, 0x31},
    {0x0D, 0xBC, 0x79},
    {0xE5, 0xE5, 0x10},
    {0x24, 0x72, 0xC8},
    {0xBC, 0x3F, 0xBC},
    {0x11, 0xA8, 0xCD},
    {0xE5, 0xE5, 0xE5},
    {0x66, 0x66, 0x66},
    {0xF1, 0x4C, 0x4C},
    {0x23, 0xD1, 0x8B},
    {0xF5, 0xF5, 0x43},
    {0x3B, 0x8E, 0xEA},
    {0xD6, 0x70, 0xD6},
    {0x29, 0xB8, 0xDB},
    {0xFF, 0xFF, 0xFF},
}};

/// The 256 colours of xterm: 16 by name, a cube of 6 by 6 by 6, and 24 greys.
Rgb indexed(int index) {
  if (index < 16) return kNamed[static_cast<std::size_t>(index)];
  if (index >= 232) {
    const auto grey = static_cast<std::uint8_t>(8 + 10 * (index - 232));
    return {grey, grey, grey};
  }
  const auto level = [](int step) {
    return static_cast<std::uint8_t>(step == 0 ? 0 : 55 + 40 * step);
  };
  index -= 16;
  return {level(index / 36), level(index / 6 % 6), level(index % 6)};
}

Rgb seen(const Colour& colour, const Rgb& standard) {
  switch (colour.kind) {
    case Colour::Kind::standard: break;
    case Colour::Kind::indexed: return indexed(colour.red);
    case Colour::Kind::rgb: return {colour.red, colour.green, colour.blue};
  }
  return standard;
}

std::string hex(const Rgb& colour) {
  return fmt::format("#{:02x}{:02x}{:02x}", colour[0], colour[1], colour[2]);
}

struct Look {
  Rgb ink;
  Rgb paper;
  std::uint16_t attributes = 0;
  bool operator==(const Look&) const = default;
};

Look look_of(const ScreenView& view, const Cell& cell) {
  Look look{seen(cell.style.foreground, kForeground), seen(cell.style.background, kBackground),
            cell.style.attributes};
  const bool reversed = cell.style.has(attribute::kReverse);
  if (reversed != view.modes.reverse_video) std::swap(look.ink, look.paper);
  return look;
}

void escape(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
}

/// XML knows no U+FFFE and U+FFFF.
bool outside_xml(std::string_view text) {
  return text.find("\xEF\xBF\xBE") != std::string_view::npos ||
         text.find("\xEF\xBF\xBF") != std::string_view::npos;
}

struct Run {
  int row;
  int from;
  int to;
  Look look;
};

void put_rectangle(std::string& out, const Run& run) {
  fmt::format_to(Out(out), "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"/>\n",
                 kMargin + run.from * kDrawnWidth, kMargin + run.row * kDrawnHeight,
                 (run.to - run.from) * kDrawnWidth, kDrawnHeight, hex(run.look.paper));
}

void put_decoration(std::string& out, std::uint16_t attributes) {
  std::string lines;
  if ((attributes & attribute::kUnderlineMask) != 0) lines += " underline";
  if ((attributes & attribute::kStrike) != 0) lines += " line-through";
  if ((attributes & attribute::kOverline) != 0) lines += " overline";
  if (!lines.empty()) fmt::format_to(Out(out), " text-decoration=\"{}\"", lines.substr(1));
}

void put_text(std::string& out, const ScreenView& view, const Run& run) {
  std::string text;
  for (int column = run.from; column < run.to; ++column) {
    const auto one = view.text(run.row, column);
    escape(text, outside_xml(one) ? "\xEF\xBF\xBD" : one);
  }
  const bool plain = (run.look.attributes &
                      (attribute::kUnderlineMask | attribute::kStrike | attribute::kOverline)) == 0;
  if (plain && text.find_first_not_of(' ') == std::string::npos) return;
  fmt::format_to(Out(out), "<text x=\"{}\" y=\"{}\" textLength=\"{}\" fill=\"{}\"",
                 kMargin + run.from * kDrawnWidth, kMargin + run.row * kDrawnHeight + kBaseline,
                 (run.to - run.from) * kDrawnWidth, hex(run.look.ink));
  if ((run.look.attributes & attribute::kBold) != 0) out += " font-weight=\"bold\"";
  if ((run.look.attributes & attribute::kItalic) != 0) out += " font-style=\"italic\"";
  if ((run.look.attributes & attribute::kDim) != 0) out += " fill-opacity=\"0.6\"";
  put_decoration(out, run.look.attributes);
  out += '>';
  out += text;
  out += "</text>\n";
}

void put_run(std::string& out, const ScreenView& view, const Run& run) {
  if (run.look.paper != kBackground) put_rectangle(out, run);
  if ((run.look.attributes & attribute::kHidden) == 0) put_text(out, view, run);
}

void put_row(std::string& out, const ScreenView& view, int row) {
  int end = view.columns;
  while (end > 0 && view.cell(row, end - 1) == Cell{} && !view.modes.reverse_video) --end;
  Run run{row, 0, 0, {}};
  while (run.from < end) {
    run.look = look_of(view, view.cell(row, run.from));
    // A wide character is a run of its own: fonts disagree about its width.
    const bool wide = view.cell(row, run.from).width == 2;
    run.to = run.from + (wide ? 2 : 1);
    while (!wide && run.to < end && view.cell(row, run.to).width == 1 &&
           look_of(view, view.cell(row, run.to)) == run.look) {
      ++run.to;
    }
    put_run(out, view, run);
    run.from = run.to;
  }
}

}  // namespace

std::string svg_snapshot(const ScreenView& view) {
  const int width = 2 * kMargin + view.columns * kDrawnWidth;
  const int height = 2 * kMargin + view.rows * kDrawnHeight;
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} "
      "{1}\" "
      "font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" "
      "font-size=\"{2}\" xml:space=\"preserve\">\n"
      "<rect width=\"{0}\" height=\"{1}\" rx=\"6\" fill=\"{3}\"/>\n",
      width, height, kFontSize, hex(kBackground));
  for (int row = 0; row < view.rows; ++row) put_row(out, view, row);
  if (view.modes.cursor_visible) {
    fmt::format_to(Out(out),
                   "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\" "
                   "fill-opacity=\"0.5\"/>\n",
                   kMargin + view.cursor_column * kDrawnWidth,
                   kMargin + view.cursor_row * kDrawnHeight, kDrawnWidth, kDrawnHeight,
                   hex(kForeground));
  }
  out += "</svg>\n";
  return out;
}

}  // namespace relay::pty
