#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "engine/store/store.hpp"
#include "storage/connection.hpp"

namespace relay::engine {

/// The store's words on one connection. What changes needs one that writes, inside a transaction;
/// the const part works on a reader too. Nothing is kept in memory: the tables are the state.
class SqliteStore final : public Store {
 public:
  /// How long a message is known by its idempotency key.
  static constexpr Duration kKeysKept = std::chrono::hours(24);
  /// An agent that calls again within this time is not written down again.
  static constexpr Duration kSeenWithin = std::chrono::seconds(30);
  /// Unread messages that are counted one by one; beyond it is this many.
  static constexpr std::uint32_t kMostCounted = 1000;

  /// All of them outlive the store.
  SqliteStore(storage::Connection& db, const Clock& clock, IdSource& ids, Limits limits);

  [[nodiscard]] Wall now() const override;

  Result<Workspace> create_workspace(const std::string& name, const std::string& key_hash) override;
  [[nodiscard]] Result<Workspace> workspace(Id id) const override;
  [[nodiscard]] Result<Workspace> workspace_of_key(const std::string& key_hash) const override;
  [[nodiscard]] Result<Workspace> find_workspace(const std::string& name) const override;
  Result<void> rename_workspace(Id id, const std::string& name) override;
  Result<void> set_system_prompt(Id id, const std::optional<std::string>& prompt) override;
  Result<void> remove_workspace(Id id) override;

  Result<Agent> register_agent(const NewAgent& agent) override;
  Result<Agent> claim_agent(const AgentClaim& claim) override;
  Result<Agent> change_agent(Id id, const AgentChange& change) override;
  Result<bool> touch_agent(Id id) override;
  Result<void> remove_agent(Id id) override;
  Result<std::vector<Agent>> take_stale_agents(Wall seen_before) override;
  [[nodiscard]] Result<Agent> agent(Id id) const override;
  [[nodiscard]] Result<Agent> find_agent(Id workspace, const std::string& name) const override;
  [[nodiscard]] Result<Agent> agent_of_token(const std::string& token_hash) const override;
  [[nodiscard]] Result<std::vector<Agent>> agents(Id workspace,
                                                  std::optional<AgentStatus> status) const override;

  Result<Channel> create_channel(const NewChannel& channel) override;
  Result<Channel> change_channel(Id id, const std::optional<std::string>& topic,
                                 const std::optional<std::string>& metadata) override;
  Result<void> archive_channel(Id id) override;
  Result<bool> join_channel(Id channel, Id agent) override;
  Result<bool> leave_channel(Id channel, Id agent) override;
  Result<void> set_muted(Id channel, Id agent, bool muted) override;
  Result<Channel> direct_conversation(Id workspace, Id one, Id other) override;
  Result<Channel> create_group(Id workspace, Id creator, const std::vector<Id>& others,
                               const std::string& name) override;
  [[nodiscard]] Result<Channel> channel(Id id) const override;
  [[nodiscard]] Result<Channel> find_channel(Id workspace, const std::string& name) const override;
  [[nodiscard]] Result<Channel> find_conversation(Id workspace,
                                                  const std::string& id) const override;
  [[nodiscard]] Result<std::vector<Channel>> channels(Id workspace,
                                                      bool with_archived) const override;
  [[nodiscard]] Result<std::vector<Channel>> conversations(Id workspace, Id agent) const override;
  [[nodiscard]] Result<std::vector<Member>> members(Id channel) const override;
  [[nodiscard]] Result<std::vector<Membership>> memberships(Id agent) const override;
  [[nodiscard]] Result<bool> is_member(Id channel, Id agent) const override;

  Result<Posted> append_message(const MessageDraft& draft) override;
  Result<bool> add_reaction(Id message, Id agent, const std::string& emoji) override;
  Result<bool> remove_reaction(Id message, Id agent, const std::string& emoji) override;
  Result<Wall> mark_read(Id message, Id agent) override;
  [[nodiscard]] Result<Message> message(Id id) const override;
  [[nodiscard]] Result<std::vector<MessageView>> channel_messages(Id channel,
                                                                  const Page& page) const override;
  [[nodiscard]] Result<MessageView> message_view(Id id) const override;
  [[nodiscard]] Result<std::vector<Message>> replies(Id thread, const Page& page) const override;
  [[nodiscard]] Result<std::vector<ReactionGroup>> reactions(Id message) const override;
  [[nodiscard]] Result<std::vector<Reader>> readers(Id message) const override;
  [[nodiscard]] Result<Inbox> inbox_of(Id agent, std::uint32_t limit) const override;
  Result<std::uint32_t> prune_keys(std::uint32_t most) override;
  Result<std::uint32_t> prune_messages(std::uint32_t most) override;

