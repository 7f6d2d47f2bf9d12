#include "pty/screen/left_modes.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "pty/screen/graphics.hpp"

namespace relay::pty {
namespace {

constexpr char kShiftOut = 0x0E;
constexpr char kShiftIn = 0x0F;
/// Ends a sequence that the program has not ended.
constexpr char kCancel = 0x18;
/// A stack of a terminal holds fewer.
constexpr int kMostPushed = 32;

}  // namespace

void LeftModes::on_control(char control) {
  if (control == kShiftOut) now_.shifted = true;
  if (control == kShiftIn) now_.shifted = false;
}

void LeftModes::on_escape(char intermediate, char final) {
  if (intermediate == '(') now_.graphics_set = final != 'B';
  if (intermediate == '#' && final == '8') now_.origin = region_ = false;
  if (intermediate != 0) return;
  if (final == '7') saved_[shown()] = now_;
  if (final == '8') now_ = saved_[shown()];
  if (final == '=') keypad_ = true;
  if (final == '>') keypad_ = false;
  if (final != 'c') return;
  // Everything is as in a fresh terminal.
  on_.reset();
  off_.reset();
  alternate_ = 0;
  keyboard_ = {};
  saved_ = {};
  shape_ = other_keys_ = link_ = false;
  soft_reset();
}

void LeftModes::soft_reset() {
  now_ = {};
  region_ = keypad_ = insert_ = false;
  saved_[shown()] = {};
  off_.reset();
  on_.reset(0);
}

void LeftModes::on_csi(const CsiSequence& sequence) {
  const char prefix = sequence.prefix;
  const bool on = sequence.final == 'h';
  if (sequence.intermediate == ' ' && sequence.final == 'q') shape_ = sequence.at(0, 0) != 0;
  if (sequence.intermediate == '!' && sequence.final == 'p') soft_reset();
  if (sequence.intermediate != 0) return;
  switch (sequence.final) {
    case 'h':
    case 'l':
      for (std::size_t i = 0; i < sequence.count; ++i) {
        if (prefix == '?') set_private(sequence.at(i, 0), on);
        if (prefix == 0 && sequence.at(i, 0) == 4) insert_ = on;
      }
      break;
    case 'm':
      if (prefix == 0) apply_graphics(sequence, now_.pen);
      if (prefix == '>' && sequence.at(0, 4) == 4) other_keys_ = sequence.at(1, 0) > 0;
      break;
    case 'n':
      if (prefix == '>' && sequence.at(0, 0) == 4) other_keys_ = false;
      break;
    case 'r':
      if (prefix == 0) region_ = sequence.count > 0;
      break;
    case 's':
      if (prefix == 0) saved_[shown()] = now_;
      break;
    case 'u':
      if (prefix == 0) now_ = saved_[shown()];
      if (prefix != 0) kitty(sequence);
      break;
    default: break;
  }
}

void LeftModes::set_alternate(int number, bool on) {
  const bool with_cursor = number == 1049;
  if (with_cursor && on && alternate_ == 0) saved_[0] = now_;
  alternate_ = on ? number : 0;
  if (with_cursor && !on) now_ = saved_[0];
}

void LeftModes::set_private(int number, bool on) {
  if (number == 47 || number == 1047 || number == 1049) set_alternate(number, on);
  if (number == 1048 && on) saved_[shown()] = now_;
  if (number == 1048 && !on) now_ = saved_[shown()];
  if (number == 6) now_.origin = on;
  if (number == 66) keypad_ = on;
  for (std::size_t i = 0; i < kUsuallyOff.size(); ++i) {
    if (kUsuallyOff[i] == number) on_[i] = on;
  }
  for (std::size_t i = 0; i < kUsuallyOn.size(); ++i) {
    if (kUsuallyOn[i] == number) off_[i] = !on;
  }
}

void LeftModes::kitty(const CsiSequence& sequence) {
  int& pushed = keyboard_[shown()];
  if (sequence.prefix == '>') pushed = std::min(pushed + 1, kMostPushed);
  if (sequence.prefix == '<') pushed = std::max(pushed - sequence.times(0), 0);
  // Set without a push: popping from an empty stack clears it all the same.
  if (sequence.prefix == '=' && sequence.at(0, 0) != 0) pushed = std::max(pushed, 1);
}

void LeftModes::on_osc(std::string_view body, bool) {
  if (!body.starts_with("8;")) return;
  const auto address = body.find(';', 2);
  link_ = address != std::string_view::npos && address + 1 < body.size();
}

std::string LeftModes::reset() const {
  std::string out;
  if (parser_.unfinished() > 0) out += kCancel;
  if (alternate_ != 0 && keyboard_[1] > 0) out += fmt::format("\x1B[<{}u", keyboard_[1]);
  // It moves the cursor, which the end of the alternate screen puts back by itself.
  if (region_)
    out += alternate_ == 1049 ? "\x1B[r"
                              : "\x1B"
                                "7\x1B[r\x1B"
                                "8";
  if (alternate_ != 0) out += fmt::format("\x1B[?{}l", alternate_);
  // That brings the cursor of the main screen back, and what belongs to it.
  const WithCursor& left = alternate_ == 1049 ? saved_[0] : now_;
  if (left.origin) out += "\x1B[?6l";
  if (keyboard_[0] > 0) out += fmt::format("\x1B[<{}u", keyboard_[0]);
  for (std::size_t i = 0; i < kUsuallyOff.size(); ++i) {
    if (on_[i]) out += fmt::format("\x1B[?{}l", kUsuallyOff[i]);
  }
  for (std::size_t i = 0; i < kUsuallyOn.size(); ++i) {
    if (off_[i]) out += fmt::format("\x1B[?{}h", kUsuallyOn[i]);
  }
  if (keypad_) out += "\x1B>";
  if (insert_) out += "\x1B[4l";
  if (left.shifted) out += kShiftIn;
  if (left.graphics_set) out += "\x1B(B";
  if (shape_) out += "\x1B[0 q";
  if (other_keys_) out += "\x1B[>4m";
  if (link_) out += "\x1B]8;;\x1B\\";
  if (left.pen != Style()) out += "\x1B[0m";
  return out;
}

}  // namespace relay::pty
