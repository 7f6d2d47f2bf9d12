#include "pty/screen/snapshot.hpp"

#include <fmt/format.h>
#include <iterator>

#include "base/utf8.hpp"
#include "pty/screen/char_width.hpp"

namespace relay::pty {
namespace {

using Out = std::back_insert_iterator<std::string>;
using Mouse = ScreenModes::Mouse;
using Encoding = ScreenModes::MouseEncoding;
using Shape = ScreenModes::CursorShape;

void put_colour(std::string& out, const Colour& colour, int base) {
  switch (colour.kind) {
    case Colour::Kind::standard: break;
    case Colour::Kind::indexed:
      if (colour.red < 8) {
        fmt::format_to(Out(out), ";{}", base + colour.red);
      } else if (colour.red < 16) {
        fmt::format_to(Out(out), ";{}", base + 60 + colour.red - 8);
      } else {
        fmt::format_to(Out(out), ";{};5;{}", base + 8, colour.red);
      }
      break;
    case Colour::Kind::rgb:
      fmt::format_to(Out(out), ";{};2;{};{};{}", base + 8, colour.red, colour.green, colour.blue);
      break;
  }
}

/// The whole style, whatever was in force before.
void put_style(std::string& out, const Style& style) {
  struct Sgr {
    std::uint16_t bit;
    const char* text;
  };
  constexpr Sgr kSgr[] = {
      {attribute::kBold, ";1"},   {attribute::kDim, ";2"},       {attribute::kItalic, ";3"},
      {attribute::kBlink, ";5"},  {attribute::kReverse, ";7"},   {attribute::kHidden, ";8"},
      {attribute::kStrike, ";9"}, {attribute::kOverline, ";53"},
  };
  out += "\x1B[0";
  for (const auto& [bit, text] : kSgr) {
    if (style.has(bit)) out += text;
  }
  const int underline = style.underline();
  if (underline == 1) out += ";4";
  if (underline > 1) fmt::format_to(Out(out), ";4:{}", underline);
  put_colour(out, style.foreground, 30);
  put_colour(out, style.background, 40);
  out += 'm';
}

void put_position(std::string& out, int row, int column) {
  fmt::format_to(Out(out), "\x1B[{};{}H", row + 1, column + 1);
}

/// A cell that would become part of the one to its left if it were written behind it.
bool would_join(const ScreenView& view, int row, int column) {
  if (column == 0 || view.cell(row, column).width != 2) return false;
  if (is_emoji_modifier(first_code_point(view.text(row, column)).value)) return true;
  const int before = view.cell(row, column - 1).width == 0 ? column - 2 : column - 1;
  return view.text(row, before).ends_with("\xE2\x80\x8D");
}

class Painter {
 public:
  Painter(const ScreenView& view, std::string& out) : view_(view), out_(out) {}

  void paint_row(int row) {
    int end = view_.columns;
    while (end > 0 && view_.cell(row, end - 1) == Cell{}) --end;
    if (end == 0) return;
    // From the right, so that there is nothing yet to join.
    for (int column = end - 1; column > 0; --column) {
      if (!would_join(view_, row, column)) continue;
      put_position(out_, row, column);
      paint(row, column);
    }
    put_position(out_, row, 0);
    bool elsewhere = false;
    for (int column = 0; column < end; ++column) {
      if (view_.cell(row, column).width == 0) continue;
      if (would_join(view_, row, column)) {
        elsewhere = true;
        continue;
      }
      if (elsewhere) put_position(out_, row, column);
      elsewhere = false;
      paint(row, column);
    }
  }

  void paint(int row, int column) {
    use(view_.cell(row, column).style);
    out_ += view_.text(row, column);
  }

  void use(const Style& style) {
    if (style == style_) return;
    put_style(out_, style);
    style_ = style;
  }