  Result<void> mark_sent(Id agent, const std::vector<std::uint64_t>& seqs) override;
  Result<Acked> ack_up_to(Id agent, Id node, std::uint64_t seq) override;
  Result<bool> ack_delivery(Id agent, Id message) override;
  Result<bool> fail_delivery(Id agent, Id message, const Failure& failure) override;
  Result<bool> defer_delivery(Id agent, Id message, const Deferral& deferral) override;
  Result<std::vector<Expired>> expire_mailbox(Id agent) override;
  Result<std::uint32_t> prune_deliveries(Wall before, std::uint32_t most) override;
  [[nodiscard]] Result<Mailbox> mailbox(Id agent) const override;
  [[nodiscard]] Result<std::vector<Id>> overdue_mailboxes(std::uint32_t most) const override;
  [[nodiscard]] Result<std::vector<Delivery>> backlog(Id agent, std::uint64_t after,
                                                      std::uint32_t most) const override;
  [[nodiscard]] Result<Delivery> delivery(Id agent, Id message) const override;
  [[nodiscard]] Result<std::vector<Delivery>> deliveries_of(Id agent,
                                                            std::optional<DeliveryStatus> status,
                                                            std::uint32_t most) const override;

  Result<Node> enroll_node(const NodeEnrolment& enrolment) override;
  Result<void> set_node_token(Id id, const std::string& token_hash) override;
  Result<Node> node_connected(Id id, const NodeManifest& manifest) override;
  Result<Node> node_beat(Id id, const NodeBeat& beat) override;
  Result<void> set_handlers_live(Id id, bool live) override;
  Result<std::vector<Agent>> node_lost(Id id) override;
  Result<void> remove_node(Id id) override;
  Result<Binding> bind_agent(Id agent, Id node, const std::optional<std::string>& session_ref,
                             std::int64_t priority) override;
  Result<bool> unbind_agent(Id agent, Id node) override;
  Result<InventoryOutcome> sync_inventory(Id node,
                                          const std::vector<InventoryItem>& items) override;
  Result<bool> reserve_place(Id node) override;
  Result<void> give_place_back(Id node) override;
  [[nodiscard]] Result<Node> node(Id id) const override;
  [[nodiscard]] Result<Node> find_node(Id workspace, const std::string& name) const override;
  [[nodiscard]] Result<Node> find_node_id(Id workspace, const std::string& node_id) const override;
  [[nodiscard]] Result<Node> node_of_token(const std::string& token_hash) const override;
  [[nodiscard]] Result<std::vector<Node>> nodes(Id workspace) const override;
  [[nodiscard]] Result<std::vector<Node>> nodes_with(Id workspace,
                                                     const std::string& capability) const override;
  [[nodiscard]] Result<std::vector<Node>> silent_nodes(Wall since) const override;
  [[nodiscard]] Result<std::vector<Binding>> bindings(Id node) const override;
  [[nodiscard]] Result<std::vector<Agent>> agents_on(Id node) const override;

  Result<Action> put_action(const Action& action) override;
  Result<void> remove_action(Id id) override;
  [[nodiscard]] Result<Action> find_action(Id workspace, const std::string& name) const override;
  [[nodiscard]] Result<std::vector<Action>> actions(Id workspace) const override;
  Result<Invocation> add_invocation(const Invocation& invocation) override;
  Result<void> put_invocation(const Invocation& invocation) override;
  [[nodiscard]] Result<Invocation> invocation(Id id) const override;
  [[nodiscard]] Result<std::vector<Invocation>> open_invocations(Id node) const override;
  [[nodiscard]] Result<std::vector<Invocation>> due_invocations(std::uint32_t most) const override;
  Result<std::uint32_t> prune_invocations(Wall before, std::uint32_t most) override;

  Result<bool> index_messages(std::uint32_t most) override;
  [[nodiscard]] Result<std::vector<SearchHit>> search(const SearchQuery& query) const override;
  [[nodiscard]] Result<std::vector<std::pair<Message, Channel>>> recent_messages(
      Id workspace, std::uint32_t most) const override;
  [[nodiscard]] Result<std::vector<RecentReaction>> recent_reactions(
      Id author, std::uint32_t most) const override;
  [[nodiscard]] Result<Wall> reacted_at(Id message, Id agent,
                                        const std::string& emoji) const override;

