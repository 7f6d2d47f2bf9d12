#pragma once

#include <system_error>

namespace relay::net {

/// Whether an error of a socket call is this errno. `error == std::errc::…` is false for most of
/// them, because Asio's own category does not map to the generic one.
[[nodiscard]] inline bool is_errno(const std::error_code& error, std::errc wanted) {
  return error && error.value() == static_cast<int>(wanted);
}

}  // namespace relay::net
