#include "pty/screen/screen_grid.hpp"

#include <algorithm>
#include <numeric>

namespace relay::pty {

ScreenGrid::ScreenGrid(int rows, int columns)
    : rows_(rows),
      columns_(columns),
      cells_(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns)),
      order_(static_cast<std::size_t>(rows)) {
  std::iota(order_.begin(), order_.end(), std::uint16_t{0});
}

void ScreenGrid::fill(int row, int from, int to, const Cell& cell) {
  if (from >= to) return;
  split(row, from);
  split(row, to);
  std::fill(this->row(row) + from, this->row(row) + to, cell);
}

void ScreenGrid::fill_rows(int from, int to, const Cell& cell) {
  for (int row = from; row < to; ++row) fill(row, 0, columns_, cell);
}

void ScreenGrid::scroll_up(int top, int bottom, int count, const Cell& cell) {
  count = std::min(count, bottom - top);
  const auto first = order_.begin() + top;
  std::rotate(first, first + count, order_.begin() + bottom);
  fill_rows(bottom - count, bottom, cell);
}

void ScreenGrid::scroll_down(int top, int bottom, int count, const Cell& cell) {
  count = std::min(count, bottom - top);
  const auto last = order_.begin() + bottom;
  std::rotate(order_.begin() + top, last - count, last);
  fill_rows(top, top + count, cell);
}

void ScreenGrid::insert(int row, int column, int count, const Cell& cell) {
  count = std::min(count, columns_ - column);
  split(row, column);
  split(row, columns_ - count);
  Cell* cells = this->row(row);
  std::copy_backward(cells + column, cells + columns_ - count, cells + columns_);
  std::fill(cells + column, cells + column + count, cell);
}

void ScreenGrid::erase(int row, int column, int count, const Cell& cell) {
  count = std::min(count, columns_ - column);
  split(row, column);
  split(row, column + count);
  Cell* cells = this->row(row);
  std::copy(cells + column + count, cells + columns_, cells + column);
  std::fill(cells + columns_ - count, cells + columns_, cell);
}

void ScreenGrid::resize(int rows, int columns, int skip) {
  ScreenGrid next(rows, columns);
  const int kept_rows = std::min(rows, rows_ - skip);
  const int kept_columns = std::min(columns, columns_);
  for (int row = 0; row < kept_rows; ++row) {
    split(row + skip, kept_columns);
    std::copy_n(this->row(row + skip), kept_columns, next.row(row));
  }
  *this = std::move(next);
}

}  // namespace relay::pty
