#pragma once

#include <functional>
#include <memory>
#include <openssl/ssl.h>
#include <optional>
#include <string>

#include "net/event.hpp"
#include "net/stream.hpp"

// Internal to net/: shows OpenSSL.
namespace relay::net {

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslPtr = std::unique_ptr<SSL, SslFree>;

/// TLS records between OpenSSL's two memory buffers and a stream below. Reading and writing are
/// non-blocking at heart; the coroutines wait for the stream below in between.
class TlsStream final : public Stream {
 public:
  TlsStream(StreamPtr below, SslPtr ssl);
  ~TlsStream() override;

  /// Before anything else. The reason of the failure, nothing when it is done.
  asio::awaitable<std::optional<std::string>> handshake();

  asio::any_io_executor executor() override;
  asio::awaitable<IoResult> read_some(std::span<char> into) override;
  asio::awaitable<std::error_code> wait_readable() override;
  asio::awaitable<IoResult> write(std::span<const char> from) override;
  IoResult try_read(std::span<char> into) override;
  IoResult try_write(std::span<const char> from) override;
  void on_writable(std::function<void(std::error_code)> call) override;
  void cancel() noexcept override;
  asio::awaitable<void> shutdown_send() override;
  void close() noexcept override;
  std::optional<uid_t> peer_uid() const override;
  std::string peer_name() const override;

 private:
  class Core;
  /// Shared with callbacks of the stream below, which can come after this is gone.
  std::shared_ptr<Core> core_;
};

}  // namespace relay::net
