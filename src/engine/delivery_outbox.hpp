#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/clock.hpp"

namespace relay::engine {

/// How a node counts the deliveries of an agent.
enum class Numbering {
  /// By the sequence of the mailbox: clients of the SDK, and brokers that are told their cursor.
  durable,
  /// By a cursor of its own, in memory only, as the published broker does: it takes the number
  /// behind its cursor and nothing else, and answers every frame with its cursor. The sequence of
  /// the mailbox would leave it deaf after a restart, or after a message that was read elsewhere.
  own,
};

/// What one agent is sent, and when again. Rows of the mailbox go in, frames come out; the sequence
/// of the mailbox goes on over what the node has acknowledged. One for each agent and node, over
/// all its connections.
///
/// With numbering `own` the node is first asked for its cursor: by the first row under a number
/// that it never expects, which it answers with its cursor and drops. After anything that leaves a
/// doubt (a refused frame, silence, another connection or process) it is asked again. A number
/// under which two rows were sent proves neither of them: the second goes out once more, and the
/// node knows what it has shown. That holds as long as answers come in the order of their frames,
/// each within `kQuiet` but for a row that is being typed, whose answer may take until
/// `kFirstSilence`.
///
/// Pure: no store, no socket, no clock.
class DeliveryOutbox {
 public:
  /// Rows in flight: a mailbox may hold thousands, a slow agent need not have them all at once.
  static constexpr std::size_t kWindow = 64;
  /// A node that is silent has lost the frame, or could not type it. Long, because a frame that it
  /// is still typing may be typed twice when it comes again; doubled each time, up to the last.
  static constexpr Duration kFirstSilence = std::chrono::seconds(90);
  static constexpr Duration kLastSilence = std::chrono::minutes(15);
  /// A node that asks for all that it has not acknowledged gets a row again that was sent this long
  /// ago; doubled with each time until something is acknowledged. Nodes ask often, and their agents
  /// take their time; but a node gives up a row that it was not sent again within 90 s.
  static constexpr Duration kFirstRepeat = std::chrono::seconds(1);
  static constexpr Duration kLastRepeat = std::chrono::seconds(16);
  /// After a frame was refused.
  static constexpr Duration kRefusalPause = std::chrono::seconds(1);
  static constexpr Duration kLastPause = std::chrono::seconds(30);
  /// A question for the cursor that was not answered.
  static constexpr Duration kAskAgain = std::chrono::seconds(15);
  /// Answers to earlier frames that never came: what was said last counts then.
  static constexpr Duration kQuiet = std::chrono::seconds(2);
  /// Numbers of frames that may still be taken: of those beyond it the oldest are forgotten.
  static constexpr std::size_t kMostAbandoned = 1024;
  /// The number of the question: above every sequence, and exact in JavaScript.
  static constexpr std::uint64_t kQuestion = std::uint64_t{1} << 40U;

  struct Frame {
    /// The row of the mailbox.
    std::uint64_t seq = 0;
    /// What stands in the frame.
    std::uint64_t number = 0;
    /// Only asks: not an attempt.
    bool question = false;
  };

  explicit DeliveryOutbox(Numbering numbering) : numbering_(numbering) {}

  /// Whether there is room for rows behind `last`.
  [[nodiscard]] bool wants_more() const { return slots_.size() < kWindow; }
  /// Rows that there is room for.
  [[nodiscard]] std::size_t room() const { return kWindow - std::min(kWindow, slots_.size()); }
  /// The last row that was added; 0 at the beginning.
  [[nodiscard]] std::uint64_t last() const { return last_; }
  /// The next row of the mailbox; sequences rise.
  void add(std::uint64_t seq);
  /// It was acknowledged over REST, has failed or was over.
  void settled(std::uint64_t seq);

  /// Behind which row of the mailbox is what `take` would send now, or what there is room for;
  /// nothing when neither is wanted.
  [[nodiscard]] std::optional<std::uint64_t> wants(Monotonic now) const;
  /// What the mailbox has there: its first open rows behind `after`, `whole` when those are all.
  /// Rows that it does not have any more are settled, new ones are added.
  void read(std::uint64_t after, const std::vector<std::uint64_t>& seqs, bool whole);
  /// A frame outside of the sequence (number 0) was sent: it is answered too.
  void event_sent();
  /// Another connection, or another process of the agent (agent.register): what it was sent may be
  /// forgotten there.
  void restarted();

  /// The node asks for all that it has not acknowledged (inventory.sync), knowing what it has. With
  /// numbering `durable`; a node that counts by itself says more with its answers.
  void asked_again(Monotonic now);

  /// What is to be sent now. Called after everything that happens, and at `next`.
  [[nodiscard]] std::vector<Frame> take(Monotonic now);
  /// A frame that was just taken did not go out, and none behind it: it comes at the next `take`.
  void not_sent(const Frame& frame);
  [[nodiscard]] bool has_unsent() const;
  [[nodiscard]] std::optional<Monotonic> next() const;

  /// The node has acknowledged `up_to`. What the mailbox is acknowledged up to by that, if
  /// anything.
  [[nodiscard]] std::optional<std::uint64_t> acked(std::uint64_t up_to, Monotonic now);

  /// What the node counts from, once it has said so; with numbering `own`.
  [[nodiscard]] std::optional<std::uint64_t> cursor() const { return cursor_; }

  [[nodiscard]] bool idle() const { return slots_.empty(); }

 private:
  struct Slot {
    std::uint64_t seq = 0;
    bool sent = false;
    /// Settled elsewhere after it was sent: it keeps its number until the node has answered.
    bool gone = false;
    Monotonic sent_at{};
    Duration repeat_after = kFirstRepeat;
    /// Since it was sent.
    bool asked_for = false;
  };

  /// A number that was used for a row and may still be taken for it.
  struct Abandoned {
    std::uint64_t number = 0;
    std::uint64_t seq = 0;
  };

  [[nodiscard]] std::optional<std::uint64_t> answered_own(std::uint64_t up_to, Monotonic now);
  [[nodiscard]] std::optional<std::uint64_t> advance(std::uint64_t up_to, Monotonic now);
  [[nodiscard]] std::optional<std::uint64_t> refused(Monotonic now);
  [[nodiscard]] bool is_proof(std::uint64_t number, std::uint64_t seq) const;
  void shown(std::uint64_t seq);
  void abandon_sent();
  void cursor_learned(std::uint64_t cursor);
  void forget_sent();
  void repeat_due(Monotonic now);
  void progressed(Monotonic now);
  [[nodiscard]] std::size_t sent_count() const;

  Numbering numbering_;
  std::deque<Slot> slots_;
  std::uint64_t last_ = 0;

  // Silence, questions and refusals.
  std::optional<Monotonic> resend_at_;
  Duration silence_ = kFirstSilence;
  Duration pause_ = kRefusalPause;
  /// It has asked for rows that were sent just before.
  std::optional<Monotonic> repeat_at_;

  // Of numbering `own`.
  std::optional<std::uint64_t> cursor_;
  std::optional<Monotonic> asked_until_;
  std::optional<Monotonic> quiet_at_;
  std::uint64_t heard_ = 0;
  std::vector<Abandoned> abandoned_;
  std::size_t unanswered_ = 0;
  std::size_t events_ = 0;
  /// One row at a time: its answer can be of nothing else.
  bool alone_ = false;
  int refused_alone_ = 0;
  /// An answer to the frames that are out says that they are to come again.
  bool was_refused_ = false;
};

}  // namespace relay::engine
