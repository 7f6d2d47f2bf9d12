#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "pty/injection/profile.hpp"
#include "pty/injection/screen_text.hpp"

namespace relay::pty {

/// A program's input box as it stands on the screen.
struct InputBox {
  /// What is in it without the prompt sign and the frame; rows are joined by newlines, also those
  /// that the program wrapped. Empty for a box that shows its hint only.
  std::string content;
  /// The same without white space, and further down where the program does not say where the box
  /// ends: a text of several lines has empty ones.
  std::string reach;
  /// How many signs in it stand for a long paste.
  std::size_t pastes = 0;
  /// It reads like a menu ("1. Yes"), whose keys answer a question.
  bool menu = false;

  bool operator==(const InputBox&) const = default;
};

/// The box of that shape which stands lowest on the screen.
[[nodiscard]] std::optional<InputBox> find_box(const BoxRule& rule, const ScreenText& screen);

/// Without white space, so that a text can be found again after a program wrapped and indented it.
[[nodiscard]] std::string squeezed(std::string_view text);

/// The end of a text by which it is known on a screen: its last characters without white space.
/// At most 48 bytes, cut at a character.
[[nodiscard]] std::string tail_of(std::string_view text);

/// The box holds the text that ends in `tail`, or a sign for a long paste.
[[nodiscard]] bool shows(const InputBox& box, std::string_view tail);

}  // namespace relay::pty
