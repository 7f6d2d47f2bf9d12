#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "net/http_message.hpp"

namespace relay::net {

/// Looks at the head of a request before its route is looked up or its body read, upgrades
/// included: an answer ends the request there.
using HttpGuard = std::function<std::optional<HttpResponse>(const HttpRequest&)>;

/// Whether a Host field names this machine's loopback with this port: localhost, 127.0.0.1 or
/// [::1], nothing else. A page of another site that rebinds its name to 127.0.0.1 still sends its
/// own name here. The port may be left out only if it is 80.
[[nodiscard]] bool is_loopback_host(std::string_view host, std::uint16_t port);

/// Whether the two are equal, in a time that says nothing about where they differ, how much, or how
/// long they are.
[[nodiscard]] bool equal_in_constant_time(std::string_view a, std::string_view b);

/// The token of `Authorization: Bearer …`; nothing when there is no such field, or several.
[[nodiscard]] std::optional<std::string_view> bearer_token(const Headers& headers);

/// Whether the peer of a Unix socket is the user `own` or root.
[[nodiscard]] bool is_trusted_peer(uid_t peer, uid_t own);

/// The rules of a local API. Callable as an HttpGuard.
///
/// Over TCP the Host must be ours, or 403. On every connection an Origin must be one of
/// `allowed_origins` (compared exactly, "null" too), or 403; the token must be sent as bearer
/// token, or 401. The peer of a Unix socket must be us or root, or 403; it needs no token when
/// `peer_needs_token` is false.
class LocalGuard {
 public:
  /// `port` as in Listener::port. An empty `token` fits nothing: every request is refused.
  LocalGuard(std::uint16_t port, std::string token);

  std::optional<HttpResponse> operator()(const HttpRequest& request) const;
  /// The same without the token: Host, Origin and peer. For a guard with a token of its own.
  [[nodiscard]] std::optional<HttpResponse> check_origin(const HttpRequest& request) const;

  std::vector<std::string> allowed_origins;
  bool peer_needs_token = false;

 private:
  [[nodiscard]] bool token_fits(const HttpRequest& request) const;

  std::uint16_t port_;
  std::string token_;
};

/// `{"ok":false,"error":{"code":…,"message":…}}`, the body of every answer that the server gives by
/// itself. `code` and `message` are plain words: nothing in them is escaped but quotes and
/// backslashes.
[[nodiscard]] HttpResponse error_response(int status, std::string_view code,
                                          std::string_view message);

}  // namespace relay::net
