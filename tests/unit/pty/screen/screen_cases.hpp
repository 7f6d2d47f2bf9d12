#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "pty/screen/screen.hpp"

namespace relay::pty::test {

struct Resize {
  int rows = 0;
  int columns = 0;
};

/// One case of screen_cases.txt; the file explains itself.
struct ScreenCase {
  std::string name;
  int rows = 4;
  int columns = 10;
  std::vector<std::variant<std::string, Resize>> steps;
  std::vector<std::string> expected;
  /// From 1.
  std::optional<std::pair<int, int>> cursor;
  /// Why tmux shows something else; empty when it should not.
  std::string tmux_differs;

  [[nodiscard]] bool resizes() const;
};

/// Throws when the file cannot be read or understood.
[[nodiscard]] const std::vector<ScreenCase>& screen_cases();

/// A screen that has seen a case, its output in pieces of at most `piece` bytes.
[[nodiscard]] Screen play(const ScreenCase& one, std::size_t piece = SIZE_MAX);

/// A small screen that has seen some output.
[[nodiscard]] Screen screen_of(std::string_view output, int rows = 4, int columns = 10);

}  // namespace relay::pty::test
