#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "pty/screen/screen.hpp"
#include "pty/screen/screen_modes.hpp"
#include "pty/screen/vt_parser.hpp"

namespace relay::pty {

/// What an answer may tell of the terminal. Positions from 0.
struct TerminalFacts {
  int rows = 24;
  int columns = 80;
  int cursor_row = 0;
  int cursor_column = 0;
  ScreenModes modes;
};

[[nodiscard]] TerminalFacts facts_of(const Screen& screen);

/// Answers what a program asks its terminal: device attributes (DA1, DA2, DA3, DECID), status and
/// cursor position (DSR 5, 6, ?6), modes (DECRQM), name (XTVERSION), the colours of text,
/// background and cursor (OSC 10 to 12), kitty keyboard flags, and sizes (CSI 14, 16 and 18 t).
/// Nothing else: an answer is input of the program, so it holds nothing but this table, numbers
/// and sizes; titles and the like are never sent back.
class QueryResponder final : private VtHandler {
 public:
  /// The terminal after the first `consumed` bytes of what is being fed. Asked only for an answer
  /// that depends on it, with growing numbers: the owner can bring its screen up to that byte, or
  /// make one.
  using FactsAt = std::function<TerminalFacts(std::size_t consumed)>;

  /// Bytes of answers to one feed; queries beyond are not answered. A program asks a few at a time.
  static constexpr std::size_t kMostReply = 4096;

  /// While a real terminal shows the output, it answers, and we do not.
  void set_real_terminal(bool attached) { real_terminal_ = attached; }

  /// The answers to the queries that end in `bytes`, in order. To be called with all output, also
  /// while a real terminal is attached; a query that was cut is answered when its end comes.
  [[nodiscard]] std::string feed(std::string_view bytes, const FactsAt& facts_at);

  /// Whether the program wants pastes to be marked (?2004), from all output so far: known without a
  /// screen.
  [[nodiscard]] bool bracketed_paste() const { return bracketed_paste_; }

 private:
  void on_ascii(std::string_view) override {}
  void on_glyph(char32_t) override {}
  void on_control(char) override {}
  void on_escape(char intermediate, char final) override;
  void on_csi(const CsiSequence& sequence) override;
  void on_osc(std::string_view body, bool bel) override;

  void reply(std::string_view text);
  void reply_mode(const CsiSequence& sequence);
  void reply_size(int what);
  void note_mode(const CsiSequence& sequence);
  [[nodiscard]] TerminalFacts facts() const { return (*facts_at_)(fed_ + parser_.consumed()); }
  [[nodiscard]] bool silent() const { return real_terminal_ || replies_.size() >= kMostReply; }

  VtParser parser_;
  /// Bytes of what is being fed that are behind the parser's.
  std::size_t fed_ = 0;
  bool real_terminal_ = false;
  bool bracketed_paste_ = false;
  const FactsAt* facts_at_ = nullptr;
  std::string replies_;
};

/// Feeds a screen and returns the answers, each given when the screen had come to its query.
[[nodiscard]] std::string feed_and_answer(Screen& screen, QueryResponder& responder,
                                          std::string_view bytes);

}  // namespace relay::pty
