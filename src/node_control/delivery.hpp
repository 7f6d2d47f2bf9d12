#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.hpp"

namespace relay::node_control {

/// One message for one agent as the engine sent it. `seq` 0 means ephemeral: the engine neither
/// stores nor repeats it. `payload` is not looked at here.
struct Delivery {
  std::string agent_id;
  std::string agent_name;
  std::string delivery_id;
  std::uint64_t seq = 0;
  std::string payload;
};

/// What became of one deliver frame.
enum class Verdict {
  surfaced,           // it is among the actions as Surface
  held,               // waits for a lower sequence number
  held_for_spawn,     // waits for the registration of its agent
  duplicate,          // known and above the cursor, or a repeated ephemeral one
  stale,              // finished earlier; the cursor is acknowledged again
  queue_full,         // not taken and not acknowledged: the engine sends it again
  identity_rejected,  // its name belongs to another agent id here; not acknowledged
  retired,            // for an agent that was released; not acknowledged, so that it survives
  unknown_agent,      // dead letter, acknowledged
};

enum class DeadReason {
  unknown_agent,
  /// An injection failed and the engine will not send the delivery again. The payload is empty:
  /// whoever was given it (Surface) still has it.
  not_repeated,
};

/// Give it to the injector, once. `late`: messages with a higher number were surfaced before.
struct Surface {
  Delivery delivery;
  bool late = false;
};
/// Send delivery.ack: everything of this agent up to here is finished.
struct Ack {
  std::string agent_id;
  std::string agent_name;
  std::uint64_t up_to_seq = 0;
};
struct DeadLetter {
  Delivery delivery;
  DeadReason reason = DeadReason::unknown_agent;
};
/// The engine has not sent these within the wait; they are not waited for any longer.
struct Skipped {
  std::string agent_id;
  std::string agent_name;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};
/// Send inventory.sync now: the engine then repeats all that is not acknowledged.
struct Resync {};
/// The engine uses another name for this agent id; acks go by that name from now on.
struct Renamed {
  std::string agent_id;
  std::string from;
  std::string to;
};
/// The engine counts this agent's messages anew; so does the book. Acks that wait to be written are
/// for the old count: forget them.
struct Renumbered {
  std::string agent_id;
};
using DeliveryAction = std::variant<Surface, Ack, DeadLetter, Skipped, Resync, Renamed, Renumbered>;

/// Actions in the order in which they have to be done, and when a resync is wanted at the latest.
struct DeliveryEffects {
  std::vector<DeliveryAction> actions;
  std::optional<Monotonic> resync_at;

  void want_resync(Monotonic at) {
    if (!resync_at || at < *resync_at) resync_at = at;
  }
};

/// Whether the engine can be heard, and since when. No wait runs while it cannot.
struct Link {
  bool up = false;
  Monotonic since{};
};

/// Bounds and waits of one agent's mailbox.
struct MailboxPolicy {
  /// A missing number is waited for this long while connected. The engine answers a resync within
  /// milliseconds; a person waits for the messages behind the gap.
  Duration gap_wait = std::chrono::seconds(5);
  /// The first frame of an agent whose position nobody knows waits this long for lower ones.
  Duration adopt_wait = std::chrono::seconds(1);
  /// A skipped number is acknowledged only this much later: the engine repeats everything that is
  /// not acknowledged with each inventory (60 s), so by then it has had its chance.
  Duration hole_wait = std::chrono::seconds(90);
  /// The shortest pause between two resyncs because of failed injections, doubling to the longest.
  Duration first_retry = std::chrono::seconds(1);
  Duration last_retry = std::chrono::seconds(60);
  /// Frames and bytes that are not finished, and finished ones above the cursor. When full, the
  /// frame with the highest number is the one that is not taken.
  std::size_t most_frames = 10'000;
  std::size_t most_bytes = std::size_t{64} << 20;
};

struct DeliveryCounters {
  std::uint64_t surfaced = 0;
  std::uint64_t late = 0;
  std::uint64_t duplicate = 0;
  std::uint64_t stale = 0;
  std::uint64_t queue_full = 0;
  std::uint64_t skipped = 0;
  std::uint64_t renumbered = 0;
  std::uint64_t identity_rejected = 0;
  std::uint64_t retired = 0;
  std::uint64_t unknown_agent = 0;
  /// Outcomes of deliveries that were not open.
  std::uint64_t stray_outcomes = 0;
};

}  // namespace relay::node_control
