#include "fault/output_reader.hpp"

#include <cstdint>
#include <stdexcept>
#include <unistd.h>

#include "fault/fault_world.hpp"

namespace relay::test {
namespace {

constexpr unsigned kBinary = 2;
/// In front of the output of a message.
constexpr std::size_t kPosition = 8;

}  // namespace

OutputReader::OutputReader(const std::string& socket, const std::string& name)
    : socket_(send_to_socket(socket,
                             "GET /api/output/" + name +
                                 "?cursor=0 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                                 "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")) {
  bool good = true;
  while (good && received_.find("\r\n\r\n") == std::string::npos) good = receive();
  if (!good || !received_.starts_with("HTTP/1.1 101 ")) {
    throw std::runtime_error("no output of " + name + ": " + received_);
  }
  received_.erase(0, received_.find("\r\n\r\n") + 4);
}

std::string OutputReader::read_to_end() {
  while (receive()) {
  }
  take_frames();
  return output_;
}

/// False at the end.
bool OutputReader::receive() {
  char piece[65536];
  const ssize_t got = ::read(socket_.get(), piece, sizeof piece);
  if (got > 0) received_.append(piece, static_cast<std::size_t>(got));
  return got > 0;
}

/// RFC 6455, 5.2, as a server sends them: without a mask.
void OutputReader::take_frames() {
  std::size_t at = 0;
  const auto number = [&](std::size_t from, std::size_t size) {
    std::uint64_t value = 0;
    for (std::size_t i = from; i < from + size; ++i) {
      value = value << 8U | static_cast<unsigned char>(received_[i]);
    }
    return value;
  };
  while (at + 2 <= received_.size()) {
    const std::uint64_t kind = number(at, 1) & 0x0fU;
    std::uint64_t size = number(at + 1, 1);
    const std::size_t more = size == 127 ? 8 : size == 126 ? 2 : 0;
    if (at + 2 + more > received_.size()) break;
    if (more > 0) size = number(at + 2, more);
    at += 2 + more;
    if (at + size > received_.size()) break;
    const std::string payload = received_.substr(at, size);
    at += size;
    if (kind == kBinary && payload.size() > kPosition) output_ += payload.substr(kPosition);
    if (payload.find("\"type\":\"output_screen\"") != std::string::npos) cut_ = true;
  }
  received_.erase(0, at);
}

}  // namespace relay::test
