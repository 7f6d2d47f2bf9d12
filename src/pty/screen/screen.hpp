#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "pty/screen/output_ring.hpp"
#include "pty/screen/screen_view.hpp"

namespace relay::pty {

class Emulator;

/// What a program's output looks like on a terminal (xterm's behaviour, UTF-8). Pure: bytes and
/// sizes in, views out; the same output gives the same screen however it is cut. Queries are not
/// answered here (query_responder.hpp).
///
/// Memory: 16 bytes a cell, twice as much while the alternate screen is on, and the scrolled off
/// rows as text. No output makes it grow beyond that and two clusters of 48 bytes per cell.
class Screen {
 public:
  /// Greater terminals are shown in part: 500 rows and 1,000 columns, 8 MB of cells.
  static constexpr int kMostRows = 500;
  static constexpr int kMostColumns = 1000;
  /// Rows of text that are kept when they leave the top. A few screens: enough to see what an
  /// agent has said last.
  static constexpr std::size_t kDefaultScrolledOff = 200;
  /// Bytes.
  static constexpr std::size_t kMostTitle = 256;

  /// A blank screen that shows the output from `offset` on. Sizes below 1 count as 1.
  Screen(int rows, int columns, std::uint64_t offset = 0,
         std::size_t most_scrolled_off = kDefaultScrolledOff);
  Screen(Screen&&) noexcept;
  Screen& operator=(Screen&&) noexcept;
  ~Screen();

  /// A screen for output that has gone by: what the ring still holds. When its oldest bytes are
  /// gone, the output is read from the first place that is not inside a sequence or a character.
  [[nodiscard]] static Screen from(const OutputRing& ring, int rows, int columns);

  void feed(std::string_view bytes);
  /// As terminals without reflow do it: rows go away below the cursor first, then at the top.
  void resize(int rows, int columns);

  [[nodiscard]] int rows() const;
  [[nodiscard]] int columns() const;
  /// From 0; counted from the scroll region when origin mode is on.
  [[nodiscard]] int reported_row() const;
  [[nodiscard]] int reported_column() const;
  [[nodiscard]] const ScreenModes& modes() const;
  /// How many bytes of the program's output it was given, from the program's start.
  [[nodiscard]] std::uint64_t offset() const;
  [[nodiscard]] ScreenView view() const;
  /// The same without the rows that have left the screen: for who looks often.
  [[nodiscard]] ScreenView shown() const;

 private:
  std::unique_ptr<Emulator> emulator_;
};

}  // namespace relay::pty
