#include "pty/screen/snapshot.hpp"

#include <doctest/doctest.h>

#include "unit/pty/screen/screen_cases.hpp"

namespace relay::pty {
namespace {

using test::screen_of;

std::string painted(std::string_view output, int rows, int columns) {
  return ansi_snapshot(screen_of(output, rows, columns).view());
}

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("plain: a line for each row, without trailing blanks") {
  CHECK(plain_snapshot(screen_of("a b  \r\n漢x", 3, 6).view()) == "a b\n漢x\n\n");
  CHECK(plain_snapshot(screen_of("", 2, 6).view()) == "\n\n");
  CHECK(plain_snapshot(screen_of("e\u0301👩\u200D👧", 1, 6).view()) == "e\u0301👩\u200D👧\n");
}

TEST_CASE("ANSI: screen, reset, cells, modes, cursor") {
  CHECK(painted("a\x1B[1;31mb", 2, 4) ==
        "\x1B[?1049l\x1B[?6l\x1B[?7h\x1B[4l\x1B[20l\x1B(B\x1B)B\x0F\x1B[0m\x1B[r\x1B[H\x1B[2J"
        "\x1B[1;1Ha\x1B[0;1;31mb"
        "\x1B[?25h\x1B[?1l\x1B[?5l\x1B[?9l\x1B[?1000l\x1B[?1002l\x1B[?1003l"
        "\x1B[?1005l\x1B[?1006l\x1B[?1015l\x1B[?1016l\x1B[?1004l\x1B[?1007l\x1B[?2004l\x1B>"
        "\x1B[0 q\x1B[1;3H");
}

TEST_CASE("ANSI: every style comes back as it was") {
  const auto text = painted(
      "\x1B[1;2;3;5;7;8;9;53ma\x1B[0;4mb\x1B[0;4:3mc\x1B[0;97;104md\x1B[0;38;5;99;48;5;16me"
      "\x1B[0;38;2;1;2;3mf",
      1, 8);
  CHECK(holds(text,
              "\x1B[0;1;2;3;5;7;8;9;53ma\x1B[0;4mb\x1B[0;4:3mc\x1B[0;97;104md"
              "\x1B[0;38;5;99;48;5;16me\x1B[0;38;2;1;2;3mf"));
}

TEST_CASE("ANSI: modes are restored") {
  const auto text = painted(
      "\x1B[?1049h\x1B[?25l\x1B[?1h\x1B[?1003h\x1B[?1006h\x1B[?1004h\x1B[?2004h\x1B=\x1B[5 q"
      "\x1B[?2026h",
      2, 4);
  CHECK(text.starts_with("\x1B[?1049h"));
  for (const char* mode : {"\x1B[?25l", "\x1B[?1h", "\x1B[?1003l", "\x1B[?1003h", "\x1B[?1006h",
                           "\x1B[?1004h", "\x1B[?2004h", "\x1B=", "\x1B[5 q"}) {
    CAPTURE(mode);
    CHECK(holds(text, mode));
  }
  CHECK(text.find("\x1B[?1003l") < text.find("\x1B[?1003h"));
  // A viewer would wait for the end of the update.
  CHECK_FALSE(holds(text, "2026"));
}

TEST_CASE("ANSI: a pending wrap is restored by writing the last column again") {
  const auto text = painted("\x1B[31mabcd\x1B[m", 2, 4);
  CHECK(text.ends_with("\x1B[1;4Hd\x1B[0m"));
  CHECK(painted("ab漢", 2, 4).ends_with("\x1B[1;3H漢"));
}

TEST_CASE("ANSI: region, origin, character sets and insert mode are restored") {
  const auto text = painted("\x1B[2;3r\x1B[?6h\x1B(0\x1B[4h\x0E", 4, 4);
  CHECK(text.ends_with("\x1B[2;3r\x1B[?6h\x1B[1;1H\x1B[4h\x1B(0\x0E"));
  CHECK(painted("\x1B[?7l", 1, 4).ends_with("\x1B[?7l"));
}

TEST_CASE("ANSI: a skin tone that stands alone is not joined to what is left of it") {
  auto screen = screen_of("\x1B[1;3H\U0001F3FD\x1B[1;1H漢", 1, 6);
  REQUIRE(screen.view().text(0, 2) == "\U0001F3FD");
  auto again = screen_of(ansi_snapshot(screen.view()), 1, 6);
  CHECK(same_cells(screen.view(), again.view()));
}

TEST_CASE("SVG: a grid, escaped, always the same") {
  const auto view =
      screen_of("<b>&\"\x1B[1;31mred\x1B[m\r\n\x1B[44m \x1B[m漢\x1B[7mx", 2, 12).view();
  const auto svg = svg_snapshot(view);
  CHECK(svg == svg_snapshot(view));
  CHECK(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"126\" height=\"54\""));
  CHECK(holds(svg, ">&lt;b&gt;&amp;&quot;</text>"));
  CHECK(holds(
      svg, "<text x=\"54\" y=\"23\" textLength=\"27\" fill=\"#cd3131\" font-weight=\"bold\">red<"));
  CHECK(holds(svg, "<rect x=\"9\" y=\"27\" width=\"9\" height=\"18\" fill=\"#2472c8\"/>"));
  CHECK(holds(svg, "<text x=\"18\" y=\"41\" textLength=\"18\" fill=\"#d4d4d4\">漢</text>"));
  CHECK(holds(svg, "<rect x=\"36\" y=\"27\" width=\"9\" height=\"18\" fill=\"#d4d4d4\"/>"));
  CHECK(holds(svg, "fill=\"#1e1e1e\">x</text>"));
  CHECK(svg.ends_with("</svg>\n"));
}

TEST_CASE("SVG: nothing of the program's becomes markup") {
  const auto svg = svg_snapshot(
      screen_of("<script>alert(1)</script>\" onload=\"x\xEF\xBF\xBF\x1B]0;<title>\a", 2, 60)
          .view());
  CHECK_FALSE(holds(svg, "<script"));
  CHECK_FALSE(holds(svg, "onload=\"x"));
  CHECK_FALSE(holds(svg, "<title"));
  CHECK_FALSE(holds(svg, "\xEF\xBF\xBF"));
}

TEST_CASE("SVG: hidden text is hidden, colours of the cube and the greys") {
  const auto svg = svg_snapshot(
      screen_of("\x1B[8msecret\x1B[0;38;5;196mr\x1B[38;5;244mg\x1B[38;2;1;2;3mt", 1, 10).view());
  CHECK_FALSE(holds(svg, "secret"));
  CHECK(holds(svg, "#ff0000"));
  CHECK(holds(svg, "#808080"));
  CHECK(holds(svg, "#010203"));
}

}  // namespace relay::pty
