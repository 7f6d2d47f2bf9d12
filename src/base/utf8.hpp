#pragma once

#include <cstddef>
#include <string_view>

namespace relay {

/// What stands at the front of some text. `valid` is false for a byte that begins no well-formed
/// sequence (overlong forms and surrogates included); then `length` is 1.
struct CodePoint {
  char32_t value = 0;
  std::size_t length = 0;
  bool valid = false;
};

/// The code point at the front of `text`, which is not empty.
[[nodiscard]] CodePoint first_code_point(std::string_view text);

[[nodiscard]] bool is_valid_utf8(std::string_view text);

/// The longest beginning of `text` of at most `most` bytes that does not cut a code point.
[[nodiscard]] std::string_view truncate_utf8(std::string_view text, std::size_t most);

}  // namespace relay
