#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace relay::pty {

/// `CSI ? 1 ; 38:5:7 $ p` taken apart. What is beyond the bounds is left out, never half of it.
struct CsiSequence {
  /// More than any sequence in use has; what follows is ignored.
  static constexpr std::size_t kMostParameters = 32;
  /// Greater numbers count as this one.
  static constexpr int kMostValue = 65535;
  static constexpr int kMissing = -1;

  char prefix = 0;        ///< One of `<=>?`, or 0.
  char intermediate = 0;  ///< 0x20 to 0x2F, or 0.
  char final = 0;
  std::size_t count = 0;
  std::array<int, kMostParameters> values{};
  /// Bit i: parameter i stands behind a colon, so it belongs to the one before.
  std::uint32_t sub = 0;

  /// Parameter i, or `otherwise` where it is missing.
  [[nodiscard]] int at(std::size_t i, int otherwise) const {
    return i < count && values[i] != kMissing ? values[i] : otherwise;
  }
  /// Parameter i as a number of times: 1 where it is missing or 0.
  [[nodiscard]] int times(std::size_t i) const {
    const int value = at(i, 1);
    return value == 0 ? 1 : value;
  }
  [[nodiscard]] bool is_sub(std::size_t i) const { return ((sub >> i) & 1U) != 0; }
};

/// What a terminal does, one call for each thing that the program said.
class VtHandler {
 public:
  virtual ~VtHandler() = default;
  /// Characters 0x20 to 0x7E, as many as come together.
  virtual void on_ascii(std::string_view run) = 0;
  /// A code point from U+00A0 on; U+FFFD for what is not UTF-8.
  virtual void on_glyph(char32_t point) = 0;
  virtual void on_control(char control) = 0;
  virtual void on_escape(char intermediate, char final) = 0;
  virtual void on_csi(const CsiSequence& sequence) = 0;
  /// `bel` says which of its two ends the command had.
  virtual void on_osc(std::string_view body, bool bel) = 0;
};

/// Takes a program's output apart (ECMA-48, UTF-8, the states of a VT500). However the output is
/// cut into pieces, the calls say the same; only runs of ASCII may be split. C1 controls are not
/// understood, neither as bytes (they are not UTF-8) nor as code points. Never holds more than one
/// OSC command of kMostOsc bytes; longer ones, and DCS, SOS, PM and APC strings, are skipped.
class VtParser {
 public:
  static constexpr std::size_t kMostOsc = 4096;

  void feed(std::string_view bytes, VtHandler& handler);

  /// While a handler is called by feed(): how many of its bytes are used, the last byte of the
  /// sequence included.
  [[nodiscard]] std::size_t consumed() const { return consumed_; }

  /// Bytes at the end of what was fed that are the beginning of something unfinished.
  [[nodiscard]] std::uint64_t unfinished() const { return unfinished_; }

 private:
  enum class State : std::uint8_t {
    ground,
    escape,
    csi,
    csi_ignored,
    osc,
    osc_escape,
    string,
    string_escape,
  };

  using Byte = unsigned char;

  /// Handles one byte; false when it has to be looked at again in the new state.
  bool step(Byte byte, VtHandler& handler);
  bool in_ground(Byte byte, VtHandler& handler);
  bool in_escape(Byte byte, VtHandler& handler);
  bool in_csi(Byte byte, VtHandler& handler);
  bool in_osc(Byte byte, VtHandler& handler);
  bool continue_utf8(Byte byte, VtHandler& handler);
  void begin_utf8(Byte lead, VtHandler& handler);
  void begin_csi();
  void put_digit(Byte digit);
  void next_parameter(bool sub);
  [[nodiscard]] bool idle() const { return state_ == State::ground && utf8_needed_ == 0; }

  State state_ = State::ground;
  char intermediate_ = 0;
  bool too_much_ = false;
  CsiSequence csi_;
  std::string osc_;
  char32_t utf8_value_ = 0;
  int utf8_needed_ = 0;
  Byte utf8_low_ = 0x80;
  Byte utf8_high_ = 0xBF;
  std::size_t consumed_ = 0;
  std::uint64_t unfinished_ = 0;
};

}  // namespace relay::pty
