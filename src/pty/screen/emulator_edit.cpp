// What CSI sequences do to the text and the cursor.
#include <algorithm>
#include <utility>

#include "pty/screen/char_width.hpp"
#include "pty/screen/emulator.hpp"
#include "pty/screen/graphics.hpp"

namespace relay::pty {

Cell Emulator::blank() const {
  Cell cell;
  cell.style.background = cursor_.pen.background;
  return cell;
}

void Emulator::on_csi(const CsiSequence& sequence) {
  if (sequence.final == 'm' && sequence.prefix == 0 && sequence.intermediate == 0) {
    last_ = 0;
    apply_graphics(sequence, cursor_.pen);
    return;
  }
  const char32_t last = std::exchange(last_, 0);
  if (sequence.intermediate != 0) {
    if (sequence.intermediate == '!' && sequence.final == 'p') soft_reset();
    if (sequence.intermediate == ' ' && sequence.final == 'q') {
      set_cursor_shape(sequence.at(0, 0));
    }
    return;
  }
  if (sequence.prefix == '?') {
    switch (sequence.final) {
      case 'J': erase_in_display(sequence.at(0, 0)); break;
      case 'K': erase_in_line(sequence.at(0, 0)); break;
      case 'h': set_private_modes(sequence, true); break;
      case 'l': set_private_modes(sequence, false); break;
      default: break;
    }
  } else if (sequence.prefix != 0) {
    if (sequence.final == 'u') kitty_csi(sequence);
  } else if (sequence.final == 'b') {
    last_ = last;
    repeat(sequence.times(0));
    last_ = 0;
  } else {
    plain_csi(sequence);
  }
}

void Emulator::plain_csi(const CsiSequence& sequence) {
  const int times = sequence.times(0);
  const int row = reported_row();
  switch (sequence.final) {
    case 'A': move_rows(-times); break;
    case 'B':
    case 'e': move_rows(times); break;
    case 'C':
    case 'a': move_columns(times); break;
    case 'D': move_columns(-times); break;
    case 'E':
      move_rows(times);
      cursor_.column = 0;
      break;
    case 'F':
      move_rows(-times);
      cursor_.column = 0;
      break;
    case 'G':
    case '`': move_to(row, times - 1); break;
    case 'H':
    case 'f': move_to(times - 1, sequence.times(1) - 1); break;
    case 'I': tab(times); break;
    case 'Z': back_tab(times); break;
    case 'd': move_to(times - 1, cursor_.column); break;
    case 'g':
      if (sequence.at(0, 0) == 0) tabs_.reset(static_cast<std::size_t>(cursor_.column));
      if (sequence.at(0, 0) == 3) tabs_.reset();
      break;
    case 'h':
    case 'l':
      for (std::size_t i = 0; i < sequence.count; ++i) {
        set_ansi_flag(modes_, sequence.at(i, 0), sequence.final == 'h');
      }
      break;
    case 'r': set_region(sequence.times(0), sequence.at(1, 0)); break;
    case 's': save_cursor(); break;
    case 'u': restore_cursor(); break;
    default: edit_csi(sequence); break;
  }
}

void Emulator::edit_csi(const CsiSequence& sequence) {
  const int times = sequence.times(0);
  const int row = cursor_.row;
  const int column = cursor_.column;
  switch (sequence.final) {
    case '@': grid_->insert(row, column, times, blank()); break;
    case 'P': grid_->erase(row, column, times, blank()); break;
    case 'X': grid_->fill(row, column, std::min(columns(), column + times), blank()); break;
    case 'J': erase_in_display(sequence.at(0, 0)); break;
    case 'K': erase_in_line(sequence.at(0, 0)); break;
    case 'L':
      if (!in_region()) return;
      grid_->scroll_down(row, bottom_, times, blank());
      cursor_.column = 0;
      break;
    case 'M':
      if (!in_region()) return;
      grid_->scroll_up(row, bottom_, times, blank());
      cursor_.column = 0;
      break;
    case 'S': scroll_up(times); break;
    case 'T':
      // With more parameters it is about the mouse.
      if (sequence.count <= 1) grid_->scroll_down(top_, bottom_, times, blank());
      break;
    default: return;
  }
  if (sequence.final != 'S' && sequence.final != 'T') cursor_.pending = false;
}

void Emulator::move_to(int row, int column) {
  const int first = modes_.origin ? top_ : 0;
  const int last = modes_.origin ? bottom_ - 1 : rows() - 1;
  cursor_.row = std::clamp(row + first, first, last);
  cursor_.column = std::clamp(column, 0, columns() - 1);
  cursor_.pending = false;
}

/// Stops at the edge of the scroll region when it begins inside.
void Emulator::move_rows(int count) {
  const int first = cursor_.row >= top_ ? top_ : 0;
  const int last = cursor_.row < bottom_ ? bottom_ - 1 : rows() - 1;
  cursor_.row = std::clamp(cursor_.row + count, first, last);
  cursor_.pending = false;
}

void Emulator::move_columns(int count) {
  cursor_.column = std::clamp(cursor_.column + count, 0, columns() - 1);
  cursor_.pending = false;
}

void Emulator::tab(int count) {
  const int before = cursor_.column;
  while (count-- > 0 && cursor_.column < columns() - 1) {
    ++cursor_.column;
    while (cursor_.column < columns() - 1 && !tabs_[static_cast<std::size_t>(cursor_.column)]) {
      ++cursor_.column;
    }
  }
  if (cursor_.column != before) cursor_.pending = false;
}

void Emulator::back_tab(int count) {
  while (count-- > 0 && cursor_.column > 0) {
    --cursor_.column;
    while (cursor_.column > 0 && !tabs_[static_cast<std::size_t>(cursor_.column)]) {
      --cursor_.column;
    }
  }
  cursor_.pending = false;
}

void Emulator::erase_in_display(int what) {
  if (what == 0) {
    erase_in_line(0);
    grid_->fill_rows(cursor_.row + 1, rows(), blank());
  } else if (what == 1) {
    grid_->fill_rows(0, cursor_.row, blank());
    erase_in_line(1);
  } else if (what == 2) {
    grid_->fill_rows(0, rows(), blank());
  } else if (what == 3) {
    scrolled_.clear();
  }
  cursor_.pending = false;
}

void Emulator::erase_in_line(int what) {
  if (what < 0 || what > 2) return;
  const int from = what == 0 ? cursor_.column : 0;
  const int to = what == 1 ? cursor_.column + 1 : columns();
  grid_->fill(cursor_.row, from, to, blank());
  cursor_.pending = false;
}

/// At most one row's worth: so a few bytes cannot keep the screen busy.
void Emulator::repeat(int count) {
  if (last_ == 0) return;
  count = std::min(count, columns());
  if (last_ < 0x7F) {
    put_run(std::string(static_cast<std::size_t>(count), static_cast<char>(last_)));
    return;
  }
  const char32_t point = last_;
  const int width = char_width(point);
  for (int i = 0; i < count; ++i) put(point, width);
}

/// Rows from 1; `bottom` 0 is the last one. A region has two rows at least.
void Emulator::set_region(int top, int bottom) {
  if (bottom == 0 || bottom > rows()) bottom = rows();
  if (top >= bottom) return;
  top_ = top - 1;
  bottom_ = bottom;
  move_to(0, 0);
}

}  // namespace relay::pty
