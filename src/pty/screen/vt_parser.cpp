#include "pty/screen/vt_parser.hpp"

#include <algorithm>

namespace relay::pty {
namespace {

constexpr unsigned char kBel = 0x07;
constexpr unsigned char kCan = 0x18;
constexpr unsigned char kSub = 0x1A;
constexpr unsigned char kEsc = 0x1B;
constexpr unsigned char kDel = 0x7F;
constexpr char32_t kReplacement = 0xFFFD;
/// The first code point that is neither ASCII nor a C1 control.
constexpr char32_t kFirstGlyph = 0xA0;

bool is_ascii_glyph(char c) {
  return static_cast<unsigned char>(c - 0x20) < kDel - 0x20;
}

bool between(unsigned char byte, unsigned char low, unsigned char high) {
  return byte >= low && byte <= high;
}

}  // namespace

void VtParser::feed(std::string_view bytes, VtHandler& handler) {
  std::size_t at = 0;
  // Where the thing that is being read began; behind the end when it began in an earlier piece.
  std::size_t began = bytes.size();
  bool from_before = !idle();
  while (at < bytes.size()) {
    if (idle()) {
      const std::size_t run = at;
      while (at < bytes.size() && is_ascii_glyph(bytes[at])) ++at;
      if (at != run) handler.on_ascii(bytes.substr(run, at - run));
      if (at == bytes.size()) break;
      began = at;
      from_before = false;
    } else if (state_ == State::string) {
      // The long strings of images and the like are not looked at byte by byte.
      while (at < bytes.size() && static_cast<Byte>(bytes[at]) > kEsc) ++at;
      if (at == bytes.size()) break;
    }
    consumed_ = at + 1;
    while (!step(static_cast<Byte>(bytes[at]), handler)) {
      if (idle()) began = at, from_before = false;
    }
    ++at;
  }
  if (idle()) {
    unfinished_ = 0;
  } else {
    unfinished_ = from_before ? unfinished_ + bytes.size() : bytes.size() - began;
  }
}

bool VtParser::step(Byte byte, VtHandler& handler) {
  if (state_ == State::ground) return in_ground(byte, handler);
  if (byte == kCan || byte == kSub) {
    state_ = State::ground;
    return true;
  }
  switch (state_) {
    case State::ground: return true;
    case State::escape: return in_escape(byte, handler);
    case State::csi:
    case State::csi_ignored: return in_csi(byte, handler);
    case State::osc: return in_osc(byte, handler);
    case State::string:
      if (byte == kEsc) state_ = State::string_escape;
      return true;
    case State::osc_escape:
    case State::string_escape: break;
  }
  // ESC \ ends a string; any other sequence ends it too, and is a sequence of its own.
  if (byte != '\\') {
    state_ = State::escape;
    intermediate_ = 0, too_much_ = false;
    return false;
  }
  const bool complete = state_ == State::osc_escape && !too_much_;
  state_ = State::ground;
  if (complete) handler.on_osc(osc_, false);
  return true;
}

bool VtParser::in_ground(Byte byte, VtHandler& handler) {
  if (utf8_needed_ > 0) return continue_utf8(byte, handler);
  if (byte == kEsc) {
    state_ = State::escape;
    intermediate_ = 0, too_much_ = false;
  } else if (byte < 0x20) {
    handler.on_control(static_cast<char>(byte));
  } else if (byte < kDel) {
    const char glyph = static_cast<char>(byte);
    handler.on_ascii({&glyph, 1});
  } else if (byte > kDel) {
    begin_utf8(byte, handler);
  }
  return true;
}

void VtParser::begin_utf8(Byte lead, VtHandler& handler) {
  utf8_low_ = 0x80, utf8_high_ = 0xBF;
  if (between(lead, 0xC2, 0xDF)) {
    utf8_needed_ = 1, utf8_value_ = lead & 0x1FU;
  } else if (between(lead, 0xE0, 0xEF)) {
    utf8_needed_ = 2, utf8_value_ = lead & 0x0FU;
    if (lead == 0xE0) utf8_low_ = 0xA0;
    if (lead == 0xED) utf8_high_ = 0x9F;
  } else if (between(lead, 0xF0, 0xF4)) {
    utf8_needed_ = 3, utf8_value_ = lead & 0x07U;
    if (lead == 0xF0) utf8_low_ = 0x90;
    if (lead == 0xF4) utf8_high_ = 0x8F;
  } else {
    handler.on_glyph(kReplacement);
  }
}

bool VtParser::continue_utf8(Byte byte, VtHandler& handler) {
  if (!between(byte, utf8_low_, utf8_high_)) {
    utf8_needed_ = 0;
    handler.on_glyph(kReplacement);
    return false;
  }
  utf8_low_ = 0x80, utf8_high_ = 0xBF;
  utf8_value_ = (utf8_value_ << 6U) | (byte & 0x3FU);
  if (--utf8_needed_ == 0 && utf8_value_ >= kFirstGlyph) handler.on_glyph(utf8_value_);
  return true;
}

bool VtParser::in_escape(Byte byte, VtHandler& handler) {
  if (byte == kEsc) {
    intermediate_ = 0, too_much_ = false;
  } else if (byte < 0x20) {
    handler.on_control(static_cast<char>(byte));
  } else if (byte < 0x30) {
    if (intermediate_ != 0) too_much_ = true;
    intermediate_ = static_cast<char>(byte);
  } else if (byte > kDel) {
    state_ = State::ground;
    return false;
  } else if (byte == '[' && intermediate_ == 0) {
    begin_csi();
  } else if (byte == ']' && intermediate_ == 0) {
    state_ = State::osc;
    osc_.clear();
    too_much_ = false;
  } else if ((byte == 'P' || byte == 'X' || byte == '^' || byte == '_') && intermediate_ == 0) {
    state_ = State::string;
  } else if (byte != kDel) {
    state_ = State::ground;
    if (!too_much_) handler.on_escape(intermediate_, static_cast<char>(byte));
  }
  return true;
}

void VtParser::begin_csi() {
  state_ = State::csi;
  csi_.prefix = csi_.intermediate = csi_.final = 0;
  csi_.count = 0, csi_.sub = 0;
}

void VtParser::put_digit(Byte digit) {
  if (csi_.count == 0) csi_.values[csi_.count++] = CsiSequence::kMissing;
  if (too_much_) return;
  int& value = csi_.values[csi_.count - 1];
  value = std::min(CsiSequence::kMostValue, std::max(value, 0) * 10 + (digit - '0'));
}

void VtParser::next_parameter(bool sub) {
  if (csi_.count == 0) csi_.values[csi_.count++] = CsiSequence::kMissing;
  if (csi_.count == CsiSequence::kMostParameters) {
    too_much_ = true;
    return;
  }
  if (sub) csi_.sub |= 1U << csi_.count;
  csi_.values[csi_.count++] = CsiSequence::kMissing;
}

bool VtParser::in_csi(Byte byte, VtHandler& handler) {
  if (byte == kEsc) {
    state_ = State::escape;
    intermediate_ = 0, too_much_ = false;
  } else if (byte < 0x20) {
    handler.on_control(static_cast<char>(byte));
  } else if (byte > kDel) {
    state_ = State::ground;
    return false;
  } else if (byte >= 0x40 && byte != kDel) {
    const bool complete = state_ == State::csi;
    state_ = State::ground;
    csi_.final = static_cast<char>(byte);
    if (complete) handler.on_csi(csi_);
  } else if (state_ == State::csi_ignored || byte == kDel) {
    return true;
  } else if (byte < 0x30) {
    if (csi_.intermediate != 0) state_ = State::csi_ignored;
    csi_.intermediate = static_cast<char>(byte);
  } else if (const bool in_place = csi_.intermediate == 0; in_place && byte <= '9') {
    put_digit(byte);
  } else if (in_place && (byte == ';' || byte == ':')) {
    next_parameter(byte == ':');
  } else if (in_place && csi_.count == 0 && csi_.prefix == 0) {
    csi_.prefix = static_cast<char>(byte);
  } else {
    state_ = State::csi_ignored;
  }
  return true;
}

bool VtParser::in_osc(Byte byte, VtHandler& handler) {
  if (byte == kEsc) {
    state_ = State::osc_escape;
  } else if (byte == kBel) {
    state_ = State::ground;
    if (!too_much_) handler.on_osc(osc_, true);
  } else if (byte >= 0x20) {
    if (osc_.size() < kMostOsc) {
      osc_.push_back(static_cast<char>(byte));
    } else {
      too_much_ = true;
    }
  }
  return true;
}

}  // namespace relay::pty
