#include "pty/screen_reader.hpp"

#include <string>
#include <utility>

namespace relay::pty {
namespace {

std::string without_trailing_blanks(std::string row) {
  row.resize(row.find_last_not_of(' ') + 1);
  return row;
}

}  // namespace

ScreenText text_of(const ScreenView& view) {
  ScreenText text;
  text.cursor_row = view.cursor_row;
  text.cursor_column = view.cursor_column;
  text.bracketed_paste = view.modes.bracketed_paste;
  text.alternate = view.modes.alternate_screen;
  text.unfinished = view.modes.synchronized_output;
  text.rows.reserve(static_cast<std::size_t>(view.rows));
  bool any_faint = false;
  std::vector<std::string> solid;
  solid.reserve(static_cast<std::size_t>(view.rows));
  for (int row = 0; row < view.rows; ++row) {
    std::string all;
    std::string strong;
    for (int column = 0; column < view.columns; ++column) {
      const Cell& cell = view.cell(row, column);
      const std::string blank(cell.width, ' ');
      const bool hidden = cell.style.has(attribute::kHidden);
      const bool faint = cell.style.has(attribute::kDim);
      const std::string glyph = hidden ? blank : view.text(row, column);
      any_faint = any_faint || (faint && glyph != blank);
      all += glyph;
      strong += faint ? blank : glyph;
    }
    text.rows.push_back(without_trailing_blanks(std::move(all)));
    solid.push_back(without_trailing_blanks(std::move(strong)));
  }
  if (any_faint) text.solid = std::move(solid);
  return text;
}

}  // namespace relay::pty
