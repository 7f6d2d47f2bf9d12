// Internal to pty/.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pty/screen/screen_cell.hpp"

namespace relay::pty {

/// The texts of cells that hold more than one code point. Entries do not change once they are
/// made, so cells can be copied. Those that no cell shows any more are dropped when the table is
/// full; it has room for twice as many as there are cells, so that happens seldom and always helps.
class ClusterTable {
 public:
  /// Bytes of one cluster: the longest emoji (a family of four with skin tones) has 41. Marks that
  /// do not fit are left out.
  static constexpr std::size_t kMostBytes = 48;

  [[nodiscard]] std::string_view text(std::size_t index) const { return texts_[index]; }

  /// The text of a cell's glyph, written into `buffer` when it is a single code point.
  [[nodiscard]] std::string_view text(const Cell& cell, std::string& buffer) const;

  /// Appends `point` to the text of `cell`. The grids are every cell that may refer to this table.
  void append(Cell& cell, char32_t point, std::span<Cell> grid, std::span<Cell> other);

 private:
  void drop_unused(std::span<Cell> grid, std::span<Cell> other);

  std::vector<std::string> texts_;
};

/// Appends the UTF-8 form of a valid code point.
void append_utf8(std::string& text, char32_t point);

}  // namespace relay::pty
