// Internal to broker/
#pragma once

#include <optional>

#include "net/http_guard.hpp"

namespace relay::broker {

struct ApiContext;

/// Who may ask the local API what. Callable as an HttpGuard; the context outlives it.
///
/// Host, Origin and the peer of a Unix socket are checked by net::LocalGuard: 403. In the start-up
/// phase everything but the health checks is 503 then; over the Unix socket its user may see and
/// end it all the same. TCP clients need the key, in X-API-Key or as bearer token, but for the
/// health checks and for what an agent hands in with its own token: 401.
class ApiGuard {
 public:
  explicit ApiGuard(const ApiContext* context);

  std::optional<net::HttpResponse> operator()(const net::HttpRequest& request) const;

 private:
  [[nodiscard]] bool key_fits(const net::HttpRequest& request) const;

  const ApiContext* context_;
  net::LocalGuard place_;
};

}  // namespace relay::broker
