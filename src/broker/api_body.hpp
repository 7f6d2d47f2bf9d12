// Internal to broker/: bodies of requests to the local API.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_exchange.hpp"
#include "wire/json.hpp"

namespace relay::broker {

inline constexpr wire::JsonLimits kApiLimits{std::size_t{2} << 20U, 64};

/// The body as JSON. Nothing when it is not; then the request is answered: 415 for another content
/// type, 400 for what is no JSON.
[[nodiscard]] std::optional<wire::JsonDocument> json_body(net::Exchange* exchange);

/// The same for routes that take an object and nothing else: 422.
[[nodiscard]] std::optional<wire::JsonDocument> object_body(net::Exchange* exchange);

// Fields of such an object. Nothing when there is no value of that kind; then the request is
// answered with 422.
[[nodiscard]] std::optional<std::string> needed_text(net::Exchange* exchange, wire::JsonView object,
                                                     std::string_view key);
[[nodiscard]] std::optional<std::vector<std::string>> needed_texts(net::Exchange* exchange,
                                                                   wire::JsonView object,
                                                                   std::string_view key);
[[nodiscard]] std::optional<std::uint16_t> needed_u16(net::Exchange* exchange,
                                                      wire::JsonView object, std::string_view key);

}  // namespace relay::broker
