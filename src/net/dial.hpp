#pragma once

#include <asio/awaitable.hpp>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "net/stream.hpp"

namespace relay::net {

/// Connects to host:port, trying every address of the name, with TCP_NODELAY. Names are resolved
/// off the loop thread. Errors: `engine_unreachable` with the cause, `timeout`.
asio::awaitable<Result<StreamPtr>> dial_tcp(std::string host, std::string port, Duration at_most);

/// Connects to a Unix socket. Errors: `broker_not_running` when nobody listens, `forbidden`,
/// `io_error`.
asio::awaitable<Result<StreamPtr>> dial_unix(std::string path, Duration at_most);

}  // namespace relay::net
