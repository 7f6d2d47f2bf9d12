// Output of a hostile program to a screen, in pieces and with sizes that the input chooses. However
// it is cut, the screen and the answers must be the same; a repaint must show the same cells.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "fuzz/targets.hpp"
#include "pty/screen/query_responder.hpp"
#include "pty/screen/snapshot.hpp"

namespace relay::fuzz::pty_screen {

namespace {

using namespace relay::pty;

void need(bool right) {
  if (!right) std::abort();
}

/// 0xFE in the input is not output but a size: the two bytes behind it.
constexpr char kResize = '\xFE';

struct Shown {
  Screen screen{6, 20};
  QueryResponder responder;
  std::string answers;

  void feed(std::string_view bytes, std::size_t piece) {
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      // An answer of more than its bound depends on the pieces; so few bytes do not reach it.
      answers += feed_and_answer(screen, responder, bytes.substr(at, piece));
    }
  }
};

void play(Shown& shown, std::string_view input, std::size_t piece) {
  while (!input.empty()) {
    const auto at = input.find(kResize);
    shown.feed(input.substr(0, at), piece);
    if (at == std::string_view::npos || input.size() < at + 3) return;
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(input[at + i]); };
    shown.screen.resize(byte(1) % 12, byte(2) % 40);
    input.remove_prefix(at + 3);
  }
}

void check_halves(const ScreenView& view) {
  for (int row = 0; row < view.rows; ++row) {
    for (int column = 0; column < view.columns; ++column) {
      const bool right_half = column + 1 < view.columns && view.cell(row, column + 1).width == 0;
      need((view.cell(row, column).width == 2) == right_half);
    }
  }
}

}  // namespace

int run(const std::uint8_t* data, std::size_t size) {
  // With more, the answers reach their bound.
  if (size < 2 || size > 700) return 0;
  const std::size_t piece = 1 + data[0] % 16U;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  Shown whole;
  Shown cut;
  play(whole, input, input.size());
  play(cut, input, piece);
  const auto view = whole.screen.view();
  const auto other = cut.screen.view();
  need(whole.answers == cut.answers);
  need(same_cells(view, other));
  need(view.modes == other.modes && view.title == other.title && view.pen == other.pen);
  need(view.cursor_row == other.cursor_row && view.cursor_column == other.cursor_column);
  need(view.offset == other.offset && view.scrolled_off == other.scrolled_off);
  need(view.title.size() <= Screen::kMostTitle);
  check_halves(view);

  Screen painted(view.rows, view.columns);
  painted.feed(ansi_snapshot(view));
  need(same_cells(view, painted.view()));
  for (const char c : plain_snapshot(view)) {
    need(static_cast<unsigned char>(c) >= 0x20 || c == '\n');
  }
  need(svg_snapshot(view) == svg_snapshot(other));
  return 0;
}

}  // namespace relay::fuzz::pty_screen
