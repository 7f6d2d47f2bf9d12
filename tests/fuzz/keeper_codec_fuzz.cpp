// Bytes of a broker to the keeper and of a keeper to the broker: however they are cut the messages
// are the same, and what was understood is said again byte for byte.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "fuzz/targets.hpp"
#include "pty/keeper/codec.hpp"

namespace relay::fuzz::keeper_codec {

namespace {

using namespace relay;
using pty::keeper::FrameBuffer;

std::vector<std::string> frames_of(std::string_view bytes, std::size_t piece, bool& broken) {
  FrameBuffer buffer;
  std::vector<std::string> frames;
  for (std::size_t at = 0; at < bytes.size() && !broken; at += piece) {
    buffer.append(bytes.substr(at, piece));
    for (;;) {
      const auto frame = buffer.next();
      broken = !frame;
      if (!frame || !*frame) break;
      frames.emplace_back(**frame);
    }
  }
  return frames;
}

template <class Message>
void same_again(const Result<Message>& message, const std::string& frame) {
  if (!message) return;
  std::string wire;
  if (!pty::keeper::encode(*message, wire) || wire.substr(4) != frame) std::abort();
}

}  // namespace

int run(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  bool broken = false;
  bool cut_broken = false;
  const auto frames = frames_of(bytes, bytes.size() + 1, broken);
  const auto cut = frames_of(bytes, 1U + (data[0] % 32U), cut_broken);
  if (frames != cut || broken != cut_broken) std::abort();
  for (const auto& frame : frames) {
    same_again(pty::keeper::decode_request(frame), frame);
    same_again(pty::keeper::decode_report(frame), frame);
  }
  return 0;
}

}  // namespace relay::fuzz::keeper_codec
