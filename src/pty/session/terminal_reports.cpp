#include "pty/session/terminal_reports.hpp"

namespace relay::pty {
namespace {

bool is_report(const CsiSequence& sequence) {
  switch (sequence.final) {
    case 'R': return sequence.count >= 2;           // cursor position
    case 'c': return sequence.prefix != 0;          // device attributes
    case 'n': return true;                          // status
    case 'y': return sequence.intermediate == '$';  // modes
    case 't': return true;                          // sizes
    case 'u': return sequence.prefix == '?';        // kitty's flags
    case 'I':
    case 'O': return sequence.count == 0 && sequence.prefix == 0;  // focus
    case 'M':
    case 'm': return sequence.prefix == '<' || sequence.count >= 3;  // mouse
    default: return false;
  }
}

}  // namespace

bool TerminalReports::has_key(std::string_view bytes) {
  key_ = false;
  parser_.feed(bytes, *this);
  // The Escape key alone: a sequence comes in one piece with its ESC.
  return key_ || bytes == "\x1B";
}

void TerminalReports::on_escape(char, char final) {
  // ST ends a string that the parser has skipped.
  if (final != '\\') key_ = true;
}

void TerminalReports::on_csi(const CsiSequence& sequence) {
  if (!is_report(sequence)) key_ = true;
}

}  // namespace relay::pty
