#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "pty/injection/envelope.hpp"

namespace relay::broker {

/// The priority from which on a message goes before everything that waits.
inline constexpr int kUrgent = 4;

/// What is done with a delivery.
enum class InboundClass {
  inject,   // typed into its agent's terminal
  notice,   // a reaction or a read receipt: nothing to type
  unknown,  // an event that we do not know: nothing to type either
};

/// A delivery of the engine, as its agent reads it.
struct Inbound {
  InboundClass what = InboundClass::inject;
  /// "dm.received"; empty in frames of old engines.
  std::string type;
  /// Of the message, not of the delivery.
  std::string event_id;
  pty::Letter letter;
  /// 1 low, 2 normal, 3 high, 4 urgent, as far as somebody said so; 3 for a channel, else 2.
  int priority = 2;
  bool steer = false;
  /// Of a reaction that was added: to which message, and what. Its sender is who reacted.
  std::string reacted_to;
  std::string emoji;
};

/// Reads a deliver frame as the engine sent it. What is missing in it has a fallback, so only a
/// text that is no deliver frame is an error.
[[nodiscard]] Result<Inbound> read_inbound(std::string_view frame);

}  // namespace relay::broker
