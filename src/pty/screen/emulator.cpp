#include "pty/screen/emulator.hpp"

#include <algorithm>

#include "base/utf8.hpp"
#include "pty/screen/char_width.hpp"

namespace relay::pty {
namespace {

/// The line drawing characters of the VT100, for 0x60 to 0x7E.
constexpr char32_t kLineDrawing[] = {
    U'◆', U'▒', U'␉', U'␌', U'␍', U'␊', U'°', U'±', U'␤', U'␋', U'┘', U'┐', U'┌', U'└', U'┼', U'⎺',
    U'⎻', U'─', U'⎼', U'⎽', U'├', U'┤', U'┴', U'┬', U'│', U'≤', U'≥', U'π', U'≠', U'£', U'·',
};

char32_t translate(Charset charset, char c) {
  if (charset == Charset::line_drawing && c >= 0x60) return kLineDrawing[c - 0x60];
  if (charset == Charset::british && c == '#') return U'£';
  return static_cast<unsigned char>(c);
}

constexpr std::size_t kTabWidth = 8;
constexpr std::string_view kJoiner = "\xE2\x80\x8D";

}  // namespace

Emulator::Emulator(int rows, int columns, std::uint64_t offset, std::size_t most_scrolled_off)
    : offset_(offset),
      grid_(std::make_unique<ScreenGrid>(rows, columns)),
      scrolled_(most_scrolled_off),
      bottom_(rows) {
  default_tabs();
}

void Emulator::feed(std::string_view bytes) {
  parser_.feed(bytes, *this);
  offset_ += bytes.size();
}

ScreenView Emulator::view() const {
  ScreenView view = shown();
  view.scrolled_off = scrolled_.oldest_first();
  return view;
}

ScreenView Emulator::shown() const {
  ScreenView view;
  view.rows = rows();
  view.columns = columns();
  view.cells.reserve(static_cast<std::size_t>(rows()) * static_cast<std::size_t>(columns()));
  for (int row = 0; row < rows(); ++row) {
    view.cells.insert(view.cells.end(), grid_->row(row), grid_->row(row) + columns());
  }
  for (Cell& cell : view.cells) {
    if (!cell.is_cluster()) continue;
    view.clusters.emplace_back(clusters_.text(cell.cluster()));
    cell.glyph = Cell::kCluster | static_cast<char32_t>(view.clusters.size() - 1);
  }
  view.cursor_row = cursor_.row;
  view.cursor_column = cursor_.column;
  view.wrap_pending = cursor_.pending;
  view.pen = cursor_.pen;
  std::copy(std::begin(cursor_.charsets), std::end(cursor_.charsets), view.charsets);
  view.charset = cursor_.charset;
  view.scroll_top = top_;
  view.scroll_bottom = bottom_;
  view.modes = modes_;
  view.title = title_;
  view.offset = offset_ - parser_.unfinished();
  return view;
}

// Text

bool Emulator::plain_charset() const {
  return cursor_.charsets[cursor_.charset] == Charset::ascii;
}

void Emulator::on_ascii(std::string_view run) {
  if (plain_charset() && !modes_.insert) {
    put_run(run);
    return;
  }
  for (const char c : run) put(translate(cursor_.charsets[cursor_.charset], c), 1);
}

void Emulator::put_run(std::string_view run) {
  last_ = static_cast<unsigned char>(run.back());
  Cell cell{U' ', cursor_.pen, 1};
  while (!run.empty()) {
    wrap_if_pending();
    const auto room = static_cast<std::size_t>(columns() - cursor_.column);
    const std::size_t length = std::min(run.size(), room);
    const int end = cursor_.column + static_cast<int>(length);
    grid_->split(cursor_.row, cursor_.column);
    grid_->split(cursor_.row, end);
    Cell* to = grid_->row(cursor_.row) + cursor_.column;
    for (std::size_t i = 0; i < length; ++i) {
      cell.glyph = static_cast<unsigned char>(run[i]);
      to[i] = cell;
    }
    run.remove_prefix(length);
    cursor_.column = std::min(end, columns() - 1);
    cursor_.pending = end == columns() && modes_.autowrap;
    // Without wrapping, each character overwrites the one in the last column.
    if (!modes_.autowrap && !run.empty()) run = run.substr(run.size() - 1);
  }
}

void Emulator::on_glyph(char32_t point) {
  const int width = char_width(point);
  if (!join(point, width)) put(point, width);
}

/// Marks, skin tones and what follows a joiner become part of the character before them.
bool Emulator::join(char32_t point, int width) {
  if (width == 1) return false;
  Cell* before = last_written();
  if (width == 0) {
    if (before != nullptr) clusters_.append(*before, point, grid_->all(), behind());
    return true;
  }
  if (before == nullptr) return false;
  const bool tone = is_emoji_modifier(point) && before->width == 2;
  const bool joined = before->is_cluster() && clusters_.text(before->cluster()).ends_with(kJoiner);
  if (!tone && !joined) return false;
  clusters_.append(*before, point, grid_->all(), behind());
  return true;
}

Cell* Emulator::last_written() {
  const int column = cursor_.pending ? cursor_.column : cursor_.column - 1;
  if (column < 0) return nullptr;
  Cell* cell = grid_->row(cursor_.row) + column;
  return cell->width == 0 ? cell - 1 : cell;
}

void Emulator::put(char32_t point, int width) {
  if (width > columns()) return;
  wrap_if_pending();
  if (cursor_.column + width > columns()) {
    if (!modes_.autowrap) return;
    cursor_.column = 0;
    line_feed();
  }
  if (modes_.insert) grid_->insert(cursor_.row, cursor_.column, width, Cell{});
  const int end = cursor_.column + width;
  grid_->split(cursor_.row, cursor_.column);
  grid_->split(cursor_.row, end);
  Cell* cell = grid_->row(cursor_.row) + cursor_.column;
  *cell = Cell{point, cursor_.pen, static_cast<std::uint8_t>(width)};
  if (width == 2) cell[1] = Cell{0, cursor_.pen, 0};
  last_ = point;
  cursor_.column = std::min(end, columns() - 1);
  cursor_.pending = end == columns() && modes_.autowrap;
}

void Emulator::wrap_if_pending() {
  if (!cursor_.pending) return;
  cursor_.column = 0;
  line_feed();
}

// Controls

void Emulator::on_control(char control) {
  last_ = 0;
  switch (control) {
    case '\b':
      cursor_.column = std::max(0, cursor_.column - 1);
      cursor_.pending = false;
      break;
    case '\t': tab(1); break;
    case '\n':
    case '\v':
    case '\f':
      line_feed();
      if (modes_.newline) cursor_.column = 0;
      break;
    case '\r':
      cursor_.column = 0;
      cursor_.pending = false;
      break;
    case '\x0E': cursor_.charset = 1; break;
    case '\x0F': cursor_.charset = 0; break;
    default: break;
  }
}

void Emulator::line_feed() {
  cursor_.pending = false;
  if (cursor_.row == bottom_ - 1) {
    scroll_up(1);
  } else if (cursor_.row < rows() - 1) {
    ++cursor_.row;
  }
}

void Emulator::reverse_line_feed() {
  cursor_.pending = false;
  if (cursor_.row == top_) {
    grid_->scroll_down(top_, bottom_, 1, blank());
  } else if (cursor_.row > 0) {
    --cursor_.row;
  }
}

void Emulator::scroll_up(int count) {
  count = std::min(count, bottom_ - top_);
  if (top_ == 0 && !modes_.alternate_screen) {
    for (int row = 0; row < count; ++row) keep_scrolled(row);
  }
  grid_->scroll_up(top_, bottom_, count, blank());
}

/// Only of the screen that is shown.
void Emulator::keep_scrolled(int row) {
  if (!scrolled_.wanted()) return;
  const Cell* cells = grid_->row(row);
  int end = columns();
  while (end > 0 && cells[end - 1].glyph == U' ') --end;
  std::string& line = scrolled_.next();
  for (int column = 0; column < end; ++column) {
    const Cell& cell = cells[column];
    if (cell.is_cluster()) {
      line += clusters_.text(cell.cluster());
    } else if (cell.glyph < 0x80) {
      if (cell.width != 0) line.push_back(static_cast<char>(cell.glyph));
    } else {
      append_utf8(line, cell.glyph);
    }
  }
}

void Emulator::on_escape(char intermediate, char final) {
  last_ = 0;
  if (intermediate == '(' || intermediate == ')') {
    designate(intermediate, final);
  } else if (intermediate == '#') {
    if (final == '8') alignment_test();
  } else if (intermediate == 0) {
    switch (final) {
      case '7': save_cursor(); break;
      case '8': restore_cursor(); break;
      case 'D': line_feed(); break;
      case 'E':
        line_feed();
        cursor_.column = 0;
        break;
      case 'H': tabs_.set(static_cast<std::size_t>(cursor_.column)); break;
      case 'M': reverse_line_feed(); break;
      case 'c': full_reset(); break;
      case '=': modes_.application_keypad = true; break;
      case '>': modes_.application_keypad = false; break;
      default: break;
    }
  }
}

void Emulator::designate(char set, char final) {
  Charset charset = Charset::ascii;
  if (final == '0') charset = Charset::line_drawing;
  if (final == 'A') charset = Charset::british;
  cursor_.charsets[set == '(' ? 0 : 1] = charset;
}

void Emulator::alignment_test() {
  grid_->fill_rows(0, rows(), Cell{U'E', {}, 1});
  top_ = 0, bottom_ = rows();
  modes_.origin = false;
  move_to(0, 0);
}

void Emulator::save_cursor() {
  saved_[screen_index()] = cursor_;
  saved_[screen_index()].origin = modes_.origin;
}

void Emulator::restore_cursor() {
  cursor_ = saved_[screen_index()];
  modes_.origin = cursor_.origin;
  // In origin mode the cursor is never outside the region.
  if (modes_.origin) cursor_.row = std::clamp(cursor_.row, top_, bottom_ - 1);
}

void Emulator::on_osc(std::string_view body, bool) {
  last_ = 0;
  if (!body.starts_with("0;") && !body.starts_with("2;")) return;
  body.remove_prefix(2);
  title_.clear();
  while (!body.empty()) {
    const CodePoint point = first_code_point(body);
    const bool control = point.value < 0x20 || (point.value >= 0x7F && point.value < 0xA0);
    if (title_.size() + point.length > Screen::kMostTitle) break;
    if (point.valid && !control) title_ += body.substr(0, point.length);
    body.remove_prefix(point.length);
  }
}

void Emulator::full_reset() {
  if (behind_) grid_ = std::move(behind_);
  grid_->fill_rows(0, rows(), Cell{});
  cursor_ = {};
  saved_[0] = saved_[1] = {};
  top_ = 0, bottom_ = rows();
  modes_ = {};
  kitty_[0] = kitty_[1] = {};
  default_tabs();
  title_.clear();
}

// Size

void Emulator::default_tabs() {
  tabs_.reset();
  for (std::size_t column = 0; column < tabs_.size(); column += kTabWidth) tabs_.set(column);
}

void Emulator::resize(int rows, int columns) {
  if (rows == this->rows() && columns == this->columns()) return;
  if (behind_) {
    // The main screen keeps the row where its cursor stood.
    Cursor main;
    main.row = main_row_;
    fit(*behind_, main, rows, columns, false);
    saved_[0].row -= main_row_ - main.row;
    main_row_ = main.row;
  }
  fit(*grid_, cursor_, rows, columns, !modes_.alternate_screen);
  for (Cursor& saved : saved_) {
    saved.row = std::clamp(saved.row, 0, rows - 1);
    saved.column = std::min(saved.column, columns - 1);
    saved.pending = false;
  }
  top_ = 0, bottom_ = rows;
}

void Emulator::fit(ScreenGrid& grid, Cursor& cursor, int rows, int columns, bool keep) {
  const int below = grid.rows() - 1 - cursor.row;
  const int skip = std::max(0, grid.rows() - rows - below);
  for (int row = 0; keep && row < skip; ++row) keep_scrolled(row);
  grid.resize(rows, columns, skip);
  cursor.row = std::clamp(cursor.row - skip, 0, rows - 1);
  cursor.column = std::min(cursor.column, columns - 1);
  cursor.pending = false;
}

}  // namespace relay::pty
