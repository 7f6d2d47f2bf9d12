#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "net/http_message.hpp"
#include "net/network_settings.hpp"
#include "net/retry.hpp"

namespace relay::net {

/// Takes secrets out of a text that people will see.
using Redact = std::function<std::string(std::string_view)>;

/// One request of a client.
class HttpCall {
 public:
  HttpCall(std::string method_in, std::string url_in)
      : method(std::move(method_in)), url(std::move(url_in)) {}

  /// Whether it carries credentials: then no redirect is followed.
  [[nodiscard]] bool is_authenticated() const;

  std::string method;
  /// http or https.
  std::string url;
  Headers headers;
  std::string body;
  /// For the whole call, all tries and waits between them.
  Duration deadline = std::chrono::seconds(30);
  /// For name, connection and TLS together, per try.
  Duration connect_time = std::chrono::seconds(10);
  /// A longer body of the reply ends the call with `too_large`.
  std::size_t reply_most = std::size_t{16} << 20;
  RetryPolicy retry;
  /// Without credentials only.
  bool follow_redirects = true;
  /// Connect to this socket instead of the URL's host.
  std::string unix_socket;
  /// Use the proxy for this machine's own addresses too.
  bool loopback_through_proxy = false;
};

/// What a server answered, whatever the status.
class HttpReply {
 public:
  [[nodiscard]] bool ok() const { return status >= 200 && status < 300; }

  int status = 0;
  Headers headers;
  std::string body;
  /// "GET https://host/path": without credentials and query, for messages.
  std::string call;
};

/// A reply that is not what was hoped for as an error: 401 `unauthorized`, 403 `forbidden`, 404
/// `not_found`, 409 `conflict`, 413 `too_large`, 429 `rate_limited`, 408 and 504 `timeout`, else
/// `engine_error`. The message has call, status and the first 500 bytes of the body, redacted.
[[nodiscard]] Error error_of(const HttpReply& reply, const Redact& redact);

class HttpClientOptions {
 public:
  NetworkSettings network;
  /// Applied to the message of every error.
  Redact redact;
  std::string user_agent;
};

/// An HTTP client, driven by the loop of its executor: any number of calls at a time, connections
/// kept and shared. What stays on this machine it says itself, for the rest it loads libcurl.
/// Certificates are always checked. Redirects are followed at most five times, never to another
/// scheme, and not at all with credentials. All calls on the loop thread.
class HttpClient {
 public:
  /// `random` for the jitter of retries; it outlives the client.
  HttpClient(asio::any_io_executor executor, HttpClientOptions options, Random& random);
  /// Ends calls under way with `cancelled`.
  ~HttpClient();

  /// A reply of any status, or: `invalid_argument`, `engine_unreachable` (name or connection;
  /// `broker_not_running` for a Unix socket), `tls_failed`, `timeout`, `connection_closed` (before
  /// or within the reply), `too_large`, `protocol_error` (no HTTP; a redirect that is not
  /// followed), `cancelled`. Of several tries the last one's; where a call may have changed
  /// something and later tries were not done (never sent, 429, 502 to 504), what ended the one that
  /// was. Cancelling the coroutine ends the transfer at once.
  asio::awaitable<Result<HttpReply>> call(HttpCall call);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace relay::net
