// Internal to pty/.
#pragma once

#include <bitset>
#include <memory>

#include "pty/screen/cluster_table.hpp"
#include "pty/screen/kitty_keyboard.hpp"
#include "pty/screen/screen.hpp"
#include "pty/screen/screen_grid.hpp"
#include "pty/screen/scrolled_rows.hpp"
#include "pty/screen/vt_parser.hpp"

namespace relay::pty {

/// The terminal behind a Screen: does what the parser understood. Sources: emulator.cpp (text,
/// cursor, size), emulator_edit.cpp (CSI), emulator_modes.cpp (modes).
class Emulator final : private VtHandler {
 public:
  Emulator(int rows, int columns, std::uint64_t offset, std::size_t most_scrolled_off);

  void feed(std::string_view bytes);
  void resize(int rows, int columns);

  [[nodiscard]] int rows() const { return grid_->rows(); }
  [[nodiscard]] int columns() const { return grid_->columns(); }
  [[nodiscard]] int reported_row() const { return cursor_.row - (modes_.origin ? top_ : 0); }
  [[nodiscard]] int reported_column() const { return cursor_.column; }
  [[nodiscard]] const ScreenModes& modes() const { return modes_; }
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  [[nodiscard]] ScreenView view() const;
  [[nodiscard]] ScreenView shown() const;

 private:
  struct Cursor {
    int row = 0;
    int column = 0;
    bool pending = false;
    bool origin = false;  ///< Of a saved cursor only.
    Style pen;
    Charset charsets[2] = {};
    int charset = 0;
  };

  void on_ascii(std::string_view run) override;
  void on_glyph(char32_t point) override;
  void on_control(char control) override;
  void on_escape(char intermediate, char final) override;
  void on_csi(const CsiSequence& sequence) override;
  void on_osc(std::string_view body, bool bel) override;

  // emulator.cpp
  void put(char32_t point, int width);
  void put_run(std::string_view run);
  bool join(char32_t point, int width);
  [[nodiscard]] Cell* last_written();
  [[nodiscard]] bool plain_charset() const;
  void wrap_if_pending();
  void line_feed();
  void reverse_line_feed();
  void scroll_up(int count);
  void keep_scrolled(int row);
  void save_cursor();
  void restore_cursor();
  void full_reset();
  void alignment_test();
  void designate(char set, char final);
  void default_tabs();
  void fit(ScreenGrid& grid, Cursor& cursor, int rows, int columns, bool keep);

  // emulator_edit.cpp
  void move_to(int row, int column);
  void move_rows(int count);
  void move_columns(int count);
  void tab(int count);
  void back_tab(int count);
  void erase_in_display(int what);
  void erase_in_line(int what);
  void repeat(int count);
  void set_region(int top, int bottom);
  void plain_csi(const CsiSequence& sequence);
  void edit_csi(const CsiSequence& sequence);
  [[nodiscard]] Cell blank() const;
  [[nodiscard]] bool in_region() const { return cursor_.row >= top_ && cursor_.row < bottom_; }

  // emulator_modes.cpp
  void set_private_modes(const CsiSequence& sequence, bool on);
  void set_alternate(bool on, bool with_cursor);
  void set_cursor_shape(int shape);
  void kitty_csi(const CsiSequence& sequence);
  void soft_reset();

  [[nodiscard]] std::span<Cell> behind() { return behind_ ? behind_->all() : std::span<Cell>(); }
  [[nodiscard]] int screen_index() const { return modes_.alternate_screen ? 1 : 0; }

  VtParser parser_;
  std::uint64_t offset_;
  std::unique_ptr<ScreenGrid> grid_;
  /// The main screen, while the alternate one is shown.
  std::unique_ptr<ScreenGrid> behind_;
  ClusterTable clusters_;
  ScrolledRows scrolled_;
  Cursor cursor_;
  Cursor saved_[2];
  /// Where the main screen's cursor stood when the alternate screen came.
  int main_row_ = 0;
  int top_ = 0;
  int bottom_;
  ScreenModes modes_;
  KittyKeyboard kitty_[2];
  std::bitset<Screen::kMostColumns> tabs_;
  /// What REP repeats; 0 when the last thing was not a character.
  char32_t last_ = 0;
  std::string title_;
};

}  // namespace relay::pty
