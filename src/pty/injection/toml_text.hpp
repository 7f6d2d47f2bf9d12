#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace relay::pty {

/// The text as it is given to the parser: behind an error toml++ 3.3 goes on reading, and its
/// tables know no character beyond ASCII there, so it sees none. Such bytes, and '~' itself, are
/// written as '~' and two hexadecimal digits; lines stay where they are. The parser's words and
/// values go through `from_parser` before anybody else sees them. Fails, with `file` and the line,
/// on what TOML allows nowhere (control characters, broken UTF-8) and on a '~' written as an
/// escape.
[[nodiscard]] Result<std::string> for_parser(std::string_view text, std::string_view file);

[[nodiscard]] std::string from_parser(std::string_view text);

}  // namespace relay::pty
