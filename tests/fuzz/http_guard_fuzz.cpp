// Input: a Host, a line end, an Origin, a line end, an Authorization. Only the names of loopback
// with our port pass, and only with the token.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "fuzz/targets.hpp"
#include "net/http_guard.hpp"

namespace relay::fuzz::http_guard {

using namespace relay::net;

int run(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto line = [&] {
    const auto end = std::min(rest.find('\n'), rest.size());
    const auto text = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return std::string(text);
  };
  const auto host = line();
  const auto origin = line();
  const auto authorization = line();
  if (is_loopback_host(host, 8080)) {
    std::string lower = host;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (lower != "localhost:8080" && lower != "127.0.0.1:8080" && lower != "[::1]:8080") {
      std::abort();
    }
  }
  HttpRequest request;
  request.headers.add("Host", host);
  if (!origin.empty()) request.headers.add("Origin", origin);
  request.headers.add("Authorization", authorization);
  static const LocalGuard guard(8080, "token");
  const bool passed = !guard(request).has_value();
  if (passed && (!origin.empty() || authorization.size() < 12 ||
                 authorization.substr(authorization.size() - 6) != " token")) {
    std::abort();
  }
  if (equal_in_constant_time(host, authorization) != (host == authorization)) std::abort();
  return 0;
}

}  // namespace relay::fuzz::http_guard
