#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace relay::pty {

/// The first character of a text that TOML allows nowhere: a control character but tab and newline,
/// a byte that is not UTF-8, or one beyond ASCII outside of strings and comments. The parser is
/// given only texts without: on others toml++ 3.3 reads past its tables.
struct StrangeCharacter {
  std::size_t line = 1;
  std::string_view what;
};

[[nodiscard]] std::optional<StrangeCharacter> strange_character(std::string_view text);

}  // namespace relay::pty
