#include "support/http_ask.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cctype>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/time.h>

#include "os/fd.hpp"
#include "wire/json.hpp"

namespace relay::test {
namespace {

/// No test waits longer for an answer.
constexpr timeval kAnswerTime{60, 0};

std::string lowered(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// All that comes for this text.
std::string answer_to(std::uint16_t port, const std::string& text) {
  const os::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kAnswerTime, sizeof kAnswerTime);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("nobody listens on port " + std::to_string(port));
  }
  std::size_t sent = 0;
  while (sent < text.size()) {
    const auto n = ::send(socket.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) throw std::runtime_error("the server has hung up");
    sent += static_cast<std::size_t>(n);
  }
  std::string all;
  std::string chunk(16384, '\0');
  for (auto n = ::recv(socket.get(), chunk.data(), chunk.size(), 0); n > 0;
       n = ::recv(socket.get(), chunk.data(), chunk.size(), 0)) {
    all.append(chunk, 0, static_cast<std::size_t>(n));
  }
  return all;
}

}  // namespace

std::string Reply::at(const std::string& pointer) const {
  auto document = wire::JsonDocument::parse(body, wire::kEngineLimits);
  if (!document) return {};
  const auto found = document->root().at(pointer);
  if (!found) return {};
  if (const auto text = found->string()) return std::string(*text);
  return found->json().text();
}

Reply http_ask(std::uint16_t port, const std::string& method, const std::string& target,
               const std::vector<std::string>& header_lines, const std::string& body) {
  std::string text = method + " " + target + " HTTP/1.1\r\nConnection: close\r\n";
  for (const auto& line : header_lines) text += line + "\r\n";
  text += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  const std::string all = answer_to(port, text);
  const auto head = all.find("\r\n\r\n");
  if (head == std::string::npos) throw std::runtime_error("no answer to " + method + " " + target);
  Reply reply;
  reply.status = std::stoi(all.substr(9, 3));
  reply.body = all.substr(head + 4);
  for (auto at = all.find("\r\n"); at < head; at = all.find("\r\n", at + 2)) {
    const auto line = all.substr(at + 2, all.find("\r\n", at + 2) - at - 2);
    const auto colon = line.find(": ");
    if (colon == std::string::npos) continue;
    reply.headers[lowered(line.substr(0, colon))] = line.substr(colon + 2);
  }
  const auto length = reply.headers.find("content-length");
  if (length != reply.headers.end() && reply.body.size() < std::stoul(length->second)) {
    throw std::runtime_error("half an answer to " + method + " " + target);
  }
  return reply;
}

}  // namespace relay::test
