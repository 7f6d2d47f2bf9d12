#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "simulation/partial_store.hpp"

namespace relay::engine {

/// Rows by key, with what has to be put back when an operation is refused.
template <class Key, class Row>
class MemoryTable {
 public:
  using Rows = std::map<Key, Row>;
  [[nodiscard]] const Rows& rows() const { return rows_; }
  [[nodiscard]] const Row* find(const Key& key) const {
    const auto found = rows_.find(key);
    return found == rows_.end() ? nullptr : &found->second;
  }
  Row& put(const Key& key, Row row) {
    note(key);
    return rows_.insert_or_assign(key, std::move(row)).first->second;
  }
  Row& edit(const Key& key) {
    note(key);
    return rows_.at(key);
  }
  void erase(const Key& key) {
    note(key);
    rows_.erase(key);
  }
  void keep() { before_.clear(); }
  void undo() {
    for (auto entry = before_.rbegin(); entry != before_.rend(); ++entry) {
      if (entry->second) {
        rows_.insert_or_assign(entry->first, *std::move(entry->second));
      } else {
        rows_.erase(entry->first);
      }
    }
    before_.clear();
  }

 private:
  void note(const Key& key) {
    const auto known = rows_.find(key);
    before_.emplace_back(key,
                         known == rows_.end() ? std::nullopt : std::optional<Row>(known->second));
  }
  Rows rows_;
  std::vector<std::pair<Key, std::optional<Row>>> before_;
};

/// What an operation has made durable, for who keeps the history.
struct Landmark {
  enum class Kind { numbered, acked, expired, called, answered, placed, refused };
  Kind kind = Kind::numbered;
  Id agent = 0;
  /// Of a message; the name that its sender gave it is its text. Of an agent that is placed: its
  /// name.
  std::string text;
  std::uint64_t seq = 0;
  Id invocation = 0;
  /// Where the agent is now.
  Id node = 0;
};

/// The store in memory, in the words of its contract: agents of brokers, one author, direct
/// messages, nodes, actions and invocations. Times are kept in milliseconds, as on a disk.
class MemoryStore final : public PartialStore {
 public:
  /// All outlive it.
  MemoryStore(const Clock& clock, IdSource& ids, Limits limits);

  /// One operation: all of it, or nothing when it returns an error.
  template <class T, class Work>
  Result<T> operation(const Work& work) {
    auto done = work(*this);
    done ? keep() : undo();
    return done;
  }
  /// What has become durable since the last call.
  [[nodiscard]] std::vector<Landmark> landmarks() { return std::exchange(landmarks_, {}); }
  /// What must hold between operations, or why it does not.
  [[nodiscard]] std::optional<std::string> broken() const;
  [[nodiscard]] std::size_t open_deliveries(Id agent) const;
  [[nodiscard]] std::vector<Invocation> open_calls() const;

  /// The author of all messages, in the one workspace.
  static constexpr Id kAuthor = 2;
  static constexpr Id kWorkspace = 1;

  [[nodiscard]] Wall now() const override;

  Result<Agent> register_agent(const NewAgent& agent) override;
  Result<Agent> claim_agent(const AgentClaim& claim) override;
  Result<Agent> change_agent(Id id, const AgentChange& change) override;
  Result<bool> touch_agent(Id id) override;
  Result<std::vector<Agent>> take_stale_agents(Wall seen_before) override;
  [[nodiscard]] Result<Agent> agent(Id id) const override;
  [[nodiscard]] Result<Agent> find_agent(Id workspace, const std::string& name) const override;

  [[nodiscard]] Result<Channel> channel(Id id) const override;
  /// `draft.channel` is the agent that it is for.
  Result<Posted> append_message(const MessageDraft& draft) override;
  [[nodiscard]] Result<Message> message(Id id) const override;

  Result<void> mark_sent(Id agent, const std::vector<std::uint64_t>& seqs) override;
  Result<Acked> ack_up_to(Id agent, Id node, std::uint64_t seq) override;
  Result<std::vector<Expired>> expire_mailbox(Id agent) override;
  [[nodiscard]] Result<Mailbox> mailbox(Id agent) const override;
  [[nodiscard]] Result<std::vector<Id>> overdue_mailboxes(std::uint32_t most) const override;
  [[nodiscard]] Result<std::vector<Delivery>> backlog(Id agent, std::uint64_t after,
                                                      std::uint32_t most) const override;

