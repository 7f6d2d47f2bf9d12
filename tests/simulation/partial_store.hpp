#pragma once

#include <stdexcept>

#include "engine/store/store.hpp"

namespace relay::engine {

/// A store for the part of the engine that is simulated: what that never asks for is an error of
/// the simulation.
class PartialStore : public Store {
 public:
  Result<Workspace> create_workspace(const std::string&, const std::string&) final { unused(); }
  [[nodiscard]] Result<Workspace> workspace(Id) const final { unused(); }
  [[nodiscard]] Result<Workspace> workspace_of_key(const std::string&) const final { unused(); }
  [[nodiscard]] Result<Workspace> find_workspace(const std::string&) const final { unused(); }
  Result<void> rename_workspace(Id, const std::string&) final { unused(); }
  Result<void> set_system_prompt(Id, const std::optional<std::string>&) final { unused(); }
  Result<void> remove_workspace(Id) final { unused(); }
  Result<void> remove_agent(Id) final { unused(); }
  [[nodiscard]] Result<Agent> agent_of_token(const std::string&) const final { unused(); }
  [[nodiscard]] Result<std::vector<Agent>> agents(Id, std::optional<AgentStatus>) const final {
    unused();
  }
  Result<Channel> create_channel(const NewChannel&) final { unused(); }
  Result<Channel> change_channel(Id, const std::optional<std::string>&,
                                 const std::optional<std::string>&) final {
    unused();
  }
  Result<void> archive_channel(Id) final { unused(); }
  Result<bool> join_channel(Id, Id) final { unused(); }
  Result<bool> leave_channel(Id, Id) final { unused(); }
  Result<void> set_muted(Id, Id, bool) final { unused(); }
  Result<Channel> direct_conversation(Id, Id, Id) final { unused(); }
  Result<Channel> create_group(Id, Id, const std::vector<Id>&, const std::string&) final {
    unused();
  }
  [[nodiscard]] Result<Channel> find_channel(Id, const std::string&) const final { unused(); }
  [[nodiscard]] Result<Channel> find_conversation(Id, const std::string&) const final { unused(); }
  [[nodiscard]] Result<std::vector<Channel>> channels(Id, bool) const final { unused(); }
  [[nodiscard]] Result<std::vector<Channel>> conversations(Id, Id) const final { unused(); }
  [[nodiscard]] Result<std::vector<Member>> members(Id) const final { unused(); }
  [[nodiscard]] Result<std::vector<Membership>> memberships(Id) const final { unused(); }
  [[nodiscard]] Result<bool> is_member(Id, Id) const final { unused(); }
  Result<bool> add_reaction(Id, Id, const std::string&) final { unused(); }
  Result<bool> remove_reaction(Id, Id, const std::string&) final { unused(); }
  Result<Wall> mark_read(Id, Id) final { unused(); }
  [[nodiscard]] Result<std::vector<MessageView>> channel_messages(Id, const Page&) const final {
    unused();
  }
  [[nodiscard]] Result<MessageView> message_view(Id) const final { unused(); }
  [[nodiscard]] Result<std::vector<Message>> replies(Id, const Page&) const final { unused(); }
  [[nodiscard]] Result<std::vector<ReactionGroup>> reactions(Id) const final { unused(); }
  [[nodiscard]] Result<std::vector<Reader>> readers(Id) const final { unused(); }
  [[nodiscard]] Result<Inbox> inbox_of(Id, std::uint32_t) const final { unused(); }
  Result<bool> ack_delivery(Id, Id) final { unused(); }
  Result<bool> fail_delivery(Id, Id, const Failure&) final { unused(); }
  Result<bool> defer_delivery(Id, Id, const Deferral&) final { unused(); }
  [[nodiscard]] Result<Delivery> delivery(Id, Id) const final { unused(); }
  [[nodiscard]] Result<std::vector<Delivery>> deliveries_of(Id, std::optional<DeliveryStatus>,
                                                            std::uint32_t) const final {
    unused();
  }
  Result<void> set_node_token(Id, const std::string&) final { unused(); }
  Result<void> remove_node(Id) final { unused(); }
  Result<Binding> bind_agent(Id, Id, const std::optional<std::string>&, std::int64_t) final {
    unused();
  }
  [[nodiscard]] Result<Node> node_of_token(const std::string&) const final { unused(); }
  [[nodiscard]] Result<std::vector<Node>> nodes(Id) const final { unused(); }
  [[nodiscard]] Result<std::vector<Binding>> bindings(Id) const final { unused(); }
  Result<Action> put_action(const Action&) final { unused(); }
  Result<void> remove_action(Id) final { unused(); }
  [[nodiscard]] Result<std::vector<Action>> actions(Id) const final { unused(); }
  Result<bool> index_messages(std::uint32_t) final { unused(); }
  [[nodiscard]] Result<std::vector<SearchHit>> search(const SearchQuery&) const final { unused(); }
  [[nodiscard]] Result<std::vector<std::pair<Message, Channel>>> recent_messages(
      Id, std::uint32_t) const final {
    unused();
  }
  [[nodiscard]] Result<std::vector<RecentReaction>> recent_reactions(Id,
                                                                     std::uint32_t) const final {
    unused();
  }
  [[nodiscard]] Result<Wall> reacted_at(Id, Id, const std::string&) const final { unused(); }
  Result<Observer> put_observer(const Observer&, const std::optional<std::string>&) final {
    unused();
  }
  Result<void> remove_observer(Id) final { unused(); }
  [[nodiscard]] Result<Observer> observer(Id, Id) const final { unused(); }
  [[nodiscard]] Result<std::vector<Observer>> observers(Id) const final { unused(); }
  [[nodiscard]] Result<Observer> observer_of_token(const std::string&) const final { unused(); }
  Result<AgentLogEvent> add_agent_event(Id, const std::string&, const std::string&) final {
    unused();
  }
  [[nodiscard]] Result<std::vector<AgentLogEvent>> agent_events(Id, std::uint32_t) const final {
    unused();
  }
  Result<Trigger> put_trigger(const Trigger&) final { unused(); }
  Result<void> remove_trigger(Id) final { unused(); }
  Result<bool> claim_trigger(Id, Wall) final { unused(); }
  [[nodiscard]] Result<Trigger> trigger(Id, Id) const final { unused(); }
  [[nodiscard]] Result<std::vector<Trigger>> triggers(Id) const final { unused(); }
  Result<void> begin_event_log(Id) final { unused(); }
  Result<std::uint64_t> log_event(Id, const WorkspaceEvent&) final { unused(); }
  [[nodiscard]] Result<std::vector<WorkspaceEvent>> workspace_events(Id, std::uint64_t,
                                                                     std::uint32_t) const final {
    unused();
  }
  Result<Webhook> add_webhook(const Webhook&) final { unused(); }
  Result<void> remove_webhook(Id) final { unused(); }
  [[nodiscard]] Result<Webhook> webhook(Id) const final { unused(); }
  [[nodiscard]] Result<std::vector<Webhook>> webhooks(Id) const final { unused(); }
  Result<Subscription> add_subscription(const Subscription&) final { unused(); }
  Result<void> remove_subscription(Id) final { unused(); }
  [[nodiscard]] Result<Subscription> subscription(Id, Id) const final { unused(); }
  Result<File> add_file(const File&) final { unused(); }
  Result<void> put_file_content(Id, const std::string&) final { unused(); }
  Result<void> complete_file(Id) final { unused(); }
  Result<void> remove_file(Id) final { unused(); }
  [[nodiscard]] Result<File> file(Id, Id) const final { unused(); }
  [[nodiscard]] Result<File> file_of_ticket(Id, const std::string&) const final { unused(); }
  [[nodiscard]] Result<std::string> file_content(Id) const final { unused(); }
  [[nodiscard]] Result<std::vector<File>> files(Id, Id, std::uint32_t) const final { unused(); }
  Result<std::uint32_t> add_outbound(Id, const std::string&) final { unused(); }
  Result<std::vector<Outbound>> take_outbound(std::uint32_t, const UnderWay&, Id) final {
    unused();
  }
  Result<void> outbound_sent(Id) final { unused(); }

 private:
  [[noreturn]] static void unused() {
    throw std::logic_error("the simulation has no such store operation");
  }
};

}  // namespace relay::engine
