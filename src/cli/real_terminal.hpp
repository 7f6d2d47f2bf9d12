#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "os/fd.hpp"
#include "os/terminal.hpp"
#include "pty/session/session.hpp"

namespace relay::cli {

/// The real terminal that a program is shown in: where its person types, and what it prints comes
/// to, byte for byte in both directions. The terminal is opened anew, because O_NONBLOCK on the
/// descriptors that we were given would reach into the shell.
class RealTerminal final : public pty::OutputSink {
 public:
  /// Output that waits before the program has to wait. Bytes.
  static constexpr std::size_t kMostWaiting = std::size_t{64} << 10;

  /// -1 for what is no terminal: no keys then, or no output.
  [[nodiscard]] static Result<std::unique_ptr<RealTerminal>> open(asio::any_io_executor executor,
                                                                  int keys_fd, int screen_fd);
  ~RealTerminal() override;

  [[nodiscard]] bool take(std::string_view bytes) override;

  /// What was typed; waits for it. Empty when the terminal is gone, or there are no keys.
  asio::awaitable<std::string> next_keys();
  /// Prints what waits, until it is cancelled. `on_room` hears when nothing waits any more.
  asio::awaitable<void> write_screen(std::function<void()> on_room);
  /// Switches off what the program has left on: the alternate screen, the mouse, a hidden cursor …
  /// Once, behind its last output.
  void put_right();
  /// Returns when everything is printed, the terminal is gone, or the time is over.
  asio::awaitable<void> flush(Duration at_most);

 private:
  struct Impl;
  explicit RealTerminal(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Stops us and our process group as Ctrl-Z does, and returns when we are continued, or at once
/// where nobody would ever continue us.
void stop_until_continued();

}  // namespace relay::cli
