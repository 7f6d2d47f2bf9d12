#pragma once

#include <string>
#include <vector>

#include "engine/happenings.hpp"
#include "engine/store/store.hpp"

namespace relay::engine {

// What an operation of the store has done, as who is told of it. Called inside the operation, after
// what it has done; the store is asked for names and members only. A database that fails in between
// shows when the operation ends, so nothing is returned here.

/// The mailboxes of its recipients, the stream, and its author when a mailbox was full. Nothing
/// for one that was posted before. Who has the message's channel at hand saves a look at it.
void tell_posted(const Store& store, const Posted& posted, Happenings& to);
void tell_posted(const Store& store, const Posted& posted, const Channel& channel, Happenings& to);
/// Deliveries whose time was over: their authors are told.
void tell_expired(const Store& store, const std::vector<Expired>& expired, Happenings& to);
/// One was acknowledged, or all up to a sequence: they need not be sent any more.
void tell_acked(const std::vector<Delivery>& settled, Happenings& to);
void tell_deferred(const Delivery& delivery, Happenings& to);
/// An agent says that it could not take it: its author is told.
void tell_failed(const Store& store, const Delivery& delivery, Happenings& to);

void tell_reacted(const Store& store, const Message& message, const std::string& agent_name,
                  const std::string& emoji, bool added, Happenings& to);
void tell_read(const Store& store, const Message& message, const Agent& reader, Wall at,
               Happenings& to);

/// Its status is another one now.
void tell_status(const Agent& agent, Happenings& to);
/// All of these.
void tell_statuses(const std::vector<Agent>& agents, Happenings& to);

/// `created`, `updated` or `archived`.
void tell_channel(const Channel& channel, const std::string& what, Happenings& to);
/// `joined`, `left`, `channel_muted` or `channel_unmuted`.
void tell_member(const Store& store, const Channel& channel, const Agent& agent,
                 const std::string& what, Happenings& to);

/// To its node, when it is dispatched; the stream hears of it.
void tell_invoked(const Invocation& invocation, Happenings& to);
/// It goes to a node, for the first time or again.
void tell_dispatched(const std::vector<Invocation>& invocations, Happenings& to);
/// Its caller is told how it ended; nothing for one that is still open.
void tell_ended(const Invocation& invocation, Happenings& to);
/// They were looked at again: each goes to a node, has ended or waits.
void tell_moved(const std::vector<Invocation>& invocations, Happenings& to);
/// `caller` wanted what it may not.
void tell_denied(const std::string& action, Id caller, const std::string& caller_name,
                 const std::string& why, Happenings& to);

/// What an agent says of itself (`harness.…`); only watchers hear of it.
void tell_agent_event(const Agent& agent, const std::string& type, wire::Json payload,
                      Happenings& to);
/// Something from outside has written into a channel.
void tell_webhook(const std::string& webhook_id, const Channel& channel,
                  wire::StreamWebhookMessage message, Happenings& to);

}  // namespace relay::engine
