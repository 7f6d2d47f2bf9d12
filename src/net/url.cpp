#include "net/url.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <http_parser.h>

namespace relay::net {
namespace {

/// A space or a control character would end a request line.
bool fits_a_line(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c != '\x7f'; });
}

}  // namespace

std::string path_segment(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string_view Url::default_port(std::string_view scheme) {
  if (scheme == "https" || scheme == "wss") return "443";
  if (scheme == "http" || scheme == "ws") return "80";
  return "";
}

Result<Url> Url::parse(std::string_view text) {
  http_parser_url parts;
  http_parser_url_init(&parts);
  if (!fits_a_line(text) || http_parser_parse_url(text.data(), text.size(), 0, &parts) != 0) {
    return fail(Code::invalid_argument, fmt::format("not a URL: {}", text));
  }
  const auto part = [&](http_parser_url_fields field) {
    const auto& at = parts.field_data[field];
    return (parts.field_set & (1U << field)) != 0 ? std::string(text.substr(at.off, at.len))
                                                  : std::string();
  };
  Url url;
  url.scheme = part(UF_SCHEMA);
  std::transform(url.scheme.begin(), url.scheme.end(), url.scheme.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  url.userinfo = part(UF_USERINFO);
  url.host = part(UF_HOST);
  url.port = part(UF_PORT);
  url.target = part(UF_PATH);
  if (url.host.empty() || url.scheme.empty()) {
    return fail(Code::invalid_argument, fmt::format("the URL has no host: {}", text));
  }
  if (url.port.empty()) url.port = default_port(url.scheme);
  if (url.target.empty()) url.target = "/";
  if (const auto query = part(UF_QUERY); !query.empty()) url.target += "?" + query;
  return url;
}

std::string Url::authority() const {
  const bool ipv6 = host.find(':') != std::string::npos;
  std::string out = ipv6 ? fmt::format("[{}]", host) : host;
  if (port != default_port(scheme)) out += ":" + port;
  return out;
}

}  // namespace relay::net
