#include "net/proxy.hpp"

#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <cstring>
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

/// An IPv4 or IPv6 address as bytes, for comparing prefixes.
class Address {
 public:
  explicit Address(std::string_view text) {
    const std::string copy(text);
    if (::inet_pton(AF_INET, copy.c_str(), bytes_.data()) == 1) {
      size_ = 4;
    } else if (::inet_pton(AF_INET6, copy.c_str(), bytes_.data()) == 1) {
      size_ = 16;
    }
  }

  [[nodiscard]] bool valid() const { return size_ != 0; }
  [[nodiscard]] std::size_t bits() const { return size_ * 8; }
  [[nodiscard]] unsigned char front() const { return bytes_.front(); }
  [[nodiscard]] bool begins_as(const Address& other, std::size_t bits) const {
    if (size_ != other.size_ || std::memcmp(bytes_.data(), other.bytes_.data(), bits / 8) != 0) {
      return false;
    }
    const auto rest = bits % 8;
    return rest == 0 || (bytes_.at(bits / 8) ^ other.bytes_.at(bits / 8)) >> (8 - rest) == 0;
  }

 private:
  std::array<unsigned char, 16> bytes_{};
  std::size_t size_ = 0;
};

/// Nothing is in a network that is not written right.
bool in_network(std::string_view host, std::string_view network, std::string_view prefix) {
  const Address address(host);
  const Address base(network);
  std::size_t bits = 0;
  const char* const end = prefix.data() + prefix.size();
  const auto parsed = std::from_chars(prefix.data(), end, bits);
  if (parsed.ec != std::errc{} || parsed.ptr != end || prefix.empty()) return false;
  return address.valid() && bits <= address.bits() && address.begins_as(base, bits);
}

bool excludes(std::string_view entry, const Url& url) {
  if (entry == "*") return true;
  if (const auto slash = entry.find('/'); slash != std::string_view::npos) {
    return in_network(url.host, entry.substr(0, slash), entry.substr(slash + 1));
  }
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

Result<std::optional<Url>> proxy_for(const Url& url, const NetworkSettings& settings) {
  const bool secure = url.scheme == "wss" || url.scheme == "https";
  const std::string& value = secure ? settings.https_proxy : settings.http_proxy;
  if (value.empty() || is_excluded(settings.no_proxy, url)) return std::optional<Url>();
  auto proxy = Url::parse(value.find("://") == std::string::npos ? "http://" + value : value);
  if (!proxy || (proxy->scheme != "http" && proxy->scheme != "https")) {
    // The value may hold a password.
    return fail(Code::invalid_argument, "the proxy setting is no http:// or https:// URL",
                "check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY");
  }
  return std::optional<Url>(std::move(*proxy));
}

bool is_loopback_name(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.ends_with('.')) host.remove_suffix(1);
  constexpr std::string_view kBelow = ".localhost";
  if (same(host, "localhost") || host == "::1") return true;
  if (host.size() > kBelow.size() && same(host.substr(host.size() - kBelow.size()), kBelow)) {
    return true;
  }
  const Address address(host);
  return address.bits() == 32 && address.front() == 127;
}

}  // namespace relay::net