  Result<Node> enroll_node(const NodeEnrolment& enrolment) override;
  Result<Node> node_connected(Id id, const NodeManifest& manifest) override;
  Result<Node> node_beat(Id id, const NodeBeat& beat) override;
  Result<void> set_handlers_live(Id id, bool live) override;
  Result<std::vector<Agent>> node_lost(Id id) override;
  Result<bool> unbind_agent(Id agent, Id node) override;
  Result<InventoryOutcome> sync_inventory(Id node,
                                          const std::vector<InventoryItem>& items) override;
  Result<bool> reserve_place(Id node) override;
  Result<void> give_place_back(Id node) override;
  [[nodiscard]] Result<Node> node(Id id) const override;
  [[nodiscard]] Result<Node> find_node(Id workspace, const std::string& name) const override;
  [[nodiscard]] Result<Node> find_node_id(Id workspace, const std::string& node_id) const override;
  [[nodiscard]] Result<std::vector<Node>> nodes_with(Id workspace,
                                                     const std::string& capability) const override;
  [[nodiscard]] Result<std::vector<Node>> silent_nodes(Wall since) const override;
  [[nodiscard]] Result<std::vector<Agent>> agents_on(Id node) const override;

  [[nodiscard]] Result<Action> find_action(Id workspace, const std::string& name) const override;
  Result<Invocation> add_invocation(const Invocation& invocation) override;
  Result<void> put_invocation(const Invocation& invocation) override;
  [[nodiscard]] Result<Invocation> invocation(Id id) const override;
  [[nodiscard]] Result<std::vector<Invocation>> open_invocations(Id node) const override;
  [[nodiscard]] Result<std::vector<Invocation>> due_invocations(std::uint32_t most) const override;

  Result<std::uint32_t> prune_deliveries(Wall, std::uint32_t) override { return 0U; }
  Result<std::uint32_t> prune_invocations(Wall, std::uint32_t) override { return 0U; }
  Result<std::uint32_t> prune_keys(std::uint32_t) override { return 0U; }
  Result<std::uint32_t> prune_messages(std::uint32_t) override { return 0U; }
  Result<std::uint32_t> prune_events(Wall, std::uint32_t) override { return 0U; }
  Result<std::uint32_t> prune_files(Wall, std::uint32_t) override { return 0U; }
  [[nodiscard]] Result<std::optional<std::uint64_t>> event_log(Id) const override {
    return std::optional<std::uint64_t>();
  }
  [[nodiscard]] Result<std::vector<Subscription>> subscriptions(Id) const override {
    return std::vector<Subscription>();
  }

 private:
  struct MailboxRow {
    std::uint64_t last_seq = 0;
    std::uint64_t acked_seq = 0;
  };
  using DeliveryKey = std::pair<Id, std::uint64_t>;

  void keep();
  void undo();
  void write_manifest(Id id, const NodeManifest& manifest);
  void place_agent(Id agent, Id node);
  void settle(const Delivery& delivery, Landmark::Kind how);
  [[nodiscard]] bool is_full(const Node& node, Id but_agent) const;
  [[nodiscard]] std::uint32_t present(Id node) const;
  [[nodiscard]] Node with_presence(const Node& node) const;

  const Clock& clock_;
  IdSource& ids_;
  Limits limits_;
  MemoryTable<Id, Agent> agents_;
  MemoryTable<std::string, Id> names_;
  MemoryTable<Id, Node> nodes_;
  MemoryTable<std::string, Action> actions_;
  MemoryTable<Id, MailboxRow> mailboxes_;
  /// Those that are open.
  MemoryTable<DeliveryKey, Delivery> deliveries_;
  MemoryTable<Id, Message> messages_;
  MemoryTable<std::string, Id> keys_;
  /// Those that are open, and those that have ended.
  MemoryTable<Id, Invocation> invocations_;
  MemoryTable<Id, Invocation> closed_;
  bool ended_with_place_ = false;
  std::vector<Landmark> fresh_;
  std::vector<Landmark> landmarks_;
};

}  // namespace relay::engine
