// The cases of screen_cases.txt.
#include <doctest/doctest.h>

#include "pty/screen/snapshot.hpp"
#include "unit/pty/screen/screen_cases.hpp"

namespace relay::pty {

TEST_CASE("each case of the corpus shows what it should") {
  REQUIRE(test::screen_cases().size() >= 120);
  for (const auto& one : test::screen_cases()) {
    CAPTURE(one.name);
    const auto view = test::play(one).view();
    for (int row = 0; row < view.rows; ++row) {
      CAPTURE(row);
      CHECK(view.row_text(row) == one.expected[static_cast<std::size_t>(row)]);
    }
    if (one.cursor) {
      CHECK(view.cursor_row + 1 == one.cursor->first);
      CHECK(view.cursor_column + 1 == one.cursor->second);
    }
  }
}

TEST_CASE("each case of the corpus is the same byte by byte") {
  for (const auto& one : test::screen_cases()) {
    CAPTURE(one.name);
    const auto whole = test::play(one).view();
    const auto cut = test::play(one, 1).view();
    CHECK(same_cells(whole, cut));
    CHECK(whole.modes == cut.modes);
    CHECK(whole.offset == cut.offset);
    CHECK(ansi_snapshot(whole) == ansi_snapshot(cut));
  }
}

TEST_CASE("each case of the corpus can be painted again") {
  for (const auto& one : test::screen_cases()) {
    CAPTURE(one.name);
    const auto view = test::play(one).view();
    Screen painted(view.rows, view.columns);
    painted.feed(ansi_snapshot(view));
    CHECK(same_cells(view, painted.view()));
    CHECK(painted.view().cursor_row == view.cursor_row);
    CHECK(painted.view().cursor_column == view.cursor_column);
  }
}

}  // namespace relay::pty
