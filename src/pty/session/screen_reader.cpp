#include "pty/session/screen_reader.hpp"

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
      const std::size_t from = all.size();
      if (cell.style.has(attribute::kHidden)) {
        all.append(cell.width, ' ');
      } else {
        view.append_text(all, row, column);
      }
      const std::string_view glyph = std::string_view(all).substr(from);
      if (cell.style.has(attribute::kDim)) {
        any_faint = any_faint || glyph.find_first_not_of(' ') != std::string_view::npos;
        strong.append(cell.width, ' ');
      } else {
        strong += glyph;
      }
    }
    text.rows.push_back(without_trailing_blanks(std::move(all)));
    solid.push_back(without_trailing_blanks(std::move(strong)));
  }
  if (any_faint) text.solid = std::move(solid);
  return text;
}

}  // namespace relay::pty
