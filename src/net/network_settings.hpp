#pragma once

#include <string>

#include "os/environment.hpp"

namespace relay::net {

/// What the environment says about how to reach other machines, for HTTP and WebSocket alike. Read
/// once, at start.
class NetworkSettings {
 public:
  /// HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY in lower or upper case (lower case wins);
  /// CURL_CA_BUNDLE, SSL_CERT_FILE and SSL_CERT_DIR. Empty values count as unset.
  static NetworkSettings from(const os::Environment& environment);

  /// For plain and for TLS connections; a bare host:port means http. Empty for none.
  std::string http_proxy;
  std::string https_proxy;
  /// Names and networks separated by commas; "*" is everything.
  std::string no_proxy;
  /// Trusted certificates in PEM; the system's own when both are empty.
  std::string ca_file;
  std::string ca_directory;
};

}  // namespace relay::net
