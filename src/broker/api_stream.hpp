// Internal to broker/: WebSockets of the local API.
#pragma once

#include <asio/awaitable.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "broker/api_context.hpp"
#include "net/websocket.hpp"

namespace relay::broker {

/// Shared by the two coroutines of a conversation: one sends, one listens.
using SocketPtr = std::shared_ptr<net::WebSocket>;

/// How long one message may wait for a client that reads slowly.
inline constexpr Duration kStreamSendTime = std::chrono::seconds(30);

/// Makes a conversation of a request. Null when it is answered instead: no WebSocket, or too many
/// of them.
[[nodiscard]] asio::awaitable<SocketPtr> open_stream(ApiContext* api, net::Exchange* exchange);

/// Runs `talk` as one of the API's conversations; when it returns the socket is closed.
void hold_stream(ApiContext* api, SocketPtr socket, asio::awaitable<void> talk);

/// For clients that only listen: runs `talk` and meanwhile answers pings and sees the client go,
/// which ends `talk`. Closes the socket when `talk` returns.
[[nodiscard]] asio::awaitable<void> talk_to_listener(SocketPtr socket, asio::awaitable<void> talk);

/// `{"type":"<kind>_error","code","message","retryable","statusCode"}`
[[nodiscard]] std::string stream_error(std::string_view kind, std::string_view code,
                                       std::string_view message, int status, bool retryable);

}  // namespace relay::broker
