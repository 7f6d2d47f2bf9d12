#include "broker/api_guard.hpp"

#include "base/text.hpp"
#include "broker/api_context.hpp"

namespace relay::broker {
namespace {

bool is_health_check(const net::HttpRequest& request) {
  const auto path = request.path();
  return (request.method == "GET" || request.method == "HEAD") &&
         (path == "/health" || path == "/healthz" || path == "/readyz");
}

bool has_own_token(const net::HttpRequest& request) {
  return request.method == "POST" && request.path() == "/api/agent-result";
}

/// What its own user may ask of a broker that is starting: how it is, and to end.
bool is_for_its_user(const net::HttpRequest& request) {
  const auto path = request.path();
  return request.peer_uid && ((request.method == "GET" && path == "/api/broker") ||
                              (request.method == "POST" && path == "/api/shutdown"));
}

net::HttpResponse starting() {
  net::HttpResponse response(503, "text/plain; charset=utf-8", "Broker is starting, please retry");
  response.headers.add("Retry-After", "1");
  return response;
}

net::HttpResponse without_key() {
  net::HttpResponse response(401, "application/json",
                             R"({"error":{"code":"unauthorized","message":"Missing or invalid API )"
                             R"(key","retryable":false,"statusCode":401}})");
  response.headers.add("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace

ApiGuard::ApiGuard(const ApiContext* context)
    : context_(context), place_(context->settings.port, std::string()) {}

std::optional<net::HttpResponse> ApiGuard::operator()(const net::HttpRequest& request) const {
  if (auto refused = place_.check_origin(request)) return refused;
  if (is_health_check(request)) return std::nullopt;
  if (!context_->workspace && !is_for_its_user(request)) return starting();
  if (request.peer_uid || has_own_token(request) || key_fits(request)) return std::nullopt;
  return without_key();
}

bool ApiGuard::key_fits(const net::HttpRequest& request) const {
  const std::string& key = context_->settings.key.reveal();
  const auto& headers = request.headers;
  std::optional<std::string_view> sent;
  if (headers.count("X-API-Key") == 1) {
    sent = trim(*headers.get("X-API-Key"));
  } else if (headers.count("X-API-Key") == 0) {
    sent = net::bearer_token(headers);
  }
  return sent && !key.empty() && net::equal_in_constant_time(*sent, key);
}

}  // namespace relay::broker
