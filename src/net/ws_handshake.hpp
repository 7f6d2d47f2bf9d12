#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "net/http_message.hpp"

namespace relay::net {

/// Whether a request asks to become a WebSocket; `answer_ws_handshake` says whether it may.
[[nodiscard]] bool wants_websocket(const HttpRequest& request);

/// The server's answer to a handshake: a 101 head, after which the connection is a WebSocket, or
/// the refusal (400, 405, 426) as an ordinary response. `protocols` are the subprotocols that the
/// server speaks, the best first; one that the client offers too is named in the 101. No extension
/// is accepted. Who may connect is the caller's question, to be asked before.
[[nodiscard]] HttpResponse answer_ws_handshake(const HttpRequest& request,
                                               std::span<const std::string> protocols);

/// The Sec-WebSocket-Accept that belongs to a Sec-WebSocket-Key.
[[nodiscard]] std::string ws_accept_key(std::string_view key);

/// A new Sec-WebSocket-Key from 16 random bytes.
[[nodiscard]] std::string ws_key_of(std::span<const std::byte, 16> random);

/// The client's request up to and including the empty line. `host` is the Host field.
[[nodiscard]] std::string ws_request_head(std::string_view host, std::string_view target,
                                          std::string_view key, const Headers& extra,
                                          std::span<const std::string> protocols);

/// The subprotocol that the server's 101 chose, empty when none. `protocol_error` when the answer
/// is not the 101 to this key: wrong accept key, an extension or a subprotocol nobody asked for.
[[nodiscard]] Result<std::string> check_ws_answer(const HttpResponse& response,
                                                  std::string_view key,
                                                  std::span<const std::string> protocols);

}  // namespace relay::net
