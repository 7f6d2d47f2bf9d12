#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/shared.hpp"
#include "node_control/delivery.hpp"
#include "node_control/recent_marks.hpp"

namespace relay::node_control {

struct SeqRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  bool operator==(const SeqRange&) const = default;
};

/// What a restarted broker needs of a mailbox. Held frames are left out: they are not acknowledged,
/// so the engine sends them again.
struct MailboxState {
  struct Row {
    std::uint64_t seq = 0;
    std::uint64_t mark = 0;
    std::size_t bytes = 0;
    bool finished = false;
  };
  bool placed = false;
  std::uint64_t cursor = 0;
  std::uint64_t adopted = 0;
  std::uint64_t forgotten_up_to = 0;
  std::vector<Row> rows;
  std::vector<Row> open_ephemeral;
  std::vector<SeqRange> holes;
  std::vector<RecentMarks::Entry> recent;
  std::vector<RecentMarks::Entry> recent_ephemeral;
};

/// The messages of one agent id: which to surface, in which order, and how far they are finished.
/// Pure; used by DeliveryBook only.
///
///   1 … cursor     finished or given up; this is what is acknowledged
///   … shown        surfaced: open (with the injector) or finished; what is missing was skipped
///   above shown    held because a lower number is missing
class Mailbox {
 public:
  /// Ids remembered per agent to tell a repeat, sequenced and ephemeral ones apart from each other.
  static constexpr std::size_t kMostRecent = 1024;
  static constexpr std::size_t kMostRecentEphemeral = 512;
  /// Skipped ranges remembered, so that one of them that comes after all is surfaced.
  static constexpr std::size_t kMostHoles = 64;
  /// With `most_frames` again, what a full mailbox still takes below everything it has.
  static constexpr std::size_t kMostExempt = 64;

  Mailbox(std::string agent_id, std::string agent_name, const MailboxPolicy& policy,
          DeliveryCounters& counters);
  Mailbox(std::string agent_id, std::string agent_name, const MailboxPolicy& policy,
          DeliveryCounters& counters, const MailboxState& state, Monotonic now);

  [[nodiscard]] const std::string& agent_id() const { return agent_id_; }
  [[nodiscard]] const std::string& agent_name() const { return agent_name_; }
  /// An agent without a name (another one took it) is not acknowledged until it has one again.
  void rename(std::string agent_name) { agent_name_ = std::move(agent_name); }
  [[nodiscard]] std::uint64_t cursor() const { return cursor_; }
  [[nodiscard]] std::size_t frames() const { return frames_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  Verdict receive(Monotonic now, const Link& link, Delivery frame, DeliveryEffects& out);
  /// The injector has settled an open delivery for good: typed, or dead.
  void finish(Monotonic now, const Link& link, std::uint64_t seq, std::uint64_t mark,
              DeliveryEffects& out);
  /// The injector gives an open delivery back untouched; the engine will send it again.
  void fail(Monotonic now, const Link& link, std::uint64_t seq, const std::string& delivery_id,
            DeliveryEffects& out);
  /// The engine says how far it has this agent acknowledged. Never moves the cursor back.
  void seed(Monotonic now, const Link& link, std::uint64_t engine_cursor, DeliveryEffects& out);
  /// Whether the inventory that is sent now has this agent. While none does, the engine repeats
  /// nothing for it, and no missing number is given up.
  void listed(Monotonic now, bool is_in);
  void on_time(Monotonic now, const Link& link, DeliveryEffects& out);
  [[nodiscard]] std::optional<Monotonic> next_deadline(const Link& link) const;

  /// Says the cursor again, for an engine that may not have heard it.
  void acknowledge(DeliveryEffects& out) const;
  /// Forgets all that is not finished; the engine sends it again.
  void forget_unfinished(Monotonic now);
  /// The same one as long as nothing has changed: a book of many agents is not copied for one.
  [[nodiscard]] const Shared<MailboxState>& state() const;

 private:
  enum class Phase { held, open, finished };
  struct Row {
    Phase phase = Phase::held;
    std::uint64_t mark = 0;
    std::size_t bytes = 0;
    /// Since when what is missing below this row is missing.
    Monotonic since{};
    std::string delivery_id;
    std::string payload;
  };
  using Rows = std::map<std::uint64_t, Row>;

  Verdict receive_ephemeral(Delivery frame, std::uint64_t mark, DeliveryEffects& out);
  Verdict receive_below_cursor(Monotonic now, const Link& link, Delivery frame, std::uint64_t mark,
                               DeliveryEffects& out);
  Verdict take_late(Monotonic now, const Link& link, Delivery frame, std::uint64_t mark,
                    DeliveryEffects& out);
  Verdict take_new(Monotonic now, const Link& link, Delivery frame, std::uint64_t mark,
                   DeliveryEffects& out);
  bool make_room(std::uint64_t seq, std::size_t bytes);
  [[nodiscard]] bool has_room(std::size_t bytes) const;
  void show_ready(Monotonic now, DeliveryEffects& out);
  void show(std::uint64_t seq, Row& row, bool late, DeliveryEffects& out);
  void advance(Monotonic now, const Link& link, DeliveryEffects& out);
  void start_over(DeliveryEffects& out);
  void place_at(std::uint64_t cursor);
  void remember_hole(SeqRange hole);
  bool take_from_hole(std::uint64_t seq);
  void remember(std::uint64_t mark, std::uint64_t seq);
  Rows::iterator drop(Rows::iterator row);
  void set_shown_to_last_row();
  void room_was_made(Monotonic now, DeliveryEffects& out);

  std::string agent_id_;
  std::string agent_name_;
  const MailboxPolicy& policy_;
  DeliveryCounters& counters_;

  /// Whether cursor and shown mean anything yet.
  bool placed_ = false;
  std::uint64_t cursor_ = 0;
  std::uint64_t shown_ = 0;
  /// Where the count was taken up without knowing what is below: nothing to acknowledge yet.
  std::uint64_t adopted_ = 0;
  /// Up to here nobody knows which ids the finished messages had.
  std::uint64_t forgotten_up_to_ = 0;
  /// Above the cursor, but for late ones of a hole that is acknowledged already.
  Rows rows_;
  std::vector<SeqRange> holes_;
  RecentMarks recent_{kMostRecent};
  RecentMarks recent_ephemeral_{kMostRecentEphemeral};
  /// Mark to bytes.
  std::unordered_map<std::uint64_t, std::size_t> open_ephemeral_;
  std::size_t frames_ = 0;
  std::size_t bytes_ = 0;
  /// A frame was not taken for want of room and has to be asked for.
  bool refused_ = false;
  int failures_in_a_row_ = 0;
  /// The last inventory did not have it.
  bool is_away_ = false;
  /// As it was asked for last; every call that may change something takes it away.
  mutable std::optional<Shared<MailboxState>> state_;
};

}  // namespace relay::node_control
