#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/result.hpp"
#include "net/http_message.hpp"

// Internal to net/.
namespace relay::net {

/// Reads one HTTP/1.1 response, piece by piece: the answer to a WebSocket handshake or to CONNECT.
/// Interim responses (100, 103) are skipped. Pure.
class HttpResponseReader {
 public:
  /// The head may have at most `kHeadMost` bytes; of the body the first `kBodyMost` are kept.
  static constexpr std::size_t kHeadMost = std::size_t{16} << 10U;
  static constexpr std::size_t kBodyMost = std::size_t{16} << 10U;

  enum class Kind {
    /// A 101 has no body, and what follows it is not HTTP.
    upgrade,
    /// The same for any 2xx.
    connect,
  };

  explicit HttpResponseReader(Kind kind);
  HttpResponseReader(HttpResponseReader&&) noexcept;
  HttpResponseReader& operator=(HttpResponseReader&&) noexcept;
  ~HttpResponseReader();

  /// Takes bytes from the front and says how many; fewer than given when the response is complete.
  /// `protocol_error` when it is no HTTP, `too_large` when the head is over its limit. An empty
  /// `bytes` is the end of the connection.
  Result<std::size_t> feed(std::string_view bytes);

  /// The status and all header fields are there.
  [[nodiscard]] bool head_done() const;
  /// The body is there as well.
  [[nodiscard]] bool done() const;
  [[nodiscard]] HttpResponse& response();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay::net
