#pragma once

// Field lists that several .cpp files of wire need.

#include "wire/deliver_events.hpp"
#include "wire/rest_dms_fields.hpp"
#include "wire/rest_messages_fields.hpp"

namespace relay::wire {

template <class V, Of<MessageCreated> S>
void fields(V& v, S& s) {
  fields_of<Message>(v, s);
  v("from_name", s.from_name);
}

template <class V, Of<ThreadReplied> S>
void fields(V& v, S& s) {
  fields_of<ThreadReply>(v, s);
  v("from_name", s.from_name);
}

template <class V, Of<DmReceived> S>
void fields(V& v, S& s) {
  fields_of<DmSent>(v, s);
  v("from_name", s.from_name);
}

template <class V, Of<GroupDmReceived> S>
void fields(V& v, S& s) {
  v.id("conversation_id", s.conversation_id);
  v("message", s.message);
  v("created_at", s.created_at);
  v.id("id", s.id);
  v.id("agent_id", s.agent_id);
  v("text", s.text);
  v.known_or("injection_mode", s.injection_mode);
  v.defaulted("attachments", s.attachments);
  v("from_name", s.from_name);
}

template <class V, Of<MessageReacted> S>
void fields(V& v, S& s) {
  v.id("message_id", s.message_id);
  v("agent_name", s.agent_name);
  v("emoji", s.emoji);
  v("action", s.action);
}

template <class V, Of<MessageRead> S>
void fields(V& v, S& s) {
  v.id("message_id", s.message_id);
  v.id("agent_id", s.agent_id);
  v("read_at", s.read_at);
  v("agent_name", s.agent_name);
}

template <class V, Of<ActionOutcome> S>
void fields(V& v, S& s) {
  v.id("invocation_id", s.invocation_id);
  v("action_name", s.action_name);
  v("status", s.status);
  v.defaulted("output", s.output);
  v.nullable("error", s.error);
}

template <class V, class S>
  requires Of<S, ActionCompleted> || Of<S, ActionFailed>
void fields(V& v, S& s) {
  fields_of<ActionOutcome>(v, s);
}

template <class V, Of<ActionDenied> S>
void fields(V& v, S& s) {
  v("action_name", s.action_name);
  v("caller_name", s.caller_name);
  v("error", s.error);
}

template <class V, Of<DeliveryNotice> S>
void fields(V& v, S& s) {
  v.id("message_id", s.message_id);
  v.id("delivery_id", s.delivery_id);
  v("target_agent_name", s.target_agent_name);
  v("reason", s.reason);
  v("error", s.error);
  v("retryable", s.retryable);
  v("available_at", s.available_at);
}

template <class V, class S>
  requires Of<S, DeliveryAccepted> || Of<S, DeliveryDelivered> || Of<S, DeliveryDeferred> ||
           Of<S, DeliveryFailed>
void fields(V& v, S& s) {
  fields_of<DeliveryNotice>(v, s);
}

}  // namespace relay::wire
