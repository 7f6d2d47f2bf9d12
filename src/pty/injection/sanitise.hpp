#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace relay::pty {

/// A message's body as it may be typed into a terminal.
struct SanitisedBody {
  std::string text;
  /// How many characters had to be replaced (line ends do not count).
  std::size_t replaced = 0;
};

/// A body from elsewhere without anything that a terminal or a program takes for a key or a
/// command. What comes out is valid UTF-8 of printable characters, tab and newline: CR, CRLF and
/// the Unicode line ends become newline, other control characters (ESC, and so the end of a
/// bracketed paste, DEL, C1 in both codings) become visible ("^[", "<U+009B>"), bytes that are not
/// UTF-8 become U+FFFD. At most four times as long as the input; a second pass changes nothing.
[[nodiscard]] SanitisedBody sanitise_body(std::string_view body);

/// A name or an id for the header line: one line, nothing hidden, no direction change, cut at
/// `most` bytes and marked with "..." where it was cut.
[[nodiscard]] std::string sanitise_field(std::string_view field, std::size_t most = 160);

/// Whether `byte` may appear in what sanitise_body returns.
[[nodiscard]] constexpr bool allowed_in_body(unsigned char byte) {
  return byte == '\t' || byte == '\n' || (byte >= 0x20 && byte != 0x7F);
}

}  // namespace relay::pty
