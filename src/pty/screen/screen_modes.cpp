#include "pty/screen/screen_modes.hpp"

namespace relay::pty {
namespace {

bool ScreenModes::* private_flag(int number) {
  switch (number) {
    case 1: return &ScreenModes::application_cursor;
    case 5: return &ScreenModes::reverse_video;
    case 6: return &ScreenModes::origin;
    case 7: return &ScreenModes::autowrap;
    case 12: return &ScreenModes::cursor_blink;
    case 25: return &ScreenModes::cursor_visible;
    case 66: return &ScreenModes::application_keypad;
    case 1004: return &ScreenModes::focus_events;
    case 1007: return &ScreenModes::alternate_scroll;
    case 2004: return &ScreenModes::bracketed_paste;
    case 2026: return &ScreenModes::synchronized_output;
    default: return nullptr;
  }
}

bool ScreenModes::* ansi_flag(int number) {
  if (number == 4) return &ScreenModes::insert;
  if (number == 20) return &ScreenModes::newline;
  return nullptr;
}

using Mouse = ScreenModes::Mouse;
using MouseEncoding = ScreenModes::MouseEncoding;

Mouse mouse_of(int number) {
  switch (number) {
    case 9: return Mouse::x10;
    case 1000: return Mouse::click;
    case 1002: return Mouse::drag;
    case 1003: return Mouse::motion;
    default: return Mouse::none;
  }
}

MouseEncoding encoding_of(int number) {
  switch (number) {
    case 1005: return MouseEncoding::utf8;
    case 1006: return MouseEncoding::sgr;
    case 1015: return MouseEncoding::urxvt;
    case 1016: return MouseEncoding::sgr_pixels;
    default: return MouseEncoding::bytes;
  }
}

ModeState state_of(bool on) {
  return on ? ModeState::set : ModeState::reset;
}

}  // namespace

ModeState private_mode(const ScreenModes& modes, int number) {
  if (const auto flag = private_flag(number)) return state_of(modes.*flag);
  if (const auto mouse = mouse_of(number); mouse != Mouse::none) {
    return state_of(modes.mouse == mouse);
  }
  if (const auto encoding = encoding_of(number); encoding != MouseEncoding::bytes) {
    return state_of(modes.mouse_encoding == encoding);
  }
  if (number == 47 || number == 1047 || number == 1049) return state_of(modes.alternate_screen);
  return ModeState::unknown;
}

ModeState ansi_mode(const ScreenModes& modes, int number) {
  const auto flag = ansi_flag(number);
  return flag == nullptr ? ModeState::unknown : state_of(modes.*flag);
}

bool set_private_flag(ScreenModes& modes, int number, bool on) {
  if (const auto flag = private_flag(number)) {
    modes.*flag = on;
  } else if (const auto mouse = mouse_of(number); mouse != Mouse::none) {
    modes.mouse = on ? mouse : Mouse::none;
  } else if (const auto encoding = encoding_of(number); encoding != MouseEncoding::bytes) {
    modes.mouse_encoding = on ? encoding : MouseEncoding::bytes;
  } else {
    return false;
  }
  return true;
}

bool set_ansi_flag(ScreenModes& modes, int number, bool on) {
  const auto flag = ansi_flag(number);
  if (flag == nullptr) return false;
  modes.*flag = on;
  return true;
}

}  // namespace relay::pty
