#include "pty/screen/screen.hpp"

#include <doctest/doctest.h>

#include "unit/pty/screen/screen_cases.hpp"

namespace relay::pty {
namespace {

using test::screen_of;

Style style_after(std::string_view sgr) {
  return screen_of(std::string(sgr) + "x").view().cell(0, 0).style;
}

std::string first_row(const Screen& screen) {
  return screen.view().row_text(0);
}

}  // namespace

TEST_CASE("SGR: attributes are set and taken away") {
  struct Row {
    std::string_view on;
    std::uint16_t bits;
    std::string_view off;
  };
  const Row rows[] = {
      {"1", 0x001, "22"},    {"2", 0x002, "22"},      {"3", 0x004, "23"},   {"5", 0x008, "25"},
      {"6", 0x008, "25"},    {"7", 0x010, "27"},      {"8", 0x020, "28"},   {"9", 0x040, "29"},
      {"53", 0x080, "55"},   {"4", 0x100, "24"},      {"21", 0x200, "24"},  {"4:3", 0x300, "24"},
      {"4:5", 0x500, "4:0"}, {"1;3;4;7", 0x115, "0"}, {"1;2", 0x003, "22"},
  };
  for (const auto& [on, bits, off] : rows) {
    CAPTURE(on);
    const auto start = "\x1B[" + std::string(on) + "m";
    CHECK(style_after(start).attributes == bits);
    CHECK(style_after(start + "\x1B[" + std::string(off) + "m").attributes == 0);
    CHECK(style_after(start + "\x1B[m") == Style{});
  }
}

TEST_CASE("SGR: colours in all their spellings") {
  const auto indexed = [](int n) { return Colour::indexed(n); };
  const std::pair<std::string_view, Colour> rows[] = {
      {"31", indexed(1)},
      {"97", indexed(15)},
      {"38;5;200", indexed(200)},
      {"38:5:200", indexed(200)},
      {"38;2;1;2;3", Colour::rgb(1, 2, 3)},
      {"38:2::1:2:3", Colour::rgb(1, 2, 3)},
      {"38:2:1:2:3", Colour::rgb(1, 2, 3)},
      {"38;2;1;2;3;39", {}},
      {"31;39", {}},
      {"38;5;256", {}},
      {"38;2;1;2", {}},
      {"38", {}},
      {"38;5", {}},
      {"38;9;31", indexed(1)},
      {"58;5;1;32", indexed(2)},
      {"58:2::1:2:3;33", indexed(3)},
  };
  for (const auto& [sgr, colour] : rows) {
    CAPTURE(sgr);
    const auto style = style_after("\x1B[" + std::string(sgr) + "m");
    CHECK(style.foreground == colour);
    CHECK(style.background == Colour{});
    CHECK(style.attributes == 0);
  }
  CHECK(style_after("\x1B[44m").background == indexed(4));
  CHECK(style_after("\x1B[103m").background == indexed(11));
  CHECK(style_after("\x1B[48;2;9;8;7m").background == Colour::rgb(9, 8, 7));
  CHECK(style_after("\x1B[48;5;99;49m").background == Colour{});
  CHECK(style_after("\x1B[1;31;48;5;7m") == Style{indexed(1), indexed(7), 1});
}

TEST_CASE("what is erased and what scrolls in has the background of the pen") {
  const auto blue = Colour::indexed(4);
  CHECK(screen_of("\x1B[44m\x1B[K").view().cell(0, 9).style.background == blue);
  CHECK(screen_of("\x1B[44;1m\x1B[2J").view().cell(3, 9).style == Style{{}, blue, 0});
  CHECK(screen_of("\x1B[44m\r\n\n\n\n").view().cell(3, 0).style.background == blue);
  CHECK(screen_of("ab\r\x1B[44m\x1B[P").view().cell(0, 9).style.background == blue);
}

TEST_CASE("modes are known, and reset by RIS") {
  auto screen = screen_of(
      "\x1B[?1h\x1B[?2004h\x1B[?1004h\x1B[?1002;1006h\x1B[?2026h\x1B[?25l\x1B=\x1B[4h\x1B[6 q"
      "\x1B[?1049h\x1B[?1007h\x1B[?5h");
  const auto& modes = screen.modes();
  CHECK(modes.application_cursor);
  CHECK(modes.bracketed_paste);
  CHECK(modes.focus_events);
  CHECK(modes.mouse == ScreenModes::Mouse::drag);
  CHECK(modes.mouse_encoding == ScreenModes::MouseEncoding::sgr);
  CHECK(modes.synchronized_output);
  CHECK_FALSE(modes.cursor_visible);
  CHECK(modes.application_keypad);
  CHECK(modes.insert);
  CHECK(modes.cursor_shape == ScreenModes::CursorShape::bar);
  CHECK_FALSE(modes.cursor_blink);
  CHECK(modes.alternate_screen);
  CHECK(modes.alternate_scroll);
  CHECK(modes.reverse_video);
  screen.feed("\x1B[?2026l\x1B[?2004l\x1B[?1002l");
  CHECK_FALSE(screen.modes().synchronized_output);
  CHECK_FALSE(screen.modes().bracketed_paste);
  CHECK(screen.modes().mouse == ScreenModes::Mouse::none);
  screen.feed(
      "\x1B"
      "c");
  CHECK(screen.modes() == ScreenModes{});
}

TEST_CASE("a mode that is cut between two pieces counts") {
  auto screen = screen_of("\x1B[?20");
  CHECK_FALSE(screen.modes().bracketed_paste);
  screen.feed("04h");
  CHECK(screen.modes().bracketed_paste);
}

TEST_CASE("kitty keyboard flags: a stack for each screen") {
  auto screen = screen_of("\x1B[>1u");
  const auto flags = [&screen] { return int{screen.modes().kitty_keyboard}; };
  CHECK(flags() == 1);
  screen.feed("\x1B[>5u");
  CHECK(flags() == 5);
  screen.feed("\x1B[<u");
  CHECK(flags() == 1);
  screen.feed("\x1B[=8;2u");
  CHECK(flags() == 9);
  screen.feed("\x1B[=1;3u");
  CHECK(flags() == 8);
  screen.feed("\x1B[?1049h");
  CHECK(flags() == 0);
  screen.feed("\x1B[>3u\x1B[?1049l");
  CHECK(flags() == 8);
  screen.feed("\x1B[<99u");
  CHECK(flags() == 0);
  for (int i = 0; i < 1000; ++i) screen.feed("\x1B[>7u");
  screen.feed("\x1B[<15u");
  CHECK(flags() == 7);
}

TEST_CASE("the title is kept without control characters and cut at 256 bytes") {
  CHECK(screen_of("\x1B]0;a\xC3\xA4 b\a").view().title == "aä b");
  CHECK(screen_of("\x1B]2;x\x1B\\").view().title == "x");
  CHECK(screen_of("\x1B]1;icon\a").view().title.empty());
  CHECK(screen_of("\x1B]2;a\xC2\x9B"
                  "31m\xFF\a")
            .view()
            .title == "a31m");
  CHECK(screen_of("\x1B]2;" + std::string(4000, 'x') + "\a").view().title.size() == 256);
}

TEST_CASE("rows that scroll off the main screen are kept as text, up to a number") {
  Screen screen(2, 10, 0, 3);
  screen.feed("1\r\n2 \r\n漢\r\n4\r\n");
  CHECK(screen.view().scrolled_off == std::vector<std::string>{"1", "2", "漢"});
  screen.feed("5\r\n");
  CHECK(screen.view().scrolled_off == std::vector<std::string>{"2", "漢", "4"});
  screen.feed("\x1B[?1049h\r\n\n\n\n\x1B[?1049l");
  screen.feed("\x1B[2;2r\x1B[1;2r\x1B[r");
  CHECK(screen.view().scrolled_off.size() == 3);
  screen.feed("\x1B[3J");
  CHECK(screen.view().scrolled_off.empty());
  Screen none(1, 10, 0, 0);
  none.feed("1\r\n2\r\n3");
  CHECK(none.view().scrolled_off.empty());
}

TEST_CASE("what scrolls in a region below the top is not kept") {
  Screen screen(4, 10);
  screen.feed("1\r\n2\r\n3\x1B[2;3r\x1B[3;1H\n\n\n");
  CHECK(screen.view().scrolled_off.empty());
}

TEST_CASE("the view's offset is where the output has to go on") {
  Screen screen(4, 10, 1000);
  screen.feed("abc");
  CHECK(screen.view().offset == 1003);
  screen.feed("\xE6\xBC");
  CHECK(screen.offset() == 1005);
  CHECK(screen.view().offset == 1003);
  screen.feed("\xA2\x1B[3");
  CHECK(screen.view().offset == 1006);
  CHECK(first_row(screen) == "abc漢");
}

TEST_CASE("a screen is made from what a ring still holds") {
  OutputRing ring(32);
  ring.append("one\r\ntwo");
  auto screen = Screen::from(ring, 4, 10);
  CHECK(screen.offset() == 8);
  CHECK(screen.view().row_text(1) == "two");

  // The ring begins inside a sequence: it is not shown.
  OutputRing cut(16);
  cut.append("\x1B[38;2;100;100;100mred\r\nmore");
  const auto late = Screen::from(cut, 4, 10);
  CHECK(late.offset() == cut.end());
  CHECK(late.view().row_text(1) == "more");
  CHECK(first_row(late).empty());

  OutputRing dull(4);
  dull.append("abcdefgh");
  CHECK(first_row(Screen::from(dull, 4, 10)) == "efgh");
}

TEST_CASE("sizes are held in bounds") {
  const Screen small(0, -3);
  CHECK(small.rows() == 1);
  CHECK(small.columns() == 1);
  Screen screen(100000, 100000);
  CHECK(screen.rows() == 500);
  CHECK(screen.columns() == 1000);
  screen.resize(0, 0);
  CHECK(screen.rows() == 1);
  screen.feed("ab\r\n\tc\x1B[Z\x1B[5;5Hd");
  CHECK(first_row(screen) == "d");
}

TEST_CASE("a million combining marks are some bytes on one cell") {
  Screen screen(4, 10);
  screen.feed("e");
  std::string marks;
  for (int i = 0; i < 1000; ++i) marks += "\u0301";
  for (int i = 0; i < 1000; ++i) screen.feed(marks);
  CHECK(first_row(screen).size() <= 48);
  CHECK(screen.view().cursor_column == 1);
}

TEST_CASE("clusters that are no longer shown are forgotten, those that are shown stay") {
  Screen screen(4, 10);
  screen.feed("\x1B[1;1Ha\u0301\x1B[2;1Hb\u0302\x1B[3b");
  for (int i = 0; i < 10000; ++i) screen.feed("\x1B[4;1Hx\u0300\u0301");
  CHECK(first_row(screen) == "a\u0301");
  CHECK(screen.view().row_text(1).starts_with("b\u0302"));
  CHECK(screen.view().row_text(3) == "x\u0300\u0301");
}

TEST_CASE("hostile sequences neither show nor stop anything") {
  const std::string megabyte(1 << 20, 'x');
  for (const std::string start : {"\x1B]0;", "\x1BP", "\x1B_", "\x1B[", "\x1B]52;c;"}) {
    CAPTURE(start);
    Screen screen(4, 10);
    screen.feed(start);
    const std::string piece = start == "\x1B[" ? std::string(1 << 20, ';') : megabyte;
    for (int i = 0; i < 4; ++i) screen.feed(piece);
    screen.feed("\x18\r\x1B[2Kok");
    CHECK(first_row(screen) == "ok");
  }
  CHECK(first_row(screen_of("a\x1B[65535b\x1B[1;1H\x1B[65535@ok")) == "ok");
}

}  // namespace relay::pty
