#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "net/stream.hpp"

namespace relay::net {

/// A listening socket. Destroying or closing it ends a pending accept; accepted streams live on.
class Listener {
 public:
  /// Listens on an address such as "127.0.0.1"; port 0 picks a free one, `port()` tells which.
  static Result<Listener> tcp(asio::any_io_executor executor, const std::string& address,
                              std::uint16_t port);

  /// Listens on a Unix socket with mode 0600. A socket file that nobody serves any more is
  /// replaced; one that answers is `already_running`, and any other kind of file is left alone
  /// (`unsafe_file`). The path must fit into 107 bytes. The file is removed on close.
  static Result<Listener> unix(asio::any_io_executor executor, const std::string& path);

  Listener(Listener&&) noexcept;
  Listener& operator=(Listener&&) noexcept;
  ~Listener();

  /// The next connection. Waits out a shortage of file descriptors instead of failing.
  asio::awaitable<Result<StreamPtr>> accept();

  void close() noexcept;
  [[nodiscard]] std::uint16_t port() const;

 private:
  struct Impl;
  explicit Listener(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay::net
