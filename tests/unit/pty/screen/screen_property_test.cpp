// What holds for any output.
#include <doctest/doctest.h>

#include "pty/screen/snapshot.hpp"
#include "unit/pty/screen/random_output.hpp"
#include "unit/pty/screen/screen_cases.hpp"

namespace relay::pty {
namespace {

constexpr int kRows = 8;
constexpr int kColumns = 24;
constexpr std::uint64_t kSeeds = 1500;

void check_same(const ScreenView& a, const ScreenView& b) {
  CHECK(same_cells(a, b));
  CHECK(a.cursor_row == b.cursor_row);
  CHECK(a.cursor_column == b.cursor_column);
  CHECK(a.wrap_pending == b.wrap_pending);
  CHECK(a.pen == b.pen);
  CHECK(a.scroll_top == b.scroll_top);
  CHECK(a.scroll_bottom == b.scroll_bottom);
}

/// No wide character without its right half, no right half without its left.
bool halves_match(const ScreenView& view) {
  for (int row = 0; row < view.rows; ++row) {
    for (int column = 0; column < view.columns; ++column) {
      const int width = view.cell(row, column).width;
      const bool right_half = column + 1 < view.columns && view.cell(row, column + 1).width == 0;
      if ((width == 2) != right_half) return false;
      if (width == 0 && (column == 0 || view.cell(row, column - 1).width != 2)) return false;
    }
  }
  return true;
}

}  // namespace

TEST_CASE("the screen does not depend on how the output is cut") {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    CAPTURE(seed);
    const auto output = test::RandomOutput(seed, false).next(120, kRows, kColumns);
    SeededRandom random(seed);
    Screen whole(kRows, kColumns);
    Screen cut(kRows, kColumns);
    whole.feed(output);
    for (std::size_t at = 0; at < output.size();) {
      const std::size_t length = 1 + random.below(9);
      cut.feed(std::string_view(output).substr(at, length));
      at += length;
    }
    check_same(whole.view(), cut.view());
    CHECK(whole.view().modes == cut.view().modes);
    CHECK(whole.view().scrolled_off == cut.view().scrolled_off);
    CHECK(whole.view().offset == cut.view().offset);
    CHECK(whole.view().title == cut.view().title);
  }
}

TEST_CASE("wide characters stay whole, also through sizes") {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    CAPTURE(seed);
    test::RandomOutput output(seed, false);
    SeededRandom random(seed);
    Screen screen(kRows, kColumns);
    for (int i = 0; i < 6; ++i) {
      screen.feed(output.next(30, kRows, kColumns));
      CHECK(halves_match(screen.view()));
      screen.resize(1 + static_cast<int>(random.below(12)), 1 + static_cast<int>(random.below(30)));
      CHECK(halves_match(screen.view()));
    }
  }
}

TEST_CASE("a view can be painted on any screen of its size, and the output go on there") {
  std::uint64_t lost_wraps = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    CAPTURE(seed);
    const auto output = test::RandomOutput(seed, false).next(100, kRows, kColumns);
    Screen screen(kRows, kColumns);
    screen.feed(output);
    const auto view = screen.view();
    Screen painted(kRows, kColumns);
    painted.feed(test::RandomOutput(seed + 1, false).next(40, kRows, kColumns));
    painted.feed("\x18");
    painted.feed(ansi_snapshot(view));
    if (view.wrap_pending && !painted.view().wrap_pending) {
      // Behind a lone skin tone, as the header says.
      ++lost_wraps;
      CHECK(same_cells(view, painted.view()));
      continue;
    }
    check_same(view, painted.view());
    const auto unfinished = output.substr(view.offset);
    if (unfinished.find_first_of("\r\n", 1) != std::string::npos) continue;
    // What is not restored, like the screen behind, is not used by what follows.
    const std::string rest =
        "\x18word\x1B[3;5H漢字\x1B[2Kmore and more and more words to wrap\r\n\n\n\x1B[2Lq";
    screen.feed(rest);
    painted.feed(unfinished);
    painted.feed(rest);
    check_same(screen.view(), painted.view());
  }
  CHECK(lost_wraps < kSeeds / 100);
}

}  // namespace relay::pty
