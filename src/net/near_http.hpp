#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <memory>
#include <string>

#include "net/http_client.hpp"
#include "net/url.hpp"

// Internal to net/.
namespace relay::net {

/// The calls of an HttpClient that stay on this machine: plain HTTP/1.1 over a Unix socket or the
/// loopback, without a proxy. They need nothing of libcurl, which costs more to load than such a
/// call to make. Connections are kept for the next calls. On the loop thread; whoever awaits `ask`
/// keeps it alive.
class NearHttp {
 public:
  explicit NearHttp(asio::any_io_executor executor);
  ~NearHttp();
  NearHttp(const NearHttp&) = delete;
  NearHttp& operator=(const NearHttp&) = delete;

  /// Whether a call stays on this machine. `url` is that of the call.
  [[nodiscard]] static bool takes(const HttpCall& call, const Url& url);

  /// One try; errors as `HttpClient::call`, without a redirect being followed. `never_sent` tells
  /// of a failure whether the server can have seen the request.
  asio::awaitable<Result<HttpReply>> ask(const HttpCall* call, const Url* url,
                                         std::string user_agent, Duration at_most,
                                         bool* never_sent);
  /// Ends every call with `cancelled`; none starts any more.
  void shut_down();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay::net
