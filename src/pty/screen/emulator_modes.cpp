// Modes and the alternate screen.
#include "pty/screen/emulator.hpp"

namespace relay::pty {

void Emulator::set_private_modes(const CsiSequence& sequence, bool on) {
  for (std::size_t i = 0; i < sequence.count; ++i) {
    const int number = sequence.at(i, 0);
    switch (number) {
      case 47:
      case 1047: set_alternate(on, false); break;
      case 1048:
        if (on) {
          save_cursor();
        } else {
          restore_cursor();
        }
        break;
      case 1049: set_alternate(on, true); break;
      default: set_private_flag(modes_, number, on); break;
    }
    if (number == 6) move_to(0, 0);
    if (number == 7) cursor_.pending = cursor_.pending && on;
  }
}

/// The alternate screen is blank each time it comes. Leaving it restores the cursor also when it
/// was not there, as xterm and tmux do.
void Emulator::set_alternate(bool on, bool with_cursor) {
  if (on == modes_.alternate_screen) {
    if (!on && with_cursor) restore_cursor();
    return;
  }
  if (on) {
    if (with_cursor) save_cursor();
    main_row_ = cursor_.row;
    auto fresh = std::make_unique<ScreenGrid>(rows(), columns());
    behind_ = std::move(grid_);
    grid_ = std::move(fresh);
    modes_.alternate_screen = true;
  } else {
    grid_ = std::move(behind_);
    modes_.alternate_screen = false;
    if (with_cursor) restore_cursor();
  }
  modes_.kitty_keyboard = kitty_[screen_index()].flags();
}

void Emulator::set_cursor_shape(int shape) {
  using Shape = ScreenModes::CursorShape;
  if (shape > 6) return;
  modes_.cursor_shape = shape >= 5 ? Shape::bar : shape >= 3 ? Shape::underline : Shape::block;
  modes_.cursor_blink = shape % 2 == 1;
}

void Emulator::kitty_csi(const CsiSequence& sequence) {
  KittyKeyboard& keyboard = kitty_[screen_index()];
  if (sequence.prefix == '>') keyboard.push(sequence.at(0, 0));
  if (sequence.prefix == '<') keyboard.pop(sequence.times(0));
  if (sequence.prefix == '=') keyboard.change(sequence.at(0, 0), sequence.at(1, 1));
  modes_.kitty_keyboard = keyboard.flags();
}

void Emulator::soft_reset() {
  modes_.application_cursor = modes_.application_keypad = false;
  modes_.origin = modes_.insert = false;
  modes_.autowrap = modes_.cursor_visible = true;
  top_ = 0, bottom_ = rows();
  cursor_.pen = {};
  cursor_.charsets[0] = cursor_.charsets[1] = Charset::ascii;
  cursor_.charset = 0;
  saved_[screen_index()] = {};
}

}  // namespace relay::pty
