#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/random.hpp"

namespace relay::net {

/// The largest frame that is taken: what the engine's and the broker's biggest frames need, with
/// room. Larger messages are sent in several frames.
inline constexpr std::size_t kWsFrameMost = std::size_t{1} << 20U;
/// The largest message that is taken, all its frames together.
inline constexpr std::size_t kWsMessageMost = std::size_t{4} << 20U;

/// The close codes of RFC 6455 that we send or read.
namespace ws_close {
inline constexpr std::uint16_t kNormal = 1000;
inline constexpr std::uint16_t kGoingAway = 1001;
inline constexpr std::uint16_t kProtocolError = 1002;
/// Never on the wire: the peer's close frame had no code.
inline constexpr std::uint16_t kNoCode = 1005;
/// Never on the wire: the connection ended without a close frame.
inline constexpr std::uint16_t kLost = 1006;
inline constexpr std::uint16_t kBadText = 1007;
inline constexpr std::uint16_t kPolicy = 1008;
inline constexpr std::uint16_t kTooBig = 1009;
inline constexpr std::uint16_t kInternal = 1011;
inline constexpr std::uint16_t kTryAgainLater = 1013;

/// Whether a close frame may carry this code.
[[nodiscard]] bool on_wire(std::uint16_t code);
}  // namespace ws_close

class WsLimits {
 public:
  WsLimits() = default;
  WsLimits(std::size_t frame_most_in, std::size_t message_most_in)
      : frame_most(frame_most_in), message_most(message_most_in) {}

  /// Also the size at which outgoing messages are cut into frames.
  std::size_t frame_most = kWsFrameMost;
  std::size_t message_most = kWsMessageMost;
};

/// What the peer said, or did wrong.
class WsEvent {
 public:
  enum class Kind { text, binary, ping, pong, close, error };

  WsEvent(Kind kind_in, std::uint16_t code_in, std::string payload_in)
      : kind(kind_in), code(code_in), payload(std::move(payload_in)) {}

  Kind kind;
  /// `close`: the peer's code, `kNoCode` when it gave none. `error`: the code to close with.
  std::uint16_t code;
  /// The message, the data of a ping or pong, the reason of a close, or what was wrong.
  std::string payload;
};

/// RFC 6455 frames: bytes to events, messages to bytes. Pure: no socket, no clock. No extensions
/// are negotiated, so reserved bits are errors. Memory is bounded by `limits.message_most`, and a
/// frame over a limit is refused from its header.
///
/// UTF-8 is checked on whole text messages, so a bad fragment is reported with the last one.
class WsFrameCodec {
 public:
  [[nodiscard]] static WsFrameCodec server(WsLimits limits);
  /// `random` gives the masks; it must be a strong source and outlive the codec.
  [[nodiscard]] static WsFrameCodec client(WsLimits limits, Random& random);

  WsFrameCodec(WsFrameCodec&&) noexcept;
  WsFrameCodec& operator=(WsFrameCodec&&) noexcept;
  ~WsFrameCodec();

  /// The next event of the input, which is moved past what was used and is overwritten (unmasked)
  /// in place. Nothing when the input is used up. After a `close` or an `error` all further input
  /// is swallowed.
  [[nodiscard]] std::optional<WsEvent> next(std::span<char>& input);

  /// Append frames to `out`. A message longer than `frame_most` becomes several frames.
  void put_text(std::string_view text, std::string& out);
  void put_binary(std::string_view data, std::string& out);
  /// At most 125 bytes of data; more is cut.
  void put_ping(std::string_view data, std::string& out);
  void put_pong(std::string_view data, std::string& out);
  /// `kNoCode` makes a close frame without code. The reason is cut at 123 bytes, between
  /// characters.
  void put_close(std::uint16_t code, std::string_view reason, std::string& out);

 private:
  struct Impl;
  explicit WsFrameCodec(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay::net