  Result<Observer> put_observer(const Observer& observer,
                                const std::optional<std::string>& token_hash) override;
  Result<void> remove_observer(Id id) override;
  [[nodiscard]] Result<Observer> observer(Id workspace, Id id) const override;
  [[nodiscard]] Result<std::vector<Observer>> observers(Id workspace) const override;
  [[nodiscard]] Result<Observer> observer_of_token(const std::string& token_hash) const override;
  Result<AgentLogEvent> add_agent_event(Id agent, const std::string& type,
                                        const std::string& payload) override;
  [[nodiscard]] Result<std::vector<AgentLogEvent>> agent_events(Id agent,
                                                                std::uint32_t most) const override;
  Result<Trigger> put_trigger(const Trigger& trigger) override;
  Result<void> remove_trigger(Id id) override;
  Result<bool> claim_trigger(Id id, Wall since) override;
  [[nodiscard]] Result<Trigger> trigger(Id workspace, Id id) const override;
  [[nodiscard]] Result<std::vector<Trigger>> triggers(Id workspace) const override;
  Result<void> begin_event_log(Id workspace) override;
  [[nodiscard]] Result<std::optional<std::uint64_t>> event_log(Id workspace) const override;
  Result<std::uint64_t> log_event(Id workspace, const WorkspaceEvent& event) override;
  [[nodiscard]] Result<std::vector<WorkspaceEvent>> workspace_events(
      Id workspace, std::uint64_t since, std::uint32_t most) const override;
  Result<std::uint32_t> prune_events(Wall before, std::uint32_t most) override;

  Result<Webhook> add_webhook(const Webhook& webhook) override;
  Result<void> remove_webhook(Id id) override;
  [[nodiscard]] Result<Webhook> webhook(Id id) const override;
  [[nodiscard]] Result<std::vector<Webhook>> webhooks(Id workspace) const override;
  Result<Subscription> add_subscription(const Subscription& subscription) override;
  Result<void> remove_subscription(Id id) override;
  [[nodiscard]] Result<Subscription> subscription(Id workspace, Id id) const override;
  [[nodiscard]] Result<std::vector<Subscription>> subscriptions(Id workspace) const override;
  Result<std::uint32_t> add_outbound(Id subscription, const std::string& body) override;
  Result<std::vector<Outbound>> take_outbound(std::uint32_t most, const UnderWay& under_way,
                                              Id last) override;
  Result<void> outbound_sent(Id id) override;
  Result<File> add_file(const File& file) override;
  Result<void> put_file_content(Id id, const std::string& bytes) override;
  Result<void> complete_file(Id id) override;
  Result<void> remove_file(Id id) override;
  Result<std::uint32_t> prune_files(Wall before, std::uint32_t most) override;
  [[nodiscard]] Result<File> file(Id workspace, Id id) const override;
  [[nodiscard]] Result<File> file_of_ticket(Id id, const std::string& ticket) const override;
  [[nodiscard]] Result<std::string> file_content(Id id) const override;
  [[nodiscard]] Result<std::vector<File>> files(Id workspace, Id uploader,
                                                std::uint32_t most) const override;

 private:
  struct Recipient;

  /// Of those that stand below one after the other: the value, unless the connection has failed.
  template <class T>
  Result<T> checked(T value) const {
    if (db_.failed()) return fail(*db_.error());
    return value;
  }
  [[nodiscard]] Result<void> checked() const { return db_.checked(); }
  [[nodiscard]] Id next_id() { return ids_.next(clock_.wall()); }

  Result<Posted> repeated(const MessageDraft& draft, Id message);
  std::vector<Recipient> recipients_of(const MessageDraft& draft, const Channel& channel,
                                       const std::vector<std::string>& mentions,
                                       bool& author_is_member) const;
  void deliver(const Recipient& to, const Message& message, Posted& posted);
  void move_last_read(Id agent, Id message);
  /// Its first open row has been settled: which is it now.
  void find_first_open(Id agent);
  Result<bool> settle_one(Id agent, Id message, DeliveryStatus status, const Failure* failure);
  void place_agent(Id agent, Id node, const std::optional<std::string>& session_ref,
                   std::int64_t priority);
  void offer_actions(const Node& node);
  void set_agent_status(Id agent, AgentStatus status);
  void count_leaver(Id agent, Id but_node);
  [[nodiscard]] bool is_full(const Node& node, Id but_agent) const;
  void write_manifest(Id id, const NodeManifest& manifest);

  storage::Connection& db_;
  const Clock& clock_;
  IdSource& ids_;
  Limits limits_;
};

}  // namespace relay::engine
