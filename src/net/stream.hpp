#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <sys/types.h>
#include <system_error>

#include "net/errno.hpp"

namespace relay::net {

/// How a read or a write ended. `bytes` counts what was moved, also when `error` is set.
struct IoResult {
  IoResult(std::error_code error_in, std::size_t bytes_in) : error(error_in), bytes(bytes_in) {}
  [[nodiscard]] bool ok() const { return !error; }

  std::error_code error;
  std::size_t bytes;
};

/// Whether a `try_` call found nothing to do, as opposed to a broken connection.
[[nodiscard]] inline bool would_block(const std::error_code& error) {
  return is_errno(error, std::errc::operation_would_block);
}

/// One connection of bytes: TCP, Unix socket, TLS over either, or a fake of a test. Everything
/// above it (HTTP, WebSocket) is written once against this. All calls on the loop thread; at most
/// one read and one write at a time. It owns the socket; destroying it closes at once.
class Stream {
 public:
  Stream() = default;
  virtual ~Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  [[nodiscard]] virtual asio::any_io_executor executor() = 0;

  /// At least one byte, or an error; `asio::error::eof` is the orderly end. `into` must stay alive.
  virtual asio::awaitable<IoResult> read_some(std::span<char> into) = 0;

  /// Returns when there is something to read, so that an idle connection needs no buffer.
  virtual asio::awaitable<std::error_code> wait_readable() = 0;

  /// All of it, or an error. `from` must stay alive.
  virtual asio::awaitable<IoResult> write(std::span<const char> from) = 0;

  /// The same without waiting: what is there now, or what fits now. `would_block` when that is
  /// nothing. A stream that only waits (a fake of a test) says `operation_not_supported`.
  [[nodiscard]] virtual IoResult try_read(std::span<char> into);
  [[nodiscard]] virtual IoResult try_write(std::span<const char> from);

  /// Calls back from the loop, once, when `try_write` is worth another try, or with the error that
  /// ended the wait. Counts as a write under way. The callback may outlive the stream.
  virtual void on_writable(std::function<void(std::error_code)> call);

  /// Ends the waits under way with `operation_aborted`; the connection stays usable. Closes a
  /// stream that cannot do that.
  virtual void cancel() noexcept { close(); }

  /// Says that nothing more will be sent (FIN; TLS: close_notify first). Reading goes on.
  virtual asio::awaitable<void> shutdown_send() = 0;

  /// Ends every operation under way with `operation_aborted`. Harmless when closed.
  virtual void close() noexcept = 0;

  /// The user on the other end of a Unix socket, from the kernel; nothing for TCP.
  [[nodiscard]] virtual std::optional<uid_t> peer_uid() const { return std::nullopt; }
  /// "127.0.0.1:4711", "unix:/run/…": for messages and logs.
  [[nodiscard]] virtual std::string peer_name() const = 0;
};

using StreamPtr = std::unique_ptr<Stream>;

}  // namespace relay::net
