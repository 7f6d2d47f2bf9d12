#include "unit/pty/screen/random_output.hpp"

#include <fmt/format.h>

namespace relay::pty::test {

std::string RandomOutput::word() {
  constexpr const char* kWords[] = {"build", "src/pty/screen.cpp",
                                    "ok",    "-> done",
                                    "漢字",  "日本語の",
                                    "😀",    "👍",
                                    "é",     "e\u0301",
                                    "│",     "╭──╮",
                                    "█▌",    "✔",
                                    "…",     "x",
                                    "  ",    "100%"};
  return kWords[below(static_cast<int>(std::size(kWords)))];
}

std::string RandomOutput::style() {
  switch (below(9)) {
    case 0: return "\x1B[m";
    case 1: return fmt::format("\x1B[{}m", 30 + below(8));
    case 2: return fmt::format("\x1B[{}m", 40 + below(8));
    case 3: return fmt::format("\x1B[{};{}m", 90 + below(8), 100 + below(8));
    case 4: return fmt::format("\x1B[38;5;{}m", below(256));
    case 5: return fmt::format("\x1B[48;2;{};{};{}m", below(256), below(256), below(256));
    case 6: return fmt::format("\x1B[{}m", 1 + below(5));
    case 7: return fmt::format("\x1B[{};{}m", 7 + below(3), 22 + below(8));
    default: return "\x1B[39;49m";
  }
}

std::string RandomOutput::edit(int rows, int columns) {
  const int few = 1 + below(4);
  switch (below(24)) {
    case 0:
    case 1:
    case 2:
    case 3: return fmt::format("\x1B[{};{}H", 1 + below(rows), 1 + below(columns));
    case 4: return fmt::format("\r\x1B[{}{}", few, "ABCD"[below(4)]);
    case 5: return fmt::format("\r\x1B[{}{}", few, "EF"[below(2)]);
    case 6: return fmt::format("\x1B[{}G", 1 + below(columns));
    case 7: return fmt::format("\x1B[{}d", 1 + below(rows));
    case 8: return fmt::format("\r\x1B[{}J", below(3));
    case 9:
    case 10: return fmt::format("\r\x1B[{}K", below(3));
    case 11: return fmt::format("\r\x1B[{}X", few);
    case 12: return fmt::format("\r\x1B[{}@", few);
    case 13: return fmt::format("\r\x1B[{}P", few);
    case 14: return fmt::format("\r\x1B[{}{}", few, "ST"[below(2)]);
    case 15:
      return fmt::format("\x1B[r\x1B[{0};1H\x1B[{1}{2}", 1 + below(rows), few, "LM"[below(2)]);
    case 16: {
      const int top = 1 + below(rows - 1);
      return fmt::format("\x1B[{};{}r", top, top + 1 + below(rows - top));
    }
    case 17: return "\x1B[r";
    case 18: return "\r\t";
    case 19:
      return below(2) == 0 ? "\r\x1B"
                             "M"
                           : "\r\x1B"
                             "D";
    case 20:
      return fmt::format(
          "\r\x1B"
          "7\x1B[{};1Hhere\x1B"
          "8",
          1 + below(rows));
    case 21: return fmt::format("\r-\x1B[{}b", few);
    case 22: alternate_ = !alternate_; return alternate_ ? "\x1B[?1049h" : "\x1B[?1049l";
    default: return "\r\n";
  }
}

std::string RandomOutput::rare() {
  switch (below(16)) {
    case 0: return below(2) == 0 ? "\x1B[?7l" : "\x1B[?7h";
    case 1: return below(2) == 0 ? "\x1B[4h" : "\x1B[4l";
    case 2: return below(2) == 0 ? "\x1B[?6h" : "\x1B[?6l";
    case 3: return below(2) == 0 ? "\x1B(0" : "\x1B(B";
    case 4: return below(2) == 0 ? "\x0E" : "\x0F";
    case 5: return "\x1B)0";
    case 6: return "\x1B]0;a title\x07";
    case 7: return "\x1BPdata\x1B\\";
    case 8: return std::string("\xE6\xFF") + "\xF0\x9F";
    case 9: return fmt::format("\x1B[4:{}m", below(7));
    case 10: return fmt::format("\x1B[?{}h", below(2) == 0 ? 2004 : 25);
    case 11: return fmt::format("\x1B[>{}u", below(32));
    case 12: return fmt::format("\x1B[?{}{}", below(2) == 0 ? 1003 : 1006, "hl"[below(2)]);
    case 13: return fmt::format("\x1B[{} q", below(8));
    case 14: return "\u200D👧\U0001F3FD";
    default: return "\x1B[3";
  }
}

std::string RandomOutput::next(int pieces, int rows, int columns) {
  std::string out;
  for (int i = 0; i < pieces; ++i) {
    switch (below(common_ ? 8 : 10)) {
      case 0:
      case 1:
      case 2: out += word(); break;
      case 3:
      case 4: out += style(); break;
      case 5: out += "\r\n"; break;
      case 6:
      case 7: out += edit(rows, columns); break;
      default: out += rare();
    }
  }
  return out;
}

}  // namespace relay::pty::test
