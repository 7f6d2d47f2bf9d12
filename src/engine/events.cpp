#include "engine/events.hpp"

#include <utility>

#include "base/json_writer.hpp"
#include "engine/views.hpp"

namespace relay::engine {
namespace {

constexpr const char* kFull = "the mailbox of the agent is full";
constexpr const char* kExpired = "delivery TTL expired";

/// Nobody's when the database has failed or the agent is gone.
std::string name_of_agent(const Store& store, Id agent) {
  auto known = store.agent(agent);
  return known ? std::move(known->name) : std::string();
}

std::vector<Id> members_of(const Store& store, Id channel) {
  std::vector<Id> ids;
  auto members = store.members(channel);
  if (!members) return ids;
  for (const auto& member : *members) ids.push_back(member.agent);
  return ids;
}

void put_notice(Id agent, std::string about, wire::DeliverEvent event, Happenings& to) {
  Notice& notice = to.notices.emplace_back();
  notice.to.push_back(agent);
  notice.about = std::move(about);
  notice.event = std::move(event);
}

void put_stream(wire::StreamMessageToClient event, Happenings& to) {
  to.stream.emplace_back().event = std::move(event);
}

void put_stream(const Channel& channel, wire::StreamMessageToClient event, Happenings& to) {
  StreamNews& news = to.stream.emplace_back();
  news.channel = channel.id;
  if (channel.kind == ChannelKind::channel) {
    news.channel_name = channel.name;
  } else {
    news.conversation = conversation_id(channel);
  }
  news.event = std::move(event);
}

/// Of the channel with that id.
void put_stream(const Store& store, Id id, wire::StreamMessageToClient event, Happenings& to) {
  auto channel = store.channel(id);
  if (channel) put_stream(*channel, std::move(event), to);
}

void put_delivery(const char* type, wire::DeliveryNotice notice, Happenings& to) {
  wire::StreamDelivery event;
  event.type = type;
  event.notice = std::move(notice);
  put_stream(std::move(event), to);
}

void put_failed(Id author, const wire::DeliveryNotice& what, Happenings& to) {
  put_delivery("delivery.failed", what, to);
  wire::DeliveryFailed failed;
  static_cast<wire::DeliveryNotice&>(failed) = what;
  put_notice(author, what.message_id, std::move(failed), to);
}

wire::DeliveryNotice notice_of(const Delivery& delivery) {
  wire::DeliveryNotice notice;
  notice.message_id = std::to_string(delivery.message);
  notice.delivery_id = delivery_id(delivery);
  return notice;
}

ContextNews& put_context(std::string topic, std::string event, Happenings& to) {
  ContextNews& news = to.context.emplace_back();
  news.update.topic = std::move(topic);
  news.update.event = std::move(event);
  return news;
}

wire::StreamMessageToClient stream_of(const Message& message, const Channel& channel) {
  const std::string uuid = event_uuid(std::to_string(message.id));
  if (message.thread != 0 || channel.kind == ChannelKind::channel) {
    wire::StreamMessage event;
    event.type = message.thread != 0 ? "thread.reply" : "message.created";
    event.id = uuid;
    event.channel = channel.name;
    if (message.thread != 0) event.parent_id = std::to_string(message.thread);
    event.message = dm_view(message);
    return event;
  }
  wire::StreamDm event;
  event.type = channel.kind == ChannelKind::direct ? "dm.received" : "group_dm.received";
  event.id = uuid;
  event.conversation_id = conversation_id(channel);
  event.message = dm_view(message);
  return event;
}

wire::StreamAction stream_of(const char* type, const Invocation& invocation) {
  wire::StreamAction event;
  event.type = type;
  event.invocation_id = invocation_id(invocation);
  event.action_name = invocation.action;
  return event;
}

}  // namespace

void tell_posted(const Store& store, const Posted& posted, Happenings& to) {
  auto channel = store.channel(posted.message.channel);
  if (channel) tell_posted(store, posted, *channel, to);
}

void tell_posted(const Store& store, const Posted& posted, const Channel& channel, Happenings& to) {
  if (posted.replayed) return;
  for (const auto& delivery : posted.deliveries) to.mailboxes.push_back(delivery.agent);
  put_stream(channel, stream_of(posted.message, channel), to);
  for (const Id agent : posted.refused) {
    wire::DeliveryNotice notice;
    notice.message_id = std::to_string(posted.message.id);
    notice.target_agent_name = name_of_agent(store, agent);
    notice.reason = "depth_cap";
    notice.error = kFull;
    notice.retryable = false;
    put_failed(posted.message.author, notice, to);
  }
  tell_expired(store, posted.expired, to);
}

void tell_expired(const Store& store, const std::vector<Expired>& expired, Happenings& to) {
  for (const auto& each : expired) {
    to.settled.push_back({each.delivery.agent, each.delivery.seq});
    auto notice = notice_of(each.delivery);
    notice.target_agent_name = name_of_agent(store, each.delivery.agent);
    notice.reason = "ttl_expired";
    notice.error = kExpired;
    notice.retryable = false;
    put_failed(each.author, notice, to);
  }
}

void tell_acked(const std::vector<Delivery>& settled, Happenings& to) {
  for (const auto& delivery : settled) {
    to.settled.push_back({delivery.agent, delivery.seq});
    put_delivery("delivery.delivered", notice_of(delivery), to);
  }
}

void tell_deferred(const Delivery& delivery, Happenings& to) {
  auto notice = notice_of(delivery);
  notice.available_at = wire_time(delivery.available);
  notice.reason = delivery.note;
  put_delivery("delivery.deferred", std::move(notice), to);
}

void tell_failed(const Store& store, const Delivery& delivery, Happenings& to) {
  to.settled.push_back({delivery.agent, delivery.seq});
  auto message = store.message(delivery.message);
  if (!message) return;
  auto notice = notice_of(delivery);
  notice.target_agent_name = name_of_agent(store, delivery.agent);
  notice.error = delivery.note;
  notice.retryable = delivery.retryable;
  put_failed(message->author, notice, to);
}

void tell_reacted(const Store& store, const Message& message, const std::string& agent_name,
                  const std::string& emoji, bool added, Happenings& to) {
  wire::MessageReacted reaction;
  reaction.message_id = std::to_string(message.id);
  reaction.agent_name = agent_name;
  reaction.emoji = emoji;
  reaction.action = added ? "added" : "removed";
  wire::StreamReacted event;
  event.type = "message.reacted";
  event.reaction = reaction;
  put_stream(store, message.channel, std::move(event), to);
  Notice& notice = to.notices.emplace_back();
  notice.to = members_of(store, message.channel);
  notice.about = reaction.message_id;
  notice.event = std::move(reaction);
}

void tell_read(const Store& store, const Message& message, const Agent& reader, Wall at,
               Happenings& to) {
  wire::MessageRead read;
  read.message_id = std::to_string(message.id);
  read.agent_id = std::to_string(reader.id);
  read.agent_name = reader.name;
  read.read_at = wire_time(at);
  wire::StreamRead event;
  event.type = "message.read";
  event.read = read;
  put_stream(store, message.channel, std::move(event), to);
  Notice& notice = to.notices.emplace_back();
  notice.to = members_of(store, message.channel);
  notice.about = read.message_id;
  notice.event = std::move(read);
}

void tell_status(const Agent& agent, Happenings& to) {
  const std::string status(name_of(agent.status));
  const std::string type = "agent.status." + status;
  wire::StreamAgentStatus event;
  event.type = type;
  event.agent.name = agent.name;
  event.status = status;
  put_stream(std::move(event), to);
  put_context("presence", type, to).update.data = wire::Json::build([&](JsonWriter& out) {
    out.begin_object();
    out.field("agent_id", std::to_string(agent.id));
    out.field("agent_name", agent.name);
    out.field("status", status);
    out.end_object();
  });
}

void tell_statuses(const std::vector<Agent>& agents, Happenings& to) {
  for (const auto& agent : agents) tell_status(agent, to);
}

void tell_channel(const Channel& channel, const std::string& what, Happenings& to) {
  const std::string type = "channel." + what;
  wire::StreamChannel event;
  event.type = type;
  event.channel.name = channel.name;
  event.channel.topic = channel.topic;
  put_stream(channel, std::move(event), to);
  ContextNews& news = put_context("channel", type, to);
  news.update.channel_id = channel_id(channel);
  news.update.data = wire::Json::build([&](JsonWriter& out) {
    out.begin_object();
    out.field("name", channel.name);
    if (channel.topic) out.field("topic", *channel.topic);
    out.end_object();
  });
}

void tell_member(const Store& store, const Channel& channel, const Agent& agent,
                 const std::string& what, Happenings& to) {
  const std::string type = "member." + what;
  wire::StreamMember event;
  event.type = type;
  event.channel = channel.name;
  event.agent_name = agent.name;
  put_stream(channel, std::move(event), to);
  ContextNews& news = put_context("channel", type, to);
  news.agents = members_of(store, channel.id);
  // Nobody would be everybody.
  if (news.agents.empty()) news.agents.push_back(agent.id);
  news.update.channel_id = channel_id(channel);
  news.update.data = wire::Json::build([&](JsonWriter& out) {
    out.begin_object();
    out.field("channel", channel.name);
    out.field("agent_id", std::to_string(agent.id));
    out.field("agent_name", agent.name);
    out.end_object();
  });
}

void tell_invoked(const Invocation& invocation, Happenings& to) {
  auto event = stream_of("action.invoked", invocation);
  event.caller_name = invocation.caller_name;
  if (invocation.handler_agent != 0) {
    event.handler_agent_id = std::to_string(invocation.handler_agent);
  }
  event.input = stored_json(invocation.input);
  put_stream(std::move(event), to);
  tell_dispatched({invocation}, to);
}

void tell_dispatched(const std::vector<Invocation>& invocations, Happenings& to) {
  for (const auto& invocation : invocations) {
    if (invocation.state == InvocationState::dispatched) to.dispatched.push_back(invocation);
  }
}

void tell_ended(const Invocation& invocation, Happenings& to) {
  if (is_open(invocation)) return;
  const bool completed = invocation.state == InvocationState::completed;
  wire::ActionOutcome outcome;
  outcome.invocation_id = invocation_id(invocation);
  outcome.action_name = invocation.action;
  outcome.status = completed ? "completed" : "failed";
  outcome.output = stored_json(invocation.output);
  outcome.error = invocation.error;
  auto event = stream_of(completed ? "action.completed" : "action.failed", invocation);
  event.caller_name = invocation.caller_name;
  event.status = outcome.status;
  event.output = outcome.output;
  event.error = outcome.error;
  put_stream(std::move(event), to);
  if (invocation.caller == 0) return;
  const std::string about = outcome.invocation_id;
  if (completed) {
    wire::ActionCompleted told;
    static_cast<wire::ActionOutcome&>(told) = std::move(outcome);
    put_notice(invocation.caller, about, std::move(told), to);
  } else {
    wire::ActionFailed told;
    static_cast<wire::ActionOutcome&>(told) = std::move(outcome);
    put_notice(invocation.caller, about, std::move(told), to);
  }
}

void tell_moved(const std::vector<Invocation>& invocations, Happenings& to) {
  tell_dispatched(invocations, to);
  for (const auto& invocation : invocations) tell_ended(invocation, to);
}

void tell_denied(const std::string& action, Id caller, const std::string& caller_name,
                 const std::string& why, Happenings& to) {
  wire::StreamAction event;
  event.type = "action.denied";
  event.action_name = action;
  event.caller_name = caller_name;
  event.error = why;
  put_stream(std::move(event), to);
  if (caller == 0) return;
  wire::ActionDenied denied;
  denied.action_name = action;
  denied.caller_name = caller_name;
  denied.error = why;
  put_notice(caller, action, std::move(denied), to);
}

void tell_agent_event(const Agent& agent, const std::string& type, wire::Json payload,
                      Happenings& to) {
  wire::StreamOther event;
  event.type = type;
  event.agent_name = agent.name;
  event.payload = std::move(payload);
  put_stream(std::move(event), to);
}

void tell_webhook(const std::string& webhook_id, const Channel& channel,
                  wire::StreamWebhookMessage message, Happenings& to) {
  wire::StreamWebhook event;
  event.type = "webhook.received";
  event.webhook_id = webhook_id;
  event.channel = channel.name;
  event.message = std::move(message);
  put_stream(channel, std::move(event), to);
}

}  // namespace relay::engine
