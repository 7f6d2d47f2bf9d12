#include "pty/session/screen_reader.hpp"

#include <doctest/doctest.h>

#include "pty/screen/screen.hpp"

namespace relay::pty {
namespace {

ScreenText text_of_output(std::string_view output) {
  Screen screen(3, 20);
  screen.feed(output);
  return text_of(screen.view());
}

}  // namespace

TEST_CASE("rows come without the blanks behind them, with cursor and modes") {
  const auto text = text_of_output("  ab  \r\n\x1B[?2004h\x1B[?1049h\x1B[2;3Hx");
  REQUIRE(text.rows.size() == 3);
  CHECK(text.rows[0].empty());
  CHECK(text.rows[1] == "  x");
  CHECK(text.cursor_row == 1);
  CHECK(text.cursor_column == 3);
  CHECK(text.bracketed_paste);
  CHECK(text.alternate);
  // Nothing is faint: there is no second form.
  CHECK(text.solid.empty());
}

TEST_CASE("faint text is blank in the solid form, hidden text in both") {
  const auto text = text_of_output("> \x1B[2mtry this\x1B[22m now\r\n\x1B[8msecret\x1B[28m!");
  CHECK(text.rows[0] == "> try this now");
  REQUIRE(text.solid.size() == 3);
  CHECK(text.solid[0] == ">          now");
  CHECK(text.rows[1] == "      !");
  CHECK(text.solid[1] == "      !");
}

TEST_CASE("faint blanks are no text") {
  CHECK(text_of_output("ok\x1B[2m   \x1B[m").solid.empty());
}

TEST_CASE("wide characters and marks are whole, and take their columns when blanked") {
  const auto text = text_of_output("終e\xCC\x81|\x1B[2m端\x1B[m|");
  CHECK(text.rows[0] == "終e\xCC\x81|端|");
  REQUIRE_FALSE(text.solid.empty());
  CHECK(text.solid[0] == "終e\xCC\x81|  |");
}

}  // namespace relay::pty
