#include "pty/screen/query_responder.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace relay::pty {
namespace {

/// A VT220 with colours, without printer or pictures.
constexpr std::string_view kPrimary = "\x1B[?62;22c";
/// Old enough that no program expects the newest of xterm.
constexpr std::string_view kSecondary = "\x1B[>1;95;0c";
constexpr std::string_view kTertiary = "\x1BP!|00000000\x1B\\";
constexpr std::string_view kName = "\x1BP>|relay-broker\x1B\\";

/// Colours of text, background and cursor, the same as in pictures: a dark terminal.
constexpr std::string_view kColours[] = {"d4d4/d4d4/d4d4", "1e1e/1e1e/1e1e", "d4d4/d4d4/d4d4"};
constexpr int kFirstColour = 10;
constexpr int kBracketedPaste = 2004;

/// Pixels of a cell. No program sees them; some only divide by them.
constexpr int kCellWidth = 9;
constexpr int kCellHeight = 18;

constexpr char kEscape = 0x1B;

/// Whether `CSI … final` can be a query or a mode.
bool is_ours(char final) {
  return std::string_view("chlnpqtu").find(final) != std::string_view::npos;
}

/// The next sequence that may matter. Text, colours and moves, which are nearly everything that a
/// program prints, are not worth a parser.
std::size_t next_of_ours(std::string_view bytes, std::size_t at) {
  for (;;) {
    const std::size_t escape = bytes.find(kEscape, at);
    if (escape == std::string_view::npos) return bytes.size();
    at = escape + 1;
    if (at == bytes.size() || bytes[at] != '[') return escape;
    do {
      ++at;
    } while (at < bytes.size() && bytes[at] >= 0x20 && bytes[at] < 0x40);
    const bool whole = at < bytes.size() && bytes[at] >= 0x40 && bytes[at] < 0x7F;
    if (!whole || is_ours(bytes[at])) return escape;
    ++at;
  }
}

}  // namespace

TerminalFacts facts_of(const Screen& screen) {
  return {screen.rows(), screen.columns(), screen.reported_row(), screen.reported_column(),
          screen.modes()};
}

std::string QueryResponder::feed(std::string_view bytes, const FactsAt& facts_at) {
  facts_at_ = &facts_at;
  replies_.clear();
  for (fed_ = 0; fed_ < bytes.size();) {
    if (parser_.unfinished() == 0) fed_ = next_of_ours(bytes, fed_);
    const std::size_t end = std::min(bytes.find(kEscape, fed_ + 1), bytes.size());
    parser_.feed(bytes.substr(fed_, end - fed_), *this);
    fed_ = end;
  }
  facts_at_ = nullptr;
  return std::exchange(replies_, {});
}

void QueryResponder::reply(std::string_view text) {
  if (!silent()) replies_ += text;
}

void QueryResponder::on_escape(char intermediate, char final) {
  if (intermediate == 0 && final == 'c') bracketed_paste_ = false;
  if (intermediate == 0 && final == 'Z') reply(kPrimary);
}

void QueryResponder::note_mode(const CsiSequence& sequence) {
  for (std::size_t i = 0; i < sequence.count; ++i) {
    if (sequence.at(i, 0) == kBracketedPaste) bracketed_paste_ = sequence.final == 'h';
  }
}

void QueryResponder::on_csi(const CsiSequence& sequence) {
  if (sequence.prefix == '?' && (sequence.final == 'h' || sequence.final == 'l')) {
    note_mode(sequence);
    return;
  }
  if (silent()) return;
  const int what = sequence.at(0, 0);
  if (sequence.intermediate == '$' && sequence.final == 'p') {
    reply_mode(sequence);
    return;
  }
  if (sequence.intermediate != 0 || sequence.count > 1) return;
  switch (sequence.final) {
    case 'c':
      if (what != 0) return;
      if (sequence.prefix == 0) reply(kPrimary);
      if (sequence.prefix == '>') reply(kSecondary);
      if (sequence.prefix == '=') reply(kTertiary);
      break;
    case 'n':
      if (sequence.prefix == 0 && what == 5) reply("\x1B[0n");
      if ((sequence.prefix == 0 || sequence.prefix == '?') && what == 6) {
        const auto now = facts();
        reply(fmt::format("\x1B[{}{};{}R", sequence.prefix == '?' ? "?" : "", now.cursor_row + 1,
                          now.cursor_column + 1));
      }
      break;
    case 'q':
      if (sequence.prefix == '>' && what == 0) reply(kName);
      break;
    case 't':
      if (sequence.prefix == 0) reply_size(what);
      break;
    case 'u':
      if (sequence.prefix == '?') reply(fmt::format("\x1B[?{}u", facts().modes.kitty_keyboard));
      break;
    default: break;
  }
}

void QueryResponder::reply_size(int what) {
  if (what == 16) reply(fmt::format("\x1B[6;{};{}t", kCellHeight, kCellWidth));
  if (what != 14 && what != 18) return;
  const auto now = facts();
  if (what == 14) {
    reply(fmt::format("\x1B[4;{};{}t", now.rows * kCellHeight, now.columns * kCellWidth));
  } else {
    reply(fmt::format("\x1B[8;{};{}t", now.rows, now.columns));
  }
}

void QueryResponder::reply_mode(const CsiSequence& sequence) {
  if (sequence.count != 1 || (sequence.prefix != 0 && sequence.prefix != '?')) return;
  const int number = sequence.at(0, 0);
  const bool is_private = sequence.prefix == '?';
  const auto modes = facts().modes;
  int state = 0;
  switch (is_private ? private_mode(modes, number) : ansi_mode(modes, number)) {
    case ModeState::unknown: break;
    case ModeState::set: state = 1; break;
    case ModeState::reset: state = 2; break;
  }
  reply(fmt::format("\x1B[{}{};{}$y", is_private ? "?" : "", number, state));
}

/// `10;?` asks for one colour; each further `;?` for the next.
void QueryResponder::on_osc(std::string_view body, bool bel) {
  if (silent() || body.size() < 4 || body[0] != '1' || body[2] != ';') return;
  int number = kFirstColour + (body[1] - '0');
  if (number < kFirstColour || number > kFirstColour + 2) return;
  body.remove_prefix(3);
  while (body.starts_with('?') && number <= kFirstColour + 2) {
    reply(fmt::format("\x1B]{};rgb:{}{}", number, kColours[number - kFirstColour],
                      bel ? "\x07" : "\x1B\\"));
    body.remove_prefix(1);
    if (!body.starts_with(';')) return;
    body.remove_prefix(1);
    ++number;
  }
}

std::string feed_and_answer(Screen& screen, QueryResponder& responder, std::string_view bytes) {
  std::size_t fed = 0;
  const auto up_to = [&](std::size_t consumed) {
    screen.feed(bytes.substr(fed, consumed - fed));
    fed = consumed;
    return facts_of(screen);
  };
  auto replies = responder.feed(bytes, up_to);
  screen.feed(bytes.substr(fed));
  return replies;
}

}  // namespace relay::pty
