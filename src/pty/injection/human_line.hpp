#pragma once

#include <string_view>

namespace relay::pty {

/// Whether a person at a terminal has begun a line and neither entered it nor given it up. By the
/// keys alone: what a program makes of them is its own, so a line that may be there counts as
/// there. Pure.
class HumanLine {
 public:
  void feed(std::string_view keys) {
    for (const char key : keys) {
      switch (key) {
        case '\r':
        case '\n':
        case '\x03':  // Ctrl-C
        case '\x15':  // Ctrl-U
        case '\x1C':  // Ctrl-backslash
          open_ = false;
          break;
        case '\x04':  // Ctrl-D: the end of input, or nothing
        case '\x0C':  // Ctrl-L
          break;
        default: open_ = true;
      }
    }
  }
  [[nodiscard]] bool open() const { return open_; }

 private:
  bool open_ = false;
};

}  // namespace relay::pty
