#pragma once

#include <optional>
#include <string>

#include "net/url.hpp"

namespace relay::net {

/// The values of HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY; empty when unset.
class ProxySettings {
 public:
  std::string https_proxy;
  std::string http_proxy;
  std::string all_proxy;
  std::string no_proxy;
};

/// The proxy for a connection to this URL, nothing for a direct one. wss counts as https, ws as
/// http, as in curl. `invalid_argument` when the setting is no http:// or https:// URL; a bare
/// host:port means http.
///
/// NO_PROXY is a list with commas: "*" is everything, "example.com" that host and all below it.
[[nodiscard]] Result<std::optional<Url>> proxy_for(const Url& url, const ProxySettings& settings);

}  // namespace relay::net
