#pragma once

#include <asio/awaitable.hpp>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "net/stream.hpp"

namespace relay::net {

/// Certificates and rules for many TLS connections. A cheap handle to copy; usable from one thread.
/// TLS 1.2 is the least.
class TlsContext {
 public:
  /// Trusts the system's certificates (SSL_CERT_FILE and SSL_CERT_DIR are honoured) or, if a file
  /// or a directory of hashed names is given, those in it only. Reading the system's bundle takes
  /// tens of milliseconds: make one at start and keep it. `tls_failed` when it cannot be used.
  static Result<TlsContext> client(const std::string& ca_file = {},
                                   const std::string& ca_directory = {});

  /// Shows this certificate chain. `tls_failed` when the files cannot be used.
  static Result<TlsContext> server(const std::string& certificate_file,
                                   const std::string& key_file);

 private:
  friend class TlsAccess;
  struct Impl;
  explicit TlsContext(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  /// Shared by the connections that were made with it.
  std::shared_ptr<Impl> impl_;
};

/// TLS over any stream: handshake as client of `host`, whose certificate must be for that name (or
/// address) and trusted. `tls_failed` says why not ("certificate verify failed: self-signed
/// certificate"). No deadline of its own: `with_timeout`.
///
/// The records go through memory, not through asio::ssl: that works over every Stream, TLS through
/// a TLS proxy too, and saves the 68 KiB of fixed buffers per connection.
asio::awaitable<Result<StreamPtr>> tls_connect(StreamPtr stream, TlsContext context,
                                               std::string host);

/// The server's side.
asio::awaitable<Result<StreamPtr>> tls_accept(StreamPtr stream, TlsContext context);

}  // namespace relay::net
