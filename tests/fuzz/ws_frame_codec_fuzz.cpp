// Bytes of a peer to the frame codec, as server and as client, in pieces of sizes that the input
// chooses. However it is cut, the events must be the same, and memory must stay in the limits.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "fuzz/targets.hpp"
#include "net/ws_frame_codec.hpp"

namespace relay::fuzz::ws_frame_codec {

namespace {

using namespace relay;

constexpr std::size_t kFrameMost = 300;
constexpr std::size_t kMessageMost = 1000;

net::WsFrameCodec make(bool server, Random& random) {
  const net::WsLimits limits(kFrameMost, kMessageMost);
  return server ? net::WsFrameCodec::server(limits) : net::WsFrameCodec::client(limits, random);
}

std::vector<net::WsEvent> feed(net::WsFrameCodec& codec, std::string bytes, std::size_t chop) {
  std::vector<net::WsEvent> events;
  for (std::size_t at = 0; at < bytes.size(); at += chop) {
    std::span<char> input(bytes.data() + at, std::min(chop, bytes.size() - at));
    while (auto event = codec.next(input)) events.push_back(std::move(*event));
    if (!input.empty()) std::abort();
  }
  return events;
}

}  // namespace

int run(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const bool server = (data[0] & 1U) != 0;
  const std::size_t chop = 1 + (data[1] % 64U);
  const std::string bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  SeededRandom random(1);
  auto whole_codec = make(server, random);
  auto cut_codec = make(server, random);
  const auto whole = feed(whole_codec, bytes, bytes.size() + 1);
  const auto cut = feed(cut_codec, bytes, chop);
  if (whole.size() != cut.size()) std::abort();
  auto peer = make(!server, random);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    const auto& event = whole[i];
    if (event.kind != cut[i].kind || event.payload != cut[i].payload || event.code != cut[i].code) {
      std::abort();
    }
    if (event.payload.size() > kMessageMost) std::abort();
    // What was understood can be said again, and the other side understands the same.
    std::string wire;
    switch (event.kind) {
      case net::WsEvent::Kind::text: cut_codec.put_text(event.payload, wire); break;
      case net::WsEvent::Kind::binary: cut_codec.put_binary(event.payload, wire); break;
      case net::WsEvent::Kind::ping: cut_codec.put_ping(event.payload, wire); break;
      case net::WsEvent::Kind::pong: cut_codec.put_pong(event.payload, wire); break;
      case net::WsEvent::Kind::close: cut_codec.put_close(event.code, event.payload, wire); break;
      case net::WsEvent::Kind::error: return 0;
    }
    const auto again = feed(peer, wire, chop);
    if (again.size() != 1 || again[0].kind != event.kind || again[0].payload != event.payload) {
      std::abort();
    }
  }
  return 0;
}

}  // namespace relay::fuzz::ws_frame_codec
