#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace relay::test {

/// A frame as the tester sends it: masked towards a server, plain towards a client.
struct WsFrame {
  WsFrame(unsigned first_in, std::string payload_in, bool wrong_mask_in = false)
      : first(first_in), payload(std::move(payload_in)), wrong_mask(wrong_mask_in) {}

  /// FIN 0x80, RSV 0x70, opcode 0x0f.
  unsigned first;
  std::string payload;
  /// The other way round.
  bool wrong_mask;
};

/// What an endpoint that echoes messages has to do with some frames, in the order of its answers:
/// "text:…", "binary:…", "pong:…", "close:1002", "close:" for one without a code. When no close is
/// expected, the tester closes with 1000 and expects that back.
struct WsCase {
  WsCase(std::string id_in, std::vector<WsFrame> frames_in, std::vector<std::string> reaction_in)
      : id(std::move(id_in)), frames(std::move(frames_in)), reaction(std::move(reaction_in)) {}

  std::string id;
  std::vector<WsFrame> frames;
  std::vector<std::string> reaction;
};

inline constexpr unsigned kText = 0x81, kBinary = 0x82, kMore = 0x00, kLast = 0x80;
inline constexpr unsigned kFirstText = 0x01, kFirstBinary = 0x02;
inline constexpr unsigned kClose = 0x88, kPing = 0x89, kPong = 0x8A;

/// 1 framing, 2 pings and pongs, 3 reserved bits, 4 reserved opcodes, 5 fragmentation.
std::vector<WsCase> ws_frame_cases();
/// 6 UTF-8.
std::vector<WsCase> ws_utf8_cases();
/// 7 close, 9 sizes; and masks and limits.
std::vector<WsCase> ws_close_cases();

}  // namespace relay::test
