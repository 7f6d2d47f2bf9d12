#include "engine/hub/door.hpp"

#include "engine/refusal.hpp"
#include "net/http_guard.hpp"
#include "wire/envelope.hpp"

namespace relay::engine {

std::optional<std::string> socket_token(const net::HttpRequest& request) {
  const auto bearer = net::bearer_token(request.headers);
  if (bearer) return std::string(*bearer);
  return request.query_value("token");
}

void refuse_socket(net::Exchange* exchange, int status, const std::string& code,
                   const std::string& message) {
  wire::ApiError error;
  error.code = code;
  error.message = message;
  exchange->respond(net::HttpResponse(status, "application/json", wire::encode_refusal(error)));
}

void refuse_socket(net::Exchange* exchange, const Error& error) {
  const auto refusal = refusal_of(error);
  if (refusal == Refusal::internal_error) {
    return refuse_socket(exchange, 503, "unavailable", error.message);
  }
  refuse_socket(exchange, 401, std::string(name_of(refusal)), error.message);
}

}  // namespace relay::engine
