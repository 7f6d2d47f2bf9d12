#include "net/http_guard.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdexcept>
#include <unistd.h>

namespace relay::net {
namespace {

using Digest = std::array<unsigned char, 32>;
using Key = std::array<unsigned char, 32>;

const Key& process_key() {
  static const Key key = [] {
    Key random{};
    if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) {
      throw std::runtime_error("no random numbers from OpenSSL");
    }
    return random;
  }();
  return key;
}

Digest digest_of(std::string_view text) {
  Digest digest{};
  unsigned int size = digest.size();
  const auto& key = process_key();
  if (!HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
            reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(),
            &size)) {
    throw std::runtime_error("no HMAC from OpenSSL");
  }
  return digest;
}

std::optional<std::uint16_t> port_number(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (text.front() == '0') return std::nullopt;
  return port;
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

}  // namespace

bool is_loopback_host(std::string_view host, std::uint16_t port) {
  std::string_view name = host;
  std::optional<std::uint16_t> said = std::uint16_t{80};
  const auto colon = host.rfind(':');
  if (colon != std::string_view::npos && !(host.back() == ']')) {
    name = host.substr(0, colon);
    said = port_number(host.substr(colon + 1));
  }
  if (said != port) return false;
  return same_field_name(name, "localhost") || name == "127.0.0.1" || name == "[::1]";
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  // Digests under a key of this process: what is compared has one length, and what its bytes are
  // cannot be steered from outside.
  const Digest left = digest_of(a);
  const Digest right = digest_of(b);
  return CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

std::optional<std::string_view> bearer_token(const Headers& headers) {
  constexpr std::string_view kScheme = "Bearer ";
  if (headers.count("Authorization") != 1) return std::nullopt;
  auto value = *headers.get("Authorization");
  if (value.size() <= kScheme.size() || !same_field_name(value.substr(0, kScheme.size()), kScheme))
    return std::nullopt;
  value.remove_prefix(kScheme.size());
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  if (value.empty()) return std::nullopt;
  return value;
}

bool is_trusted_peer(uid_t peer, uid_t own) {
  return peer == own || peer == 0;
}

LocalGuard::LocalGuard(std::uint16_t port, std::string token)
    : port_(port), token_(std::move(token)) {}

std::optional<HttpResponse> LocalGuard::check_origin(const HttpRequest& request) const {
  const auto& headers = request.headers;
  if (request.peer_uid) {
    if (!is_trusted_peer(*request.peer_uid, ::getuid())) {
      return error_response(403, "forbidden", "this socket belongs to another user");
    }
  } else if (headers.count("Host") != 1 || !is_loopback_host(*headers.get("Host"), port_)) {
    return error_response(403, "forbidden", "the Host field does not name this server");
  }
  for (const auto& [name, value] : headers.fields()) {
    if (!same_field_name(name, "Origin")) continue;
    if (std::find(allowed_origins.begin(), allowed_origins.end(), value) == allowed_origins.end()) {
      return error_response(403, "forbidden", "requests from this origin are not allowed");
    }
  }
  return std::nullopt;
}

std::optional<HttpResponse> LocalGuard::operator()(const HttpRequest& request) const {
  if (auto refused = check_origin(request)) return refused;
  if (request.peer_uid && !peer_needs_token) return std::nullopt;
  if (token_fits(request)) return std::nullopt;
  auto refused = error_response(401, "unauthorized", "the bearer token is missing or wrong");
  refused.headers.add("WWW-Authenticate", "Bearer");
  return refused;
}

bool LocalGuard::token_fits(const HttpRequest& request) const {
  const auto sent = bearer_token(request.headers);
  return sent && !token_.empty() && equal_in_constant_time(*sent, token_);
}

HttpResponse error_response(int status, std::string_view code, std::string_view message) {
  std::string body = "{\"ok\":false,\"error\":{\"code\":";
  append_quoted(body, code);
  body += ",\"message\":";
  append_quoted(body, message);
  body += "}}";
  return HttpResponse(status, "application/json", std::move(body));
}

}  // namespace relay::net
