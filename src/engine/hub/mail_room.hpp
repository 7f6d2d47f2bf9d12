#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "engine/delivery_outbox.hpp"
#include "engine/ids.hpp"

namespace relay::engine {

/// Which agents are at which connected node, and whose mailbox has to be looked at next. An outbox
/// for each agent, over all connections of its node; they are small, and there are as many as there
/// are agents.
///
/// What is sent goes in three steps: `due` says which rows to read, `take` turns what was read into
/// frames, `not_sent` takes back those that did not go out. Pure: no store, no socket, no clock.
class MailRoom {
 public:
  /// Rows that are read of one mailbox at a time.
  static constexpr std::uint32_t kRows = DeliveryOutbox::kWindow;

  struct Place {
    Id node = 0;
    std::string agent_name;
  };
  /// Rows of a mailbox that are wanted.
  struct Look {
    Id agent = 0;
    std::uint64_t after = 0;
    std::uint64_t ticket = 0;
  };
  struct Ack {
    Id agent = 0;
    std::uint64_t up_to = 0;
    /// It was in doubt whether the node has the agent.
    bool was_doubted = false;
  };

  /// A node has registered. Agents are at it from `agent_here` on.
  void node_up(Id node, Numbering numbering);
  /// Its connection is gone: nothing is sent to its agents.
  void node_down(Id node);
  [[nodiscard]] bool is_up(Id node) const;

  /// The node has this agent; `fresh`: in another process, so what it was sent may be forgotten.
  /// Nothing when the node is not up.
  void agent_here(Id agent, const std::string& name, Id node, bool fresh);
  /// Perhaps the node still has this agent: the published broker does not say it after its
  /// connection was lost. It is sent to when the node has a cursor for it, which it has in the
  /// process that has shown it something; one that says 0 is taken as one that was started anew.
  /// Nothing for an agent that is here.
  void agent_doubted(Id agent, const std::string& name, Id node);
  /// It is known, but nowhere just now.
  void agent_away(Id agent);
  /// There is no such agent any more.
  void forget(Id agent);
  /// Where it can be reached.
  [[nodiscard]] const Place* find(Id agent) const;
  /// Who is at that node, by name.
  [[nodiscard]] const std::map<std::string, Id>& agents_at(Id node) const;

  /// There is something new in its mailbox.
  void news(Id agent);
  void settled(Id agent, std::uint64_t seq);
  /// Its node asks for all that it has not acknowledged of it. That may be more than is known here:
  /// an operation that a failing disk has denied can have been written all the same.
  void asked_again(Id agent, Monotonic now);
  /// A frame of number 0 went out to it.
  void event_sent(Id agent);
  /// What the mailbox is acknowledged up to by what the node says, if anything.
  [[nodiscard]] std::optional<Ack> acked(Id node, const std::string& agent, std::uint64_t up_to,
                                         Monotonic now);

  /// Mailboxes to be read now, at most `most`, in the order in which they were due.
  [[nodiscard]] std::vector<Look> due(Monotonic now, std::size_t most);
  /// Its open rows behind `look.after`, in their order, `whole` when those are all: what is to be
  /// sent. Nothing when things have changed since `look`, then it is due again.
  [[nodiscard]] std::vector<DeliveryOutbox::Frame> take(const Look& look,
                                                        const std::vector<std::uint64_t>& seqs,
                                                        bool whole, Monotonic now);
  /// These were taken last and did not go out, the first of them and all behind it: they are due
  /// again, once the node reads on if it `rests`.
  void not_sent(Id agent, const std::vector<DeliveryOutbox::Frame>& frames, bool rests);
  /// Nodes that rest, and one that reads on.
  [[nodiscard]] const std::set<Id>& resting() const { return resting_; }
  void reads_on(Id node);

  /// When a mailbox is due without anything that happens; nothing while one is due now.
  [[nodiscard]] std::optional<Monotonic> next() const;
  [[nodiscard]] bool has_due() const { return !queue_.empty(); }

 private:
  struct Resident {
    explicit Resident(Numbering numbering_in) : numbering(numbering_in), outbox(numbering_in) {}

    Place place;
    bool here = false;
    bool doubted = false;
    bool queued = false;
    /// The mailbox may have more than was read.
    bool has_more = true;
    std::uint64_t ticket = 0;
    Numbering numbering;
    DeliveryOutbox outbox;
    std::optional<Monotonic> alarm;
  };
  struct ConnectedNode {
    Numbering numbering = Numbering::durable;
    bool up = false;
    std::map<std::string, Id> agents;
    /// Due, but the node rests.
    std::vector<Id> waiting;
  };

  void enqueue(Id agent, Resident& resident);
  /// Whether the node has just said that it does not know the agent; it has left then.
  bool is_absent(Id agent, Resident& resident);
  void leave(Id agent, Resident& resident);
  void set_alarm(Id agent, Resident& resident);
  void clear_alarm(Id agent, Resident& resident);
  void look_again(Id agent, Resident& resident);

  std::unordered_map<Id, Resident> residents_;
  std::unordered_map<Id, ConnectedNode> nodes_;
  std::deque<Id> queue_;
  std::set<std::pair<Monotonic, Id>> alarms_;
  std::set<Id> resting_;
  std::uint64_t tickets_ = 0;
};

}  // namespace relay::engine
