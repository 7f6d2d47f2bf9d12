#pragma once

#include <asio/awaitable.hpp>
#include <optional>
#include <string>
#include <vector>

#include "net/http_message.hpp"
#include "net/network_settings.hpp"
#include "net/tls.hpp"
#include "net/websocket.hpp"

namespace relay::net {

/// Where to connect and how.
class WsClientOptions {
 public:
  /// "ws://host[:port]/path" or "wss://…". Tokens belong into headers.
  explicit WsClientOptions(std::string url_in) : url(std::move(url_in)) {}

  std::string url;
  /// Sent with the handshake, such as Authorization.
  Headers headers;
  /// Subprotocols that are offered.
  std::vector<std::string> protocols;
  /// For all of it: name, connection, proxy, TLS, handshake.
  Duration within = std::chrono::seconds(15);
  /// Needed for wss and for a proxy with https.
  std::optional<TlsContext> tls;
  NetworkSettings network;
  /// Connect to this socket instead of the URL's host.
  std::string unix_socket;
  /// A proxy is used for this machine as well; for tests of proxies.
  bool loopback_through_proxy = false;
  WsOptions socket;
};

class WsConnected {
 public:
  WsConnected(WebSocket socket_in, std::string protocol_in)
      : socket(std::move(socket_in)), protocol(std::move(protocol_in)) {}

  WebSocket socket;
  /// The subprotocol that the server chose, if any.
  std::string protocol;
};

/// What became of a try to connect.
class WsOutcome {
 public:
  WsOutcome() : connected(fail(Code::internal_error, "not tried")) {}
  WsOutcome(Result<WsConnected> connected_in, std::optional<HttpResponse> refusal_in)
      : connected(std::move(connected_in)), refusal(std::move(refusal_in)) {}

  /// Errors: `unauthorized` (401), `forbidden` (403), `not_found` (404), `rate_limited` (429, with
  /// retry_after), `engine_error` (any other status), `protocol_error` (not a WebSocket),
  /// `engine_unreachable` (`broker_not_running` for a Unix socket), `tls_failed`, `timeout`,
  /// `invalid_argument`.
  Result<WsConnected> connected;
  /// The answer of a server that refused the handshake: status, headers and the first 16 KiB of the
  /// body. Nothing when there was no such answer.
  std::optional<HttpResponse> refusal;
};

/// Connects, through a proxy by CONNECT if one is set. `random` gives the key and the masks and
/// outlives the socket. Cancelling ends it at any point.
asio::awaitable<WsOutcome> ws_connect(WsClientOptions options, Random* random);

}  // namespace relay::net
