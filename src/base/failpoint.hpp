#pragma once

#include <cstdint>

namespace relay {

/// Moments on a message's way from the engine's frame to its ack, in their order. A broker that is
/// killed at any of them loses no message and tells the engine of none that its agent has not got.
enum class Failpoint : std::uint8_t {
  none,
  frame_decoded,
  /// Of the delivery book and what it has decided; the second time for a message's ack.
  before_save,
  saved,
  before_begin,
  begun,
  body_half_written,
  body_written,
  enter_written,
  before_end,
  ended,
  before_ack,
  ack_sent,
  count,
};

/// Says that the moment has come. From any thread; each place says it once.
///
/// In the product this does nothing: failpoint.cpp is a library of its own with an empty function.
/// `relay-broker-faults` links the same libraries and brings another function, which ends the
/// process where a test wants it (tests/fault/failpoint_kill.cpp). So there is no build with a flag
/// beside the one that is shipped, and what is killed is what is shipped. Places have numbers and
/// no names: nothing of this can be found or switched on in the product.
void failpoint(Failpoint here) noexcept;

}  // namespace relay
