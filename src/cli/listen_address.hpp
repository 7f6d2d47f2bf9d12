#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace relay::cli {

struct ListenAddress {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
};

/// "127.0.0.1:8080", "[::1]:0", "localhost:80", or a port alone. `invalid_argument` names `option`.
[[nodiscard]] Result<ListenAddress> parse_listen_address(const std::string& text,
                                                         std::string_view option);

}  // namespace relay::cli
