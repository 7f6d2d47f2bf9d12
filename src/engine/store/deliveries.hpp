#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "engine/ids.hpp"

namespace relay::engine {

/// Open is what can still be sent: queued and delivered.
enum class DeliveryStatus { queued, delivered, acked, failed, dead };

enum class DeliveryReason { message, mention, thread_reply, direct };

/// One message on its way to one agent.
struct Delivery {
  Id agent = 0;
  /// From 1, without holes, in the order of the messages.
  std::uint64_t seq = 0;
  Id message = 0;
  DeliveryStatus status = DeliveryStatus::queued;
  DeliveryReason reason = DeliveryReason::message;
  bool steer = false;
  /// The node it goes to, as it was when the message was written.
  Id node = 0;
  std::uint32_t attempts = 0;
  Wall expires;
  std::optional<Wall> delivered;
  std::optional<Wall> settled;
  std::optional<Wall> available;
  std::optional<std::string> note;  // the error, or why it was deferred
  std::optional<bool> retryable;
};

struct Mailbox {
  Id agent = 0;
  /// The highest sequence that was given out.
  std::uint64_t last_seq = 0;
  /// All up to here was acknowledged at once.
  std::uint64_t acked_seq = 0;
  std::uint64_t open = 0;
};

/// What an acknowledgement has done.
struct Acked {
  std::uint64_t cursor = 0;
  /// Deliveries that it has settled, in their order.
  std::vector<Delivery> settled;
};

struct Deferral {
  Wall available;
  std::optional<std::string> reason;
};
struct Failure {
  std::string error;
  bool retryable = false;
};

/// A delivery whose time was over; its author has to be told.
struct Expired {
  Delivery delivery;
  Id author = 0;
};

/// Each agent's mailbox: what was sent to it and what became of that.
class DeliveryStore {
 public:
  /// How long a delivery waits, how many may wait for one agent, and how long messages are kept:
  /// for ever unless something is said.
  struct Limits {
    Duration ttl = std::chrono::hours(1);
    std::uint64_t depth = 1000;
    std::optional<Duration> messages_kept = std::nullopt;
  };

  virtual ~DeliveryStore() = default;

  /// These are on the wire: delivered, one attempt more.
  virtual Result<void> mark_sent(Id agent, const std::vector<std::uint64_t>& seqs) = 0;
  /// All up to `seq` has arrived. Nothing happens when the agent is not on that node or when the
  /// cursor is there already; beyond the last sequence means up to it.
  virtual Result<Acked> ack_up_to(Id agent, Id node, std::uint64_t seq) = 0;

  /// Of one, over REST; the cursor stays. Whether this call did it: not when it was settled before.
  /// delivery_not_found.
  virtual Result<bool> ack_delivery(Id agent, Id message) = 0;
  virtual Result<bool> fail_delivery(Id agent, Id message, const Failure& failure) = 0;
  virtual Result<bool> defer_delivery(Id agent, Id message, const Deferral& deferral) = 0;

  /// Open deliveries of it that are over become dead.
  virtual Result<std::vector<Expired>> expire_mailbox(Id agent) = 0;
  /// Removes what was settled before then; how many rows, at most `most`.
  virtual Result<std::uint32_t> prune_deliveries(Wall before, std::uint32_t most) = 0;

  [[nodiscard]] virtual Result<Mailbox> mailbox(Id agent) const = 0;
  /// Those whose first open delivery is over.
  [[nodiscard]] virtual Result<std::vector<Id>> overdue_mailboxes(std::uint32_t most) const = 0;
  /// What can be sent: open, not over, with a sequence above `after`, in its order.
  [[nodiscard]] virtual Result<std::vector<Delivery>> backlog(Id agent, std::uint64_t after,
                                                              std::uint32_t most) const = 0;
  [[nodiscard]] virtual Result<Delivery> delivery(Id agent, Id message) const = 0;
  /// Of that status, or open ones; oldest first.
  [[nodiscard]] virtual Result<std::vector<Delivery>> deliveries_of(
      Id agent, std::optional<DeliveryStatus> status, std::uint32_t most) const = 0;
};

}  // namespace relay::engine
