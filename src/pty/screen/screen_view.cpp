#include "pty/screen/screen_view.hpp"

#include "pty/screen/cluster_table.hpp"

namespace relay::pty {

void ScreenView::append_text(std::string& to, int row, int column) const {
  const Cell& one = cell(row, column);
  if (one.is_cluster()) {
    to += clusters[one.cluster()];
  } else if (one.width != 0) {
    append_utf8(to, one.glyph);
  }
}

std::string ScreenView::text(int row, int column) const {
  std::string text;
  append_text(text, row, column);
  return text;
}

std::string ScreenView::row_text(int row) const {
  std::string line;
  for (int column = 0; column < columns; ++column) append_text(line, row, column);
  line.resize(line.find_last_not_of(' ') + 1);
  return line;
}

bool same_cells(const ScreenView& a, const ScreenView& b) {
  if (a.rows != b.rows || a.columns != b.columns) return false;
  for (int row = 0; row < a.rows; ++row) {
    for (int column = 0; column < a.columns; ++column) {
      const Cell& left = a.cell(row, column);
      const Cell& right = b.cell(row, column);
      if (left.style != right.style || left.width != right.width) return false;
      if (left.glyph == right.glyph && !left.is_cluster()) continue;
      if (a.text(row, column) != b.text(row, column)) return false;
    }
  }
  return true;
}

}  // namespace relay::pty
