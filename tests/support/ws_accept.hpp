#pragma once

#include <array>
#include <asio/awaitable.hpp>
#include <optional>
#include <string>
#include <utility>

#include "net/websocket.hpp"
#include "net/ws_handshake.hpp"

namespace relay::test {

/// Reads one request without a body, as far as a test needs it: request line and fields.
inline asio::awaitable<std::optional<net::HttpRequest>> read_request(net::Stream* stream,
                                                                     std::string* rest) {
  std::array<char, 4096> buffer;
  std::size_t end = std::string::npos;
  while ((end = rest->find("\r\n\r\n")) == std::string::npos) {
    const auto got = co_await stream->read_some(buffer);
    if (!got.ok()) co_return std::nullopt;
    rest->append(buffer.data(), got.bytes);
  }
  net::HttpRequest request;
  const std::string head = rest->substr(0, end + 2);
  rest->erase(0, end + 4);
  const auto line = head.find("\r\n");
  const auto space = head.find(' ');
  request.method = head.substr(0, space);
  request.target = head.substr(space + 1, head.find(' ', space + 1) - space - 1);
  for (std::size_t at = line + 2; at < head.size();) {
    const auto stop = head.find("\r\n", at);
    const auto colon = head.find(": ", at);
    request.headers.add(head.substr(at, colon - at), head.substr(colon + 2, stop - colon - 2));
    at = stop + 2;
  }
  co_return request;
}

inline std::string spell(const net::HttpResponse& response) {
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + " " +
                    std::string(net::reason_phrase(response.status)) + "\r\n";
  for (const auto& [name, value] : response.headers.fields()) out += name + ": " + value + "\r\n";
  if (response.status != 101) {
    out += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
  }
  return out + "\r\n" + response.body;
}

/// The server's side of a handshake over an accepted stream.
inline asio::awaitable<Result<net::WebSocket>> accept_ws(net::StreamPtr stream,
                                                         net::WsOptions options,
                                                         std::vector<std::string> protocols = {}) {
  std::string rest;
  const auto request = co_await read_request(stream.get(), &rest);
  if (!request) co_return fail(Code::connection_closed, "no request");
  const auto response = net::answer_ws_handshake(*request, protocols);
  const std::string head = spell(response);
  const auto sent = co_await stream->write(head);
  if (!sent.ok() || response.status != 101) co_return fail(Code::protocol_error, "refused");
  co_return net::WebSocket::server(std::move(stream), std::move(rest), options);
}

}  // namespace relay::test
