#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "pty/injection/screen_text.hpp"

namespace relay::pty {

/// A program with an input box, on paper: takes bytes in order, when it is told to, and draws a
/// screen. Reads like Claude Code: box between two rules, bracketed paste, ^U and ^Y, collapsed
/// long pastes.
class FakeTui {
 public:
  /// Bytes arrive; nothing happens before run().
  void feed(std::string_view bytes, bool human = false);
  /// Works off what arrived.
  void run();
  [[nodiscard]] ScreenText screen() const;

  bool booted = true;
  bool busy = false;
  bool collapses = false;
  bool starts_turn = false;
  std::string dialog;
  /// The next presses of Enter are lost, as in a paste that is still open.
  int swallow_enters = 0;
  /// The key that takes a draft out does nothing.
  bool ignores_cut = false;
  /// The next paste is lost.
  int swallow_pastes = 0;
  std::size_t width = 40;
  /// The rows of a dialog, where its pointer stands, and what was chosen last.
  std::vector<std::string> choices{"Yes, proceed", "No, exit"};
  std::size_t pointer = 0;
  std::string chosen;

  std::string box;
  std::string killed;
  std::vector<std::string> submitted;
  std::vector<std::string> pasted;
  /// Bytes that came in while a dialog was up.
  std::string into_dialog;
  [[nodiscard]] bool idle() const { return input_.empty(); }

 private:
  struct Input {
    std::string bytes;
    bool human;
  };
  void key(char c, bool human);
  void paste(std::string text);
  std::deque<Input> input_;
  bool collapsed_ = false;
};

}  // namespace relay::pty
