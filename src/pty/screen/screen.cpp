#include "pty/screen/screen.hpp"

#include <algorithm>

#include "pty/screen/emulator.hpp"

namespace relay::pty {
namespace {

int clamp_rows(int rows) {
  return std::clamp(rows, 1, Screen::kMostRows);
}

int clamp_columns(int columns) {
  return std::clamp(columns, 1, Screen::kMostColumns);
}

}  // namespace

Screen::Screen(int rows, int columns, std::uint64_t offset, std::size_t most_scrolled_off)
    : emulator_(std::make_unique<Emulator>(clamp_rows(rows), clamp_columns(columns), offset,
                                           most_scrolled_off)) {}
Screen::Screen(Screen&&) noexcept = default;
Screen& Screen::operator=(Screen&&) noexcept = default;
Screen::~Screen() = default;

Screen Screen::from(const OutputRing& ring, int rows, int columns) {
  std::uint64_t cursor = ring.begin();
  bool searching = cursor > 0;
  for (auto piece = ring.read(cursor); searching && !piece.bytes.empty();
       piece = ring.read(cursor)) {
    // A sequence begins at ESC, and none goes on behind a line feed in practice.
    const auto at = piece.bytes.find_first_of("\x1B\n");
    searching = at == std::string_view::npos;
    cursor += searching ? piece.bytes.size() : at;
  }
  if (searching) cursor = ring.begin();
  Screen screen(rows, columns, cursor);
  for (auto piece = ring.read(cursor); !piece.bytes.empty(); piece = ring.read(piece.next())) {
    screen.feed(piece.bytes);
  }
  return screen;
}

void Screen::feed(std::string_view bytes) {
  emulator_->feed(bytes);
}

void Screen::resize(int rows, int columns) {
  emulator_->resize(clamp_rows(rows), clamp_columns(columns));
}

int Screen::rows() const {
  return emulator_->rows();
}

int Screen::columns() const {
  return emulator_->columns();
}

int Screen::reported_row() const {
  return emulator_->reported_row();
}

int Screen::reported_column() const {
  return emulator_->reported_column();
}

const ScreenModes& Screen::modes() const {
  return emulator_->modes();
}

std::uint64_t Screen::offset() const {
  return emulator_->offset();
}

ScreenView Screen::view() const {
  return emulator_->view();
}

ScreenView Screen::shown() const {
  return emulator_->shown();
}

}  // namespace relay::pty
