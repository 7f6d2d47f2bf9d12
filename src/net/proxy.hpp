#pragma once

#include <optional>
#include <string_view>

#include "net/network_settings.hpp"
#include "net/url.hpp"

namespace relay::net {

/// The proxy for a connection to this URL, nothing for a direct one. wss counts as https, ws as
/// http, as in curl. `invalid_argument` when the setting is no http:// or https:// URL.
///
/// NO_PROXY is a list with commas: "*" is everything, "example.com" that host and all below it,
/// "10.0.0.0/8" every address in that network.
[[nodiscard]] Result<std::optional<Url>> proxy_for(const Url& url, const NetworkSettings& settings);

/// Whether a host of a URL is this machine: localhost and names below it, 127.0.0.0/8, ::1. It is
/// reached without a proxy unless somebody says otherwise.
[[nodiscard]] bool is_loopback_name(std::string_view host);

}  // namespace relay::net
