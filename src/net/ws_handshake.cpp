#include "net/ws_handshake.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <websocketpp/base64/base64.hpp>
#include <websocketpp/sha1/sha1.hpp>

namespace relay::net {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

HttpResponse refusal(int status, std::string why) {
  why.push_back('\n');
  return {status, "text/plain; charset=utf-8", std::move(why)};
}

/// 24 characters of base64 that stand for 16 bytes.
bool is_key(std::string_view key) {
  const auto is_base64 = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
  };
  return key.size() == 24 && key.ends_with("==") &&
         std::all_of(key.begin(), key.end() - 2, is_base64);
}

}  // namespace

bool wants_websocket(const HttpRequest& request) {
  return request.headers.has_token("Connection", "upgrade") &&
         request.headers.has_token("Upgrade", "websocket");
}

HttpResponse answer_ws_handshake(const HttpRequest& request,
                                 std::span<const std::string> protocols) {
  if (request.method != "GET") {
    auto response = refusal(405, "a WebSocket handshake is a GET");
    response.headers.set("Allow", "GET");
    return response;
  }
  if (!wants_websocket(request)) {
    auto response = refusal(426, "this is a WebSocket: Connection: Upgrade, Upgrade: websocket");
    response.headers.set("Upgrade", "websocket");
    response.headers.set("Connection", "Upgrade");
    return response;
  }
  if (request.headers.get("Sec-WebSocket-Version") != "13") {
    auto response = refusal(426, "the WebSocket version must be 13");
    response.headers.set("Sec-WebSocket-Version", "13");
    response.headers.set("Upgrade", "websocket");
    response.headers.set("Connection", "Upgrade");
    return response;
  }
  const auto key = request.headers.get("Sec-WebSocket-Key");
  if (!key || request.headers.count("Sec-WebSocket-Key") != 1 || !is_key(*key)) {
    return refusal(400, "Sec-WebSocket-Key must be 16 bytes in base64");
  }
  if (!request.body.empty()) return refusal(400, "a WebSocket handshake has no body");

  HttpResponse response(101);
  response.headers.set("Upgrade", "websocket");
  response.headers.set("Connection", "Upgrade");
  response.headers.set("Sec-WebSocket-Accept", ws_accept_key(*key));
  const auto offered = [&](const std::string& protocol) {
    return request.headers.has_token("Sec-WebSocket-Protocol", protocol);
  };
  const auto chosen = std::find_if(protocols.begin(), protocols.end(), offered);
  if (chosen != protocols.end()) response.headers.set("Sec-WebSocket-Protocol", *chosen);
  return response;
}

std::string ws_accept_key(std::string_view key) {
  std::string salted(key);
  salted.append(kGuid);
  std::array<unsigned char, 20> digest{};
  websocketpp::sha1::calc(salted.data(), salted.size(), digest.data());
  return websocketpp::base64_encode(digest.data(), digest.size());
}

std::string ws_key_of(std::span<const std::byte, 16> random) {
  return websocketpp::base64_encode(reinterpret_cast<const unsigned char*>(random.data()),
                                    random.size());
}

std::string ws_request_head(std::string_view host, std::string_view target, std::string_view key,
                            const Headers& extra, std::span<const std::string> protocols) {
  std::string head = fmt::format(
      "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n",
      target, host, key);
  if (!protocols.empty()) {
    head += fmt::format("Sec-WebSocket-Protocol: {}\r\n", fmt::join(protocols, ", "));
  }
  for (const auto& [name, value] : extra.fields()) head += fmt::format("{}: {}\r\n", name, value);
  return head += "\r\n";
}

Result<std::string> check_ws_answer(const HttpResponse& response, std::string_view key,
                                    std::span<const std::string> protocols) {
  const auto& headers = response.headers;
  if (response.status != 101 || !headers.has_token("Upgrade", "websocket") ||
      !headers.has_token("Connection", "upgrade")) {
    return fail(Code::protocol_error, fmt::format("the answer is not a WebSocket: {} {}",
                                                  response.status, reason_phrase(response.status)));
  }
  if (headers.count("Sec-WebSocket-Accept") != 1 ||
      headers.get("Sec-WebSocket-Accept") != ws_accept_key(key)) {
    return fail(Code::protocol_error, "the Sec-WebSocket-Accept of the answer is wrong");
  }
  if (headers.count("Sec-WebSocket-Extensions") != 0) {
    return fail(Code::protocol_error, "the server chose an extension that was not offered");
  }
  const auto chosen = headers.get("Sec-WebSocket-Protocol");
  if (!chosen) return std::string();
  if (std::find(protocols.begin(), protocols.end(), *chosen) == protocols.end()) {
    return fail(Code::protocol_error, "the server chose a subprotocol that was not offered");
  }
  return std::string(*chosen);
}

}  // namespace relay::net
