#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "os/fd.hpp"
#include "os/terminal.hpp"
#include "pty/session.hpp"

namespace relay::cli {

/// The real terminal that a session is shown in: what is typed goes to the program, what the
/// program prints comes here, byte for byte in both directions. The terminal is opened anew,
/// because O_NONBLOCK on the descriptors that we were given would reach into the shell.
class WrapTerminal final : public pty::OutputSink {
 public:
  /// Output that waits before the program has to wait. Bytes.
  static constexpr std::size_t kMostWaiting = std::size_t{64} << 10;

  /// -1 for what is no terminal: no keys then, or no output.
  [[nodiscard]] static Result<std::unique_ptr<WrapTerminal>> open(asio::any_io_executor executor,
                                                                  int keys_fd, int screen_fd);
  ~WrapTerminal() override;

  [[nodiscard]] bool take(std::string_view bytes) override;

  /// Hands over what is typed until the terminal has gone or it is cancelled.
  asio::awaitable<void> read_keys(pty::Session* session);
  /// Prints what waits, until it is cancelled.
  asio::awaitable<void> write_screen(pty::Session* session);
  /// Switches off what the program has left on: the alternate screen, the mouse, a hidden cursor …
  /// Once, behind its last output.
  void put_right();
  /// Returns when everything is printed, the terminal is gone, or the time is over.
  asio::awaitable<void> flush(Duration at_most);

 private:
  struct Impl;
  explicit WrapTerminal(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay::cli
