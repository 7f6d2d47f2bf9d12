// Internal to engine/rest: every route as a plain function, by its subject. What only reads takes
// a const store and is asked of a reader. A refusal undoes all that the function has done.
#pragma once

#include "engine/rest/call.hpp"

namespace relay::engine::rest {

// workspaces.cpp
[[nodiscard]] Result<Answer> create_workspace(Store& store, Call& call);
[[nodiscard]] Result<Answer> workspace_by_name(const Store& store, Call& call);
[[nodiscard]] Result<Answer> show_workspace(const Store& store, Call& call);
[[nodiscard]] Result<Answer> update_workspace(Store& store, Call& call);
[[nodiscard]] Result<Answer> delete_workspace(Store& store, Call& call);
[[nodiscard]] Result<Answer> begin_event_log(Store& store, Call& call);
[[nodiscard]] Result<Answer> list_workspace_events(const Store& store, Call& call);
[[nodiscard]] Result<Answer> show_system_prompt(const Store& store, Call& call);
[[nodiscard]] Result<Answer> put_system_prompt(Store& store, Call& call);
[[nodiscard]] Result<Answer> show_fleet_nodes(const Store& store, Call& call);
[[nodiscard]] Result<Answer> put_fleet_nodes(Store& store, Call& call);
[[nodiscard]] Result<Answer> list_activity(const Store& store, Call& call);

// observers.cpp
[[nodiscard]] Result<Answer> create_observer(Store& store, Call& call);
[[nodiscard]] Result<Answer> list_observers(const Store& store, Call& call);
[[nodiscard]] Result<Answer> show_observer(const Store& store, Call& call);
[[nodiscard]] Result<Answer> update_observer(Store& store, Call& call);
[[nodiscard]] Result<Answer> rotate_observer(Store& store, Call& call);
[[nodiscard]] Result<Answer> delete_observer(Store& store, Call& call);

// agents.cpp
[[nodiscard]] Result<Answer> register_agent(Store& store, Call& call);
[[nodiscard]] Result<Answer> list_agents(const Store& store, Call& call);
[[nodiscard]] Result<Answer> show_agent(const Store& store, Call& call);
[[nodiscard]] Result<Answer> show_self(const Store& store, Call& call);
[[nodiscard]] Result<Answer> update_agent(Store& store, Call& call);
[[nodiscard]] Result<Answer> delete_agent(Store& store, Call& call);
[[nodiscard]] Result<Answer> rotate_agent_token(Store& store, Call& call);
[[nodiscard]] Result<Answer> mint_node_token(Store& store, Call& call);

// presence.cpp
[[nodiscard]] Result<Answer> list_presence(const Store& store, Call& call);
[[nodiscard]] Result<Answer> beat_agent(Store& store, Call& call);
[[nodiscard]] Result<Answer> disconnect_agent(Store& store, Call& call);
[[nodiscard]] Result<Answer> post_agent_event(Store& store, Call& call);
[[nodiscard]] Result<Answer> list_agent_events(const Store& store, Call& call);

// channels.cpp
[[nodiscard]] Result<Answer> create_channel(Store& store, Call& call);
[[nodiscard]] Result<Answer> list_channels(const Store& store, Call& call);
[[nodiscard]] Result<Answer> show_channel(const Store& store, Call& call);
[[nodiscard]] Result<Answer> update_channel(Store& store, Call& call);
[[nodiscard]] Result<Answer> archive_channel(Store& store, Call& call);
[[nodiscard]] Result<Answer> join_channel(Store& store, Call& call);
[[nodiscard]] Result<Answer> leave_channel(Store& store, Call& call);
[[nodiscard]] Result<Answer> list_members(const Store& store, Call& call);
[[nodiscard]] Result<Answer> invite_member(Store& store, Call& call);
[[nodiscard]] Result<Answer> mute_channel(Store& store, Call& call);
[[nodiscard]] Result<Answer> unmute_channel(Store& store, Call& call);
[[nodiscard]] Result<Answer> show_read_status(const Store& store, Call& call);

// messages.cpp
[[nodiscard]] Result<Answer> post_message(Store& store, Call& call);
[[nodiscard]] Result<Answer> list_messages(const Store& store, Call& call);
[[nodiscard]] Result<Answer> show_message(const Store& store, Call& call);
[[nodiscard]] Result<Answer> post_reply(Store& store, Call& call);
[[nodiscard]] Result<Answer> list_replies(const Store& store, Call& call);

// reading.cpp
[[nodiscard]] Result<Answer> add_reaction(Store& store, Call& call);
[[nodiscard]] Result<Answer> remove_reaction(Store& store, Call& call);
[[nodiscard]] Result<Answer> list_reactions(const Store& store, Call& call);
[[nodiscard]] Result<Answer> mark_read(Store& store, Call& call);
[[nodiscard]] Result<Answer> list_readers(const Store& store, Call& call);
[[nodiscard]] Result<Answer> show_inbox(Store& store, Call& call);
/// What was posted since the last search becomes findable, some at a time.
[[nodiscard]] Result<Answer> prepare_search(Store& store, Call& call);
[[nodiscard]] Result<Answer> search_messages(const Store& store, Call& call);

// conversations.cpp
[[nodiscard]] Result<Answer> send_dm(Store& store, Call& call);
[[nodiscard]] Result<Answer> list_conversations(const Store& store, Call& call);
[[nodiscard]] Result<Answer> list_all_conversations(const Store& store, Call& call);
[[nodiscard]] Result<Answer> create_group(Store& store, Call& call);
[[nodiscard]] Result<Answer> send_to_conversation(Store& store, Call& call);
[[nodiscard]] Result<Answer> list_conversation_messages(const Store& store, Call& call);
[[nodiscard]] Result<Answer> add_participant(Store& store, Call& call);
[[nodiscard]] Result<Answer> remove_participant(Store& store, Call& call);

// mailboxes.cpp
[[nodiscard]] Result<Answer> list_deliveries(Store& store, Call& call);
[[nodiscard]] Result<Answer> ack_delivery(Store& store, Call& call);
[[nodiscard]] Result<Answer> fail_delivery(Store& store, Call& call);
[[nodiscard]] Result<Answer> defer_delivery(Store& store, Call& call);

// actions.cpp
[[nodiscard]] Result<Answer> register_action(Store& store, Call& call);
[[nodiscard]] Result<Answer> list_actions(const Store& store, Call& call);
[[nodiscard]] Result<Answer> show_action(const Store& store, Call& call);
[[nodiscard]] Result<Answer> delete_action(Store& store, Call& call);

/// Whether an agent of that name may see and invoke it; the workspace itself has no name.
[[nodiscard]] bool is_visible(const Action& action, const std::string& agent);

// invocations.cpp
[[nodiscard]] Result<Answer> spawn_agent(Store& store, Call& call);
[[nodiscard]] Result<Answer> release_agent(Store& store, Call& call);
[[nodiscard]] Result<Answer> invoke_action(Store& store, Call& call);
[[nodiscard]] Result<Answer> complete_invocation(Store& store, Call& call);
[[nodiscard]] Result<Answer> show_invocation(const Store& store, Call& call);

// nodes.cpp
[[nodiscard]] Result<Answer> enroll_node(Store& store, Call& call);
[[nodiscard]] Result<Answer> list_nodes(const Store& store, Call& call);
[[nodiscard]] Result<Answer> show_node(const Store& store, Call& call);
[[nodiscard]] Result<Answer> list_node_agents(const Store& store, Call& call);
[[nodiscard]] Result<Answer> bind_agent(Store& store, Call& call);
[[nodiscard]] Result<Answer> unbind_agent(Store& store, Call& call);

// triggers.cpp
[[nodiscard]] Result<Answer> create_trigger(Store& store, Call& call);
[[nodiscard]] Result<Answer> list_triggers(const Store& store, Call& call);
[[nodiscard]] Result<Answer> show_trigger(const Store& store, Call& call);
[[nodiscard]] Result<Answer> update_trigger(Store& store, Call& call);
[[nodiscard]] Result<Answer> delete_trigger(Store& store, Call& call);
/// An agent has posted into a channel: the actions of the triggers that this fires.
void fire_triggers(Store& store, const Posted& posted, const Channel& channel, Happenings& to);

// webhooks.cpp
[[nodiscard]] Result<Answer> create_webhook(Store& store, Call& call);
[[nodiscard]] Result<Answer> list_webhooks(const Store& store, Call& call);
[[nodiscard]] Result<Answer> delete_webhook(Store& store, Call& call);
[[nodiscard]] Result<Answer> call_webhook(Store& store, Call& call);
/// Where the caller has found this server: "http://127.0.0.1:8787".
[[nodiscard]] std::string base_url(const Call& call);

// subscriptions.cpp
[[nodiscard]] Result<Answer> create_subscription(Store& store, Call& call);
[[nodiscard]] Result<Answer> list_subscriptions(const Store& store, Call& call);
[[nodiscard]] Result<Answer> show_subscription(const Store& store, Call& call);
[[nodiscard]] Result<Answer> delete_subscription(Store& store, Call& call);

// files.cpp
inline constexpr std::size_t kMostFileBytes = std::size_t{8} << 20U;
[[nodiscard]] Result<Answer> begin_upload(Store& store, Call& call);
[[nodiscard]] Result<Answer> put_content(Store& store, Call& call);
[[nodiscard]] Result<Answer> show_content(const Store& store, Call& call);
[[nodiscard]] Result<Answer> complete_upload(Store& store, Call& call);
[[nodiscard]] Result<Answer> show_file(const Store& store, Call& call);
[[nodiscard]] Result<Answer> delete_file(Store& store, Call& call);
[[nodiscard]] Result<Answer> list_files(const Store& store, Call& call);
/// What a message keeps of these files, as JSON; empty for none.
[[nodiscard]] Result<std::string> attachments_asked(
    const Store& store, const Call& call, const std::optional<std::vector<std::string>>& ids);

}  // namespace relay::engine::rest
