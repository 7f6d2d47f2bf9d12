#pragma once

#include <cstdint>

namespace relay::pty {

/// What the program has switched on in its terminal.
struct ScreenModes {
  enum class Mouse : std::uint8_t { none, x10, click, drag, motion };
  enum class MouseEncoding : std::uint8_t { bytes, utf8, sgr, urxvt, sgr_pixels };
  enum class CursorShape : std::uint8_t { block, underline, bar };

  bool alternate_screen = false;
  bool application_cursor = false;   ///< ?1: arrow keys are SS3
  bool application_keypad = false;   ///< ESC = and ?66
  bool reverse_video = false;        ///< ?5
  bool origin = false;               ///< ?6: positions count from the scroll region
  bool autowrap = true;              ///< ?7
  bool cursor_blink = false;         ///< ?12 and DECSCUSR
  bool cursor_visible = true;        ///< ?25
  bool focus_events = false;         ///< ?1004
  bool alternate_scroll = false;     ///< ?1007
  bool bracketed_paste = false;      ///< ?2004
  bool synchronized_output = false;  ///< ?2026: the program is in the middle of a picture
  bool insert = false;               ///< 4
  bool newline = false;              ///< 20: LF is also CR
  Mouse mouse = Mouse::none;
  MouseEncoding mouse_encoding = MouseEncoding::bytes;
  CursorShape cursor_shape = CursorShape::block;
  /// The keyboard protocol of kitty that is in force (`CSI > flags u`), 0 for none.
  std::uint8_t kitty_keyboard = 0;

  bool operator==(const ScreenModes&) const = default;
};

enum class ModeState : std::uint8_t { unknown, set, reset };

/// The state of `CSI ? number h`, of modes that change only a flag. ?47, ?1047 and ?1049 are the
/// alternate screen.
[[nodiscard]] ModeState private_mode(const ScreenModes& modes, int number);
/// The state of `CSI number h`.
[[nodiscard]] ModeState ansi_mode(const ScreenModes& modes, int number);

/// Sets what is a flag and no more; false for other numbers.
bool set_private_flag(ScreenModes& modes, int number, bool on);
bool set_ansi_flag(ScreenModes& modes, int number, bool on);

}  // namespace relay::pty
