#include "net/network_settings.hpp"

#include <initializer_list>

namespace relay::net {
namespace {

std::string first_set(const os::Environment& environment,
                      std::initializer_list<const char*> names) {
  for (const char* name : names) {
    auto value = environment.get(name);
    if (value) return *std::move(value);
  }
  return {};
}

}  // namespace

NetworkSettings NetworkSettings::from(const os::Environment& environment) {
  NetworkSettings settings;
  settings.http_proxy =
      first_set(environment, {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"});
  settings.https_proxy =
      first_set(environment, {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"});
  settings.no_proxy = first_set(environment, {"no_proxy", "NO_PROXY"});
  settings.ca_file = first_set(environment, {"CURL_CA_BUNDLE", "SSL_CERT_FILE"});
  settings.ca_directory = first_set(environment, {"SSL_CERT_DIR"});
  return settings;
}

}  // namespace relay::net
