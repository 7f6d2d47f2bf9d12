#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "net/http_message.hpp"

namespace relay::net {

/// Request line and header fields together; 431 above it. What every large server allows at least.
inline constexpr std::size_t kHttpHeadMost = 16 * 1024;
/// Length of a request target; 414 above it.
inline constexpr std::size_t kHttpTargetMost = 8 * 1024;

/// How far `feed` came.
enum class HttpProgress {
  /// All bytes are used up, the request is not complete.
  more,
  /// The head is known: `request()` is filled but for its body. Comes once per request; nothing of
  /// the body is kept before the next `feed`, so now is the time for `limit_body`.
  head,
  /// The request is complete; the bytes left belong to the next one, or to the other protocol.
  complete,
  /// The bytes are no acceptable request: answer `refusal_status` and close. Final.
  refused,
};

/// Bytes to HTTP/1.0 and 1.1 requests, one after the other on a connection. Pure: no socket, no
/// clock. Refuses everything that two servers in a row could understand differently: conflicting,
/// repeated or non-decimal Content-Length, Content-Length with Transfer-Encoding, a coding other
/// than `chunked`, folded lines, lines without CR, blanks in names, NUL, no or two Host fields.
/// A target in absolute form becomes its path, and its authority replaces Host, as RFC 9112 says.
/// Trailers are checked and dropped.
class HttpRequestParser {
 public:
  HttpRequestParser();
  HttpRequestParser(std::size_t head_most, std::size_t target_most);
  HttpRequestParser(HttpRequestParser&&) noexcept;
  HttpRequestParser& operator=(HttpRequestParser&&) noexcept;
  ~HttpRequestParser();

  /// Takes bytes from the front of `bytes`, at most up to the end of the request.
  [[nodiscard]] HttpProgress feed(std::string_view& bytes);

  /// The most bytes of body this request may have; 413 as soon as more are announced or come. Until
  /// it is called no body is accepted.
  void limit_body(std::size_t most);

  /// Starts the next request after `complete`; keeps buffers for it.
  void next();

  [[nodiscard]] HttpRequest& request();
  /// Whether bytes of a request have come since `next`.
  [[nodiscard]] bool started() const;
  /// From the head on: whether the client wants the connection kept after the answer.
  [[nodiscard]] bool keep_alive() const;
  /// From the head on: whether the client offers to leave HTTP (`Connection: upgrade`).
  [[nodiscard]] bool upgrade() const;
  /// From the head on: whether a body follows, empty chunked ones included.
  [[nodiscard]] bool has_body() const;
  /// From the head on: whether the client waits for "100 Continue" before it sends the body.
  [[nodiscard]] bool expects_continue() const;
  /// 0 or 1, of "HTTP/1.x".
  [[nodiscard]] int minor_version() const;

  /// After `refused`: the status to answer with and why, in words for the client.
  [[nodiscard]] int refusal_status() const;
  [[nodiscard]] std::string_view refusal() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay::net
