#include "pty/left_modes.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "pty/graphics.hpp"

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
  if (control == kShiftOut) shifted_ = true;
  if (control == kShiftIn) shifted_ = false;
}

void LeftModes::on_escape(char intermediate, char final) {
  if (intermediate == '(') graphics_set_ = final != 'B';
  if (intermediate != 0) return;
  if (final == '=') keypad_ = true;
  if (final == '>') keypad_ = false;
  if (final != 'c') return;
  // Everything is as in a fresh terminal.
  on_.reset();
  off_.reset();
  alternate_ = 0;
  keyboard_ = {};
  shape_ = other_keys_ = link_ = false;
  soft_reset();
}

void LeftModes::soft_reset() {
  origin_ = region_ = keypad_ = insert_ = graphics_set_ = shifted_ = false;
  off_.reset();
  on_.reset(0);
  pen_ = {};
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
      if (prefix == 0) apply_graphics(sequence, pen_);
      if (prefix == '>' && sequence.at(0, 4) == 4) other_keys_ = sequence.at(1, 0) > 0;
      break;
    case 'n':
      if (prefix == '>' && sequence.at(0, 0) == 4) other_keys_ = false;
      break;
    case 'r':
      if (prefix == 0) region_ = sequence.count > 0;
      break;
    case 'u': kitty(sequence); break;
    default: break;
  }
}

void LeftModes::set_private(int number, bool on) {
  if (number == 47 || number == 1047 || number == 1049) alternate_ = on ? number : 0;
  if (number == 6) origin_ = on;
  if (number == 66) keypad_ = on;
  for (std::size_t i = 0; i < kUsuallyOff.size(); ++i) {
    if (kUsuallyOff[i] == number) on_[i] = on;
  }
  for (std::size_t i = 0; i < kUsuallyOn.size(); ++i) {
    if (kUsuallyOn[i] == number) off_[i] = !on;
  }
}

void LeftModes::kitty(const CsiSequence& sequence) {
  int& pushed = keyboard_[alternate_ != 0 ? 1 : 0];
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
  if (origin_) out += "\x1B[?6l";
  if (alternate_ != 0 && keyboard_[1] > 0) out += fmt::format("\x1B[<{}u", keyboard_[1]);
  // It moves the cursor, which the end of the alternate screen puts back by itself.
  if (region_)
    out += alternate_ != 0 ? "\x1B[r"
                           : "\x1B"
                             "7\x1B[r\x1B"
                             "8";
  if (alternate_ != 0) out += fmt::format("\x1B[?{}l", alternate_);
  if (keyboard_[0] > 0) out += fmt::format("\x1B[<{}u", keyboard_[0]);
  for (std::size_t i = 0; i < kUsuallyOff.size(); ++i) {
    if (on_[i]) out += fmt::format("\x1B[?{}l", kUsuallyOff[i]);
  }
  for (std::size_t i = 0; i < kUsuallyOn.size(); ++i) {
    if (off_[i]) out += fmt::format("\x1B[?{}h", kUsuallyOn[i]);
  }
  if (keypad_) out += "\x1B>";
  if (insert_) out += "\x1B[4l";
  if (shifted_) out += kShiftIn;
  if (graphics_set_) out += "\x1B(B";
  if (shape_) out += "\x1B[0 q";
  if (other_keys_) out += "\x1B[>4m";
  if (link_) out += "\x1B]8;;\x1B\\";
  if (pen_ != Style()) out += "\x1B[0m";
  return out;
}

}  // namespace relay::pty
