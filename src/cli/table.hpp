#pragma once

#include <string>
#include <vector>

namespace relay::cli {

/// Rows of columns, each as wide as its widest cell, two blanks apart, no blanks at line ends.
/// Cells are printable text of one line.
[[nodiscard]] std::string table_text(const std::vector<std::vector<std::string>>& rows);

/// "3d", "2h", "5m", "12s": the largest unit is enough for people.
[[nodiscard]] std::string age_text(std::int64_t seconds);

}  // namespace relay::cli
