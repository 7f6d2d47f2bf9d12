#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace relay::net {

/// Looks up a variable of the environment; nothing when it is unset.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;

/// The environment of this process.
[[nodiscard]] Environment process_environment();

/// What the environment says about how to reach other machines. Read once, at start.
class NetworkSettings {
 public:
  /// HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY in lower or upper case (lower case wins);
  /// CURL_CA_BUNDLE, SSL_CERT_FILE and SSL_CERT_DIR. Empty values count as unset.
  static NetworkSettings from(const Environment& environment);

  /// The proxy for a URL of this scheme; empty for none.
  [[nodiscard]] const std::string& proxy_for(std::string_view scheme) const;

  std::string http_proxy;
  std::string https_proxy;
  /// As curl takes it: names and networks separated by commas.
  std::string no_proxy;
  /// Files of trusted certificates in PEM; the system's own when both are empty.
  std::string ca_file;
  std::string ca_directory;
};

/// Whether a host of a URL is this machine: localhost and names below it, 127.0.0.0/8, [::1].
[[nodiscard]] bool is_loopback_name(std::string_view host);

}  // namespace relay::net
