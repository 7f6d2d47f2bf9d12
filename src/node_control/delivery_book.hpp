#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "node_control/delivery.hpp"
#include "node_control/mailbox.hpp"

namespace relay::node_control {

struct Decision {
  Verdict verdict = Verdict::stale;
  std::vector<DeliveryAction> actions;
};

/// What the journal keeps, so that a restarted broker neither repeats nor loses.
struct BookState {
  struct Agent {
    std::string agent_id;
    std::string agent_name;
    Shared<MailboxState> mailbox;
  };
  std::vector<Agent> live;
  std::vector<Agent> retired;
  std::vector<Agent> strangers;
};

/// Decides for every deliver frame of this node whether it is surfaced, and what is acknowledged.
/// An agent is its immutable id; its name is a binding that can move. Pure: one thread, no I/O, the
/// time is passed in (never back).
///
/// What the caller owes it:
/// - `state()` is durable before the actions of an event are done, and before an Ack leaves;
/// - each Surface ends in exactly one `done` or `failed`, also across a restart: the journal gives
///   what was open when the broker died to the injector again;
/// - what is in the inventory was told by `registered` (or is in the restored state) before the
///   first frame is read;
/// - on Verdict::identity_rejected and ::retired the engine's idea of who lives here is not ours:
///   register the agent again or deregister it.
class DeliveryBook {
 public:
  static constexpr std::size_t kMostRetired = 512;
  /// Unknown agents that are remembered, and what is held for each: their messages end as dead
  /// letters, in order and acknowledged like any other.
  static constexpr std::size_t kMostStrangers = 64;
  static constexpr std::size_t kMostStrangerFrames = 256;
  static constexpr std::size_t kMostStrangerBytes = std::size_t{1} << 20;
  /// Frames kept for one name whose registration is under way.
  static constexpr std::size_t kMostWaiting = 1000;
  /// No two resyncs of the node closer than this. Shorter than every wait for an answer.
  static constexpr Duration kResyncPause = std::chrono::milliseconds(500);

  explicit DeliveryBook(MailboxPolicy policy = {});
  DeliveryBook(const BookState& state, Monotonic now, MailboxPolicy policy = {});
  DeliveryBook(const DeliveryBook&) = delete;
  DeliveryBook& operator=(const DeliveryBook&) = delete;

  using Actions = std::vector<DeliveryAction>;

  /// A new connection stands and node.register was sent. The actions acknowledge each agent again.
  [[nodiscard]] Actions connected(Monotonic now);
  void disconnected();

  /// A spawn for this name has begun: frames for it wait until `registered` or `spawn_failed`.
  void spawn_started(const std::string& agent_name);
  /// What waited is forgotten without an ack: it is for the engine to keep.
  [[nodiscard]] Actions spawn_failed(Monotonic now, const std::string& agent_name);
  /// The engine answered agent.register, or confirmed a rename. `delivery_ack_seq` as it said.
  [[nodiscard]] Actions registered(Monotonic now, const std::string& agent_id,
                                   const std::string& agent_name,
                                   std::optional<std::uint64_t> delivery_ack_seq = std::nullopt);
  /// The ids of the inventory that is sent now.
  void listed(Monotonic now, const std::set<std::string>& agent_ids);
  /// The agent left this node. Its outcomes may still be reported until it is registered again.
  void released(const std::string& agent_id);

  [[nodiscard]] Decision deliver(Monotonic now, Delivery frame);
  /// The delivery reached a final outcome: typed, or dead by the injector's decision.
  [[nodiscard]] Actions done(Monotonic now, const std::string& agent_id, std::uint64_t seq,
                             std::string_view delivery_id);
  /// The delivery was given back untouched.
  [[nodiscard]] Actions failed(Monotonic now, const std::string& agent_id, std::uint64_t seq,
                               const std::string& delivery_id);

  [[nodiscard]] Actions on_time(Monotonic now);
  [[nodiscard]] std::optional<Monotonic> next_deadline() const;

  [[nodiscard]] BookState state() const;
  [[nodiscard]] const DeliveryCounters& counters() const { return counters_; }
  /// Nothing for an id that is not live.
  [[nodiscard]] std::optional<std::uint64_t> cursor_of(const std::string& agent_id) const;
  [[nodiscard]] std::size_t agents() const { return live_.size(); }

 private:
  struct Waiting {
    std::vector<Delivery> frames;
    std::size_t bytes = 0;
  };
  using Mailboxes = std::map<std::string, Mailbox>;

  Verdict decide(Monotonic now, Delivery frame, DeliveryEffects& out);
  Verdict wait_for_spawn(Waiting& waiting, Delivery frame);
  Verdict bury(Monotonic now, Delivery frame, DeliveryEffects& out);
  void bury_surfaced(Monotonic now, Mailbox& stranger, std::size_t from, DeliveryEffects& out);
  void count(Verdict verdict);
  Mailbox& open_mailbox(Monotonic now, const std::string& agent_id, const std::string& agent_name,
                        DeliveryEffects& out);
  void bind(Mailbox& mailbox, const std::string& agent_name);
  void retire(const std::string& agent_id);
  Actions settle(Monotonic now, DeliveryEffects effects);

  MailboxPolicy policy_;
  MailboxPolicy stranger_policy_;
  DeliveryCounters counters_;
  Link link_;
  Mailboxes live_;
  Mailboxes retired_;
  std::deque<std::string> retired_order_;
  std::map<std::string, std::string> id_of_name_;
  std::map<std::string, Waiting> spawning_;
  Mailboxes strangers_;
  std::deque<std::string> strangers_order_;
  std::uint64_t ephemeral_without_id_ = 0;
  std::optional<Monotonic> resync_at_;
  std::optional<Monotonic> last_resync_;
};

}  // namespace relay::node_control
