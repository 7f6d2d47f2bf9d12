#include "net/proxy.hpp"

#include <fmt/format.h>
#include <strings.h>

namespace relay::net {
namespace {

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool excludes(std::string_view entry, const Url& url) {
  if (entry == "*") return true;
  // "host:8080" is meant for that port only; an IPv6 address has more than one colon.
  if (const auto colon = entry.find(':');
      colon != std::string_view::npos && entry.find(':', colon + 1) == std::string_view::npos) {
    if (entry.substr(colon + 1) != url.port) return false;
    entry = entry.substr(0, colon);
  }
  while (entry.starts_with('.')) entry.remove_prefix(1);
  if (entry.empty() || entry.size() > url.host.size()) return false;
  const std::string_view host = url.host;
  const auto start = host.size() - entry.size();
  return same(host.substr(start), entry) && (start == 0 || host[start - 1] == '.');
}

bool is_excluded(std::string_view list, const Url& url) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    if (excludes(trim(list.substr(0, comma)), url)) return true;
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return false;
}

}  // namespace

Result<std::optional<Url>> proxy_for(const Url& url, const ProxySettings& settings) {
  const bool secure = url.scheme == "wss" || url.scheme == "https";
  const std::string& own = secure ? settings.https_proxy : settings.http_proxy;
  const std::string& value = own.empty() ? settings.all_proxy : own;
  if (value.empty() || is_excluded(settings.no_proxy, url)) return std::optional<Url>();
  auto proxy = Url::parse(value.find("://") == std::string::npos ? "http://" + value : value);
  if (!proxy || (proxy->scheme != "http" && proxy->scheme != "https")) {
    // The value may hold a password.
    return fail(Code::invalid_argument, "the proxy setting is no http:// or https:// URL",
                "check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY");
  }
  return std::optional<Url>(std::move(*proxy));
}

}  // namespace relay::net