 private:
  const ScreenView& view_;
  std::string& out_;
  Style style_;
};

void put_modes(std::string& out, const ScreenModes& modes) {
  const auto set = [&out](int number, bool on) {
    fmt::format_to(Out(out), "\x1B[?{}{}", number, on ? 'h' : 'l');
  };
  set(25, modes.cursor_visible);
  set(1, modes.application_cursor);
  set(5, modes.reverse_video);
  for (const int number : {9, 1000, 1002, 1003, 1005, 1006, 1015, 1016}) set(number, false);
  switch (modes.mouse) {
    case Mouse::none: break;
    case Mouse::x10: set(9, true); break;
    case Mouse::click: set(1000, true); break;
    case Mouse::drag: set(1002, true); break;
    case Mouse::motion: set(1003, true); break;
  }
  switch (modes.mouse_encoding) {
    case Encoding::bytes: break;
    case Encoding::utf8: set(1005, true); break;
    case Encoding::sgr: set(1006, true); break;
    case Encoding::urxvt: set(1015, true); break;
    case Encoding::sgr_pixels: set(1016, true); break;
  }
  set(1004, modes.focus_events);
  set(1007, modes.alternate_scroll);
  set(2004, modes.bracketed_paste);
  out += modes.application_keypad ? "\x1B=" : "\x1B>";
  int shape = 0;
  if (modes.cursor_shape == Shape::block) shape = modes.cursor_blink ? 1 : 0;
  if (modes.cursor_shape == Shape::underline) shape = modes.cursor_blink ? 3 : 4;
  if (modes.cursor_shape == Shape::bar) shape = modes.cursor_blink ? 5 : 6;
  fmt::format_to(Out(out), "\x1B[{} q", shape);
}

char designator(Charset charset) {
  switch (charset) {
    case Charset::line_drawing: return '0';
    case Charset::british: return 'A';
    case Charset::ascii: break;
  }
  return 'B';
}

/// Region, cursor and pen. That the next character wraps is restored by writing the last column
/// again.
void put_cursor(std::string& out, const ScreenView& view, Painter& painter) {
  if (view.scroll_top > 0 || view.scroll_bottom < view.rows) {
    fmt::format_to(Out(out), "\x1B[{};{}r", view.scroll_top + 1, view.scroll_bottom);
  }
  if (view.modes.origin) out += "\x1B[?6h";
  const int row = view.cursor_row - (view.modes.origin ? view.scroll_top : 0);
  const int left = view.cell(view.cursor_row, view.cursor_column).width == 0 ? 1 : 0;
  const int last = view.cursor_column - left;
  if (view.wrap_pending && !would_join(view, view.cursor_row, last)) {
    put_position(out, row, last);
    painter.paint(view.cursor_row, last);
  } else {
    put_position(out, row, view.cursor_column);
  }
  painter.use(view.pen);
}

}  // namespace

std::string plain_snapshot(const ScreenView& view) {
  std::string text;
  for (int row = 0; row < view.rows; ++row) {
    text += view.row_text(row);
    text += '\n';
  }
  return text;
}

std::string ansi_snapshot(const ScreenView& view) {
  std::string out = view.modes.alternate_screen ? "\x1B[?1049h" : "\x1B[?1049l";
  // Nothing that was in force may change what is painted.
  out += "\x1B[?6l\x1B[?7h\x1B[4l\x1B[20l\x1B(B\x1B)B\x0F\x1B[0m\x1B[r\x1B[H\x1B[2J";
  Painter painter(view, out);
  for (int row = 0; row < view.rows; ++row) painter.paint_row(row);
  put_modes(out, view.modes);
  put_cursor(out, view, painter);
  if (!view.modes.autowrap) out += "\x1B[?7l";
  if (view.modes.insert) out += "\x1B[4h";
  if (view.modes.newline) out += "\x1B[20h";
  if (view.charsets[0] != Charset::ascii) {
    out += {'\x1B', '(', designator(view.charsets[0])};
  }
  if (view.charsets[1] != Charset::ascii) {
    out += {'\x1B', ')', designator(view.charsets[1])};
  }
  if (view.charset == 1) out += '\x0E';
  return out;
}

}  // namespace relay::pty
