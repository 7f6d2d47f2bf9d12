// Internal to pty/.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pty/screen/screen_cell.hpp"

namespace relay::pty {

/// Rows and columns of cells. Ranges are half open and lie inside; rows that scroll move as
/// numbers, not as cells. After every call a wide character is whole or gone: where an edge of a
/// change goes through one, both its columns become blank.
class ScreenGrid {
 public:
  ScreenGrid(int rows, int columns);

  [[nodiscard]] int rows() const { return rows_; }
  [[nodiscard]] int columns() const { return columns_; }
  [[nodiscard]] Cell* row(int row) { return &cells_[offset(row)]; }
  [[nodiscard]] const Cell* row(int row) const { return &cells_[offset(row)]; }
  [[nodiscard]] std::span<Cell> all() { return cells_; }

  /// Makes room at `column` for something that begins or ends there.
  void split(int row, int column) {
    if (column > 0 && column < columns_ && this->row(row)[column].width == 0) {
      this->row(row)[column - 1] = this->row(row)[column] = Cell{};
    }
  }

  void fill(int row, int from, int to, const Cell& cell);
  void fill_rows(int from, int to, const Cell& cell);
  /// Moves the rows from `top` to `bottom` up by `count`; what comes in is filled with `cell`.
  void scroll_up(int top, int bottom, int count, const Cell& cell);
  void scroll_down(int top, int bottom, int count, const Cell& cell);
  void insert(int row, int column, int count, const Cell& cell);
  void erase(int row, int column, int count, const Cell& cell);
  /// Another size; the first `skip` rows go, what is new is blank.
  void resize(int rows, int columns, int skip);

 private:
  [[nodiscard]] std::size_t offset(int row) const {
    return static_cast<std::size_t>(order_[static_cast<std::size_t>(row)]) *
           static_cast<std::size_t>(columns_);
  }

  int rows_;
  int columns_;
  std::vector<Cell> cells_;
  std::vector<std::uint16_t> order_;
};

}  // namespace relay::pty
