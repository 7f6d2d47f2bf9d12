#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>

#include "pty/screen/screen_cell.hpp"
#include "pty/screen/vt_parser.hpp"

namespace relay::pty {

/// What a program has switched on in a real terminal and not off again: what its user would be left
/// with if it ended now. Follows the output, without a screen; pure. Titles, colours of the palette
/// and the clipboard are not followed.
class LeftModes final : private VtHandler {
 public:
  void feed(std::string_view bytes) { parser_.feed(bytes, *this); }

  /// The bytes that put the terminal right: they leave the alternate screen and switch off what is
  /// on, and nothing else. Empty for a program that has cleaned up.
  [[nodiscard]] std::string reset() const;

 private:
  /// Private modes that are off in a fresh terminal, in the order in which they are reset, and the
  /// two that are on.
  static constexpr std::array<int, 16> kUsuallyOff{1,    5,    9,    1000, 1001, 1002, 1003, 1004,
                                                   1005, 1006, 1015, 1016, 2004, 2026, 2031, 2048};
  static constexpr std::array<int, 2> kUsuallyOn{7, 25};

  void on_ascii(std::string_view) override {}
  void on_glyph(char32_t) override {}
  void on_control(char control) override;
  void on_escape(char intermediate, char final) override;
  void on_csi(const CsiSequence& sequence) override;
  void on_osc(std::string_view body, bool bel) override;

  void set_private(int number, bool on);
  void set_alternate(int number, bool on);
  void kitty(const CsiSequence& sequence);
  [[nodiscard]] std::size_t shown() const { return alternate_ != 0 ? 1 : 0; }
  void soft_reset();

  VtParser parser_;
  std::bitset<kUsuallyOff.size()> on_;
  std::bitset<kUsuallyOn.size()> off_;
  /// 47, 1047 or 1049 while the alternate screen is shown, as the program said it.
  int alternate_ = 0;
  /// What was pushed on the keyboard stacks of the main and of the alternate screen.
  std::array<int, 2> keyboard_{};
  /// What is saved and comes back with a cursor.
  struct WithCursor {
    bool origin = false;
    bool graphics_set = false;
    bool shifted = false;
    Style pen;
  };
  WithCursor now_;
  /// Of the main and of the alternate screen.
  std::array<WithCursor, 2> saved_;
  bool region_ = false;
  bool keypad_ = false;
  bool insert_ = false;
  bool shape_ = false;
  bool other_keys_ = false;
  bool link_ = false;
};

}  // namespace relay::pty
