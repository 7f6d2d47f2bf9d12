#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/result.hpp"
#include "net/http_message.hpp"

// Internal to net/.
namespace relay::net {

/// Reads one HTTP/1.1 response, piece by piece. Interim responses (100, 103) are skipped. Pure.
class HttpResponseReader {
 public:
  /// For a handshake: the head may have at most `kHeadMost` bytes; of the body the first
  /// `kBodyMost` are kept.
  static constexpr std::size_t kHeadMost = std::size_t{16} << 10U;
  static constexpr std::size_t kBodyMost = std::size_t{16} << 10U;

  enum class Kind {
    /// Of any request. A 101 has no body, and what follows it is not HTTP.
    upgrade,
    /// Of CONNECT: the same for any 2xx.
    connect,
    /// Of HEAD: none has a body.
    head,
  };

  explicit HttpResponseReader(Kind kind, std::size_t head_most = kHeadMost,
                              std::size_t body_most = kBodyMost);
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
  /// More of the body has come than is kept.
  [[nodiscard]] bool is_cut() const;
  /// Of one that is done: whether the connection may be asked again.
  [[nodiscard]] bool keeps_alive() const;
  [[nodiscard]] HttpResponse& response();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay::net
