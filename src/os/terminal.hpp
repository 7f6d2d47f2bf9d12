#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <termios.h>

#include "base/result.hpp"
#include "os/environment.hpp"

namespace relay::os {

[[nodiscard]] bool is_terminal(int fd);

struct WindowSize {
  unsigned short columns = 0;
  unsigned short rows = 0;
};
/// Nothing when `fd` is no terminal or does not know its size.
[[nodiscard]] std::optional<WindowSize> window_size(int fd);

enum class ColorWish { automatic, always, never };
/// "auto", "always" or "never", as --color takes it.
[[nodiscard]] Result<ColorWish> color_wish(std::string_view argument);

/// Whether to write colours to a stream. The option decides; else NO_COLOR (set to anything)
/// forbids, CLICOLOR_FORCE (set to anything but "0") demands, and else a terminal gets them unless
/// TERM is missing or "dumb".
[[nodiscard]] bool wants_color(ColorWish wish, const Environment& environment, bool terminal);

/// A terminal in raw mode (every byte at once, no echo, no signals from keys) until this is
/// destroyed. The terminal is put back on every other way out too: exit(), an uncaught exception
/// and every usual signal that ends the process, SIGKILL excepted. One at a time per process,
/// because signal handlers know only globals; a second one is a broken invariant and throws
/// std::logic_error.
class RawMode {
 public:
  /// The longest text for a crash: more than all modes of a terminal take.
  static constexpr std::size_t kMostCrashText = 1024;

  /// What a signal that ends us prints there before the terminal is put back: it undoes what the
  /// terminal was told and is not put back by its mode. In force from now on, while the terminal is
  /// raw; a longer one is left out.
  static void print_on_crash(int fd, std::string_view text);

  [[nodiscard]] static Result<RawMode> enter(int fd);
  /// Not raw: everything is as it was, but what is typed is not shown.
  [[nodiscard]] static Result<RawMode> hide_typing(int fd);
  RawMode(RawMode&& from) noexcept;
  RawMode& operator=(RawMode&&) = delete;
  ~RawMode();

  /// Puts the terminal back for a while (Ctrl-Z), and makes it raw again afterwards.
  void leave();
  Result<void> enter_again();

 private:
  using Change = void (*)(termios&);
  RawMode(int fd, const termios& before, Change change)
      : fd_(fd), before_(before), change_(change) {}
  static Result<RawMode> enter_as(int fd, Change change);
  int fd_;
  termios before_;
  Change change_;
};

}  // namespace relay::os
