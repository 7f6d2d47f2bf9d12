#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "pty/keeper/messages.hpp"

namespace relay::pty::keeper {

/// The wire of the keeper's socket: frames of a 32-bit length (of what follows), one byte of type
/// and the fields in order. Numbers are little-endian; texts and lists have a 32-bit count in
/// front. No field is optional, and a byte too few or too many is an error.

/// The longest frame: room for the arguments and the environment of any program that Linux starts
/// with its usual stack (2 MiB).
inline constexpr std::size_t kLongestFrame = std::size_t{4} << 20U;
/// Most items of a list: sessions of a keeper, arguments, variables.
inline constexpr std::size_t kMostItems = 65536;

/// Appends one frame. A message that is too long for a frame is `too_large`, and nothing is
/// appended.
[[nodiscard]] Result<void> encode(const Request& message, std::string& wire);
[[nodiscard]] Result<void> encode(const Report& message, std::string& wire);

/// One message of a frame's type and body. `protocol_error` for anything else.
[[nodiscard]] Result<Request> decode_request(std::string_view frame);
[[nodiscard]] Result<Report> decode_report(std::string_view frame);

/// Cuts a stream of bytes into frames.
class FrameBuffer {
 public:
  void append(std::string_view bytes);
  /// The next whole frame (type and body), valid until the next call of anything; nothing when it
  /// has not all come. `protocol_error` when a length is impossible: the stream is lost then.
  [[nodiscard]] Result<std::optional<std::string_view>> next();
  [[nodiscard]] bool empty() const { return bytes_.size() == taken_; }

 private:
  std::string bytes_;
  std::size_t taken_ = 0;
};

}  // namespace relay::pty::keeper
