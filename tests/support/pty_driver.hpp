#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <termios.h>

#include "base/clock.hpp"
#include "os/fd.hpp"
#include "os/processes.hpp"
#include "os/terminal.hpp"
#include "support/run_binary.hpp"

namespace relay::test {

/// A program in a real terminal, with a person (the test) in front of it. Every wait has a
/// deadline; one that passes, or an end that comes too early, throws std::runtime_error with the
/// transcript. The program and its group are killed at the end of the test.
class PtyDriver {
 public:
  /// The command's descriptors are the terminal, and the terminal is its controlling one.
  explicit PtyDriver(os::Command command, os::WindowSize size = {80, 24});
  ~PtyDriver();
  PtyDriver(const PtyDriver&) = delete;
  PtyDriver& operator=(const PtyDriver&) = delete;

  /// Types, without a newline of its own: Enter is "\r", Ctrl-C "\x03".
  void type(std::string_view keys, Duration at_most = kPatience);
  /// Waits until this text is in the output behind what an earlier wait has matched.
  void wait_for(std::string_view text, Duration at_most = kPatience);
  /// The same with an ECMAScript expression; the text that matched.
  std::string wait_match(const std::string& expression, Duration at_most = kPatience);
  /// Waits until a program has changed the terminal to raw mode (or back): no echo, no lines.
  void wait_raw(bool raw, Duration at_most = kPatience);
  /// Waits for the end of the program; the transcript is complete afterwards.
  os::ExitStatus wait_end(Duration at_most = kPatience);

  void resize(os::WindowSize size);
  void signal(int number);
  /// The terminal goes away: its window was closed. Nothing can be typed or read any more.
  void hang_up();

  /// Everything that was printed, bytes as they came.
  [[nodiscard]] const std::string& transcript() const { return transcript_; }
  /// The mode of the terminal now, or as the program left it; and as it was before the program.
  [[nodiscard]] termios mode() const;
  [[nodiscard]] const termios& mode_before() const { return before_; }
  [[nodiscard]] pid_t pid() const { return process_->pid(); }

 private:
  bool read_some(Monotonic deadline);
  [[noreturn]] void give_up(std::string_view why) const;

  os::Fd master_;
  /// Ours too, so that the terminal keeps its mode when the program has gone.
  os::Fd slave_;
  termios before_{};
  termios after_{};
  std::unique_ptr<os::Process> process_;
  std::string transcript_;
  std::size_t matched_ = 0;
};

/// Whether two modes are the same to the last flag and control character.
[[nodiscard]] bool same_mode(const termios& a, const termios& b);

}  // namespace relay::test
