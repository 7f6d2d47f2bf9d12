#pragma once

#include <string_view>

#include "pty/screen/vt_parser.hpp"

namespace relay::pty {

/// Tells what a person types from what their terminal says on its own: answers to queries, reports
/// of focus and mouse. Pure; pieces may be cut anywhere.
class TerminalReports final : private VtHandler {
 public:
  /// Whether a person has typed something in `bytes`. What looks like both counts as a key, but for
  /// the cursor's position, which reads like F3 with a modifier.
  [[nodiscard]] bool has_key(std::string_view bytes);

 private:
  void on_ascii(std::string_view) override { key_ = true; }
  void on_glyph(char32_t) override { key_ = true; }
  void on_control(char) override { key_ = true; }
  void on_escape(char, char final) override;
  void on_csi(const CsiSequence& sequence) override;
  void on_osc(std::string_view, bool) override {}

  VtParser parser_;
  bool key_ = false;
};

}  // namespace relay::pty
