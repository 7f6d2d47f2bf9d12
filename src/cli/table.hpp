#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace relay::cli {

/// Rows of columns, each as wide as its widest cell, two blanks apart, no blanks at line ends.
/// Cells are printable text of one line.
[[nodiscard]] std::string table_text(const std::vector<std::vector<std::string>>& rows);

/// The beginning of a text in a window: as many of its lines as there are rows, the last of them
/// says how many more there are, each cut to the columns. Lines are printable text. Without a last
/// newline.
[[nodiscard]] std::string fit_window(std::string_view text, std::size_t rows, std::size_t columns);

/// "3d", "2h", "5m", "12s": the largest unit is enough for people.
[[nodiscard]] std::string age_text(std::int64_t seconds);

}  // namespace relay::cli
