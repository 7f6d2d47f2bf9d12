#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace relay::pty {

/// One value of a TOML file; numbers are the text that a person would have typed.
struct TomlValue {
  /// {"serve", "max-agents"}
  std::vector<std::string> path;
  std::size_t line = 0;
  std::variant<bool, std::string, std::vector<std::string>> value;
};

/// Every value of a file that has tables, texts, whole numbers, flags and lists of texts. Fails
/// with "FILE:LINE: …" on what is no TOML, and on values of other kinds.
[[nodiscard]] Result<std::vector<TomlValue>> read_toml(std::string_view text,
                                                       std::string_view file);

}  // namespace relay::pty
