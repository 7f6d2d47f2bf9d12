// Internal to engine/hub/: how a request becomes a socket.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/http_exchange.hpp"

namespace relay::engine {

/// The token of a request for a socket: of its Authorization field, or `?token=`.
[[nodiscard]] std::optional<std::string> socket_token(const net::HttpRequest& request);

/// Answers with the refusal, in the words of the REST API.
void refuse_socket(net::Exchange* exchange, int status, const std::string& code,
                   const std::string& message);
/// As 401 when the store refused, as 503 when it could not say.
void refuse_socket(net::Exchange* exchange, const Error& error);

}  // namespace relay::engine
