#include "net/http_proxy.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstdlib>

#include "net/http_message.hpp"

namespace relay::net {
namespace {

std::string first_set(const Environment& environment, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    auto value = environment(name);
    if (value && !value->empty()) return std::move(*value);
  }
  return {};
}

}  // namespace

Environment process_environment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    if (!value) return std::nullopt;
    return value;
  };
}

NetworkSettings NetworkSettings::from(const Environment& environment) {
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

const std::string& NetworkSettings::proxy_for(std::string_view scheme) const {
  return same_field_name(scheme, "https") ? https_proxy : http_proxy;
}

bool is_loopback_name(std::string_view host) {
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  constexpr std::string_view kBelow = ".localhost";
  if (same_field_name(host, "localhost") || host == "[::1]" || host == "::1") return true;
  if (host.size() > kBelow.size() &&
      same_field_name(host.substr(host.size() - kBelow.size()), kBelow)) {
    return true;
  }
  std::array<unsigned char, 4> address{};
  return ::inet_pton(AF_INET, std::string(host).c_str(), address.data()) == 1 && address[0] == 127;
}

}  // namespace relay::net
