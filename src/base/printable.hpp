#pragma once

#include <string>
#include <string_view>

namespace relay {

enum class Lines {
  /// A name or a preview in a table: tab and newline become a space.
  one,
  /// A body that is shown as it is: tab and newline stay.
  many,
};

/// `text` from elsewhere (names, messages, previews) made safe to print on a terminal: nothing in
/// it moves the cursor, sends an answer, hides or reorders characters. Control characters are shown
/// as
/// "^[", invisible and direction-changing ones as "<U+202E>", bytes that are not UTF-8 as U+FFFD.
/// What comes out is valid UTF-8 of at most four times the length, and printing it again changes
/// nothing.
[[nodiscard]] std::string printable(std::string_view text, Lines lines = Lines::one);

}  // namespace relay
