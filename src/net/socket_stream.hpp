#pragma once

#include <asio/generic/stream_protocol.hpp>

#include "net/stream.hpp"

// Internal to net/: the only header that shows an Asio socket.
namespace relay::net {

using Socket = asio::generic::stream_protocol::socket;

/// sockaddr_un.sun_path on Linux less its final zero.
inline constexpr std::size_t kUnixPathMost = 107;

/// A connected TCP or Unix socket as a Stream.
StreamPtr make_socket_stream(Socket socket, std::string peer_name);

}  // namespace relay::net
