#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pty/screen/screen_cell.hpp"
#include "pty/screen/screen_modes.hpp"

namespace relay::pty {

/// Which characters a set of GL shows: as they are, or the line drawing of the VT100.
enum class Charset : std::uint8_t { ascii, line_drawing, british };

/// A copy of what a screen shows at one moment, with all that a repaint has to restore.
struct ScreenView {
  int rows = 0;
  int columns = 0;
  std::vector<Cell> cells;  ///< Row by row.
  std::vector<std::string> clusters;

  /// Where the next character goes, from 0.
  int cursor_row = 0;
  int cursor_column = 0;
  /// The last column is written, and the next character goes to the next row.
  bool wrap_pending = false;
  Style pen;
  Charset charsets[2] = {};  ///< G0 and G1
  int charset = 0;           ///< Which of the two is in use.
  int scroll_top = 0;
  int scroll_bottom = 0;  ///< The row behind the region.
  ScreenModes modes;
  /// At most Screen::kMostTitle bytes, without control characters; the program's own words.
  std::string title;
  /// Rows that have left the top of the main screen, oldest first, without trailing blanks.
  std::vector<std::string> scrolled_off;
  /// The screen shows the program's output up to this byte. A viewer that paints the view and goes
  /// on reading there misses nothing: a sequence that was cut comes whole (controls in the middle
  /// of it, which no program writes, come twice).
  std::uint64_t offset = 0;

  [[nodiscard]] const Cell& cell(int row, int column) const {
    return cells[static_cast<std::size_t>(row) * static_cast<std::size_t>(columns) +
                 static_cast<std::size_t>(column)];
  }
  /// What a cell shows, as UTF-8: a space where nothing was written, nothing for the right column
  /// of a wide character.
  [[nodiscard]] std::string text(int row, int column) const;
  void append_text(std::string& to, int row, int column) const;
  /// One row without trailing blanks.
  [[nodiscard]] std::string row_text(int row) const;
};

/// Whether two views show the same characters in the same styles.
[[nodiscard]] bool same_cells(const ScreenView& a, const ScreenView& b);

}  // namespace relay::pty
