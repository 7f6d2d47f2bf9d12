#pragma once

#include <string>
#include <vector>

namespace relay::pty {

/// What the injection cores see of a screen: text, and the few modes that matter. The terminal
/// emulation fills it; tests write it by hand.
struct ScreenText {
  /// From top to bottom, UTF-8, without spaces at the right end.
  std::vector<std::string> rows;
  /// The same rows with faint characters as spaces, for boxes that hold a faint hint. Empty when
  /// nothing on the screen is faint.
  std::vector<std::string> solid;
  /// Both from 0.
  int cursor_row = 0;
  int cursor_column = 0;
  bool bracketed_paste = false;
  bool alternate = false;
  /// The program is in the middle of a picture (?2026): what is missing may be about to come.
  bool unfinished = false;
};

}  // namespace relay::pty
