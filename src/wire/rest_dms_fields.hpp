#pragma once

// Field lists that several .cpp files of wire need.

#include "wire/common_fields.hpp"
#include "wire/rest_dms.hpp"

namespace relay::wire {

template <class V, Of<DmPost> S>
void fields(V& v, S& s) {
  v("to", s.to);
  v("text", s.text);
  v("attachments", s.attachments);
  v("mode", s.mode);
}

template <class V, Of<DmMessage> S>
void fields(V& v, S& s) {
  v.id("id", s.id);
  v.id("agent_id", s.agent_id);
  v("agent_name", s.agent_name);
  v("text", s.text);
  v.known_or("injection_mode", s.injection_mode);
  v.defaulted("attachments", s.attachments);
  v("created_at", s.created_at);
}

template <class V, Of<DmSent> S>
void fields(V& v, S& s) {
  v.id("conversation_id", s.conversation_id);
  v("message", s.message);
  v("created_at", s.created_at);
  v.id("id", s.id);
  v.id("from_agent_id", s.from_agent_id);
  v("to", s.to);
  v("text", s.text);
  v.known_or("injection_mode", s.injection_mode);
  v.defaulted("attachments", s.attachments);
  v("recipient_status", s.recipient_status);
}

template <class V, Of<DmParticipant> S>
void fields(V& v, S& s) {
  v.id("agent_id", s.agent_id);
  v("agent_name", s.agent_name);
}

template <class V, Of<DmConversation> S>
void fields(V& v, S& s) {
  v.id("id", s.id);
  v("type", s.type);
  v.nullable("name", s.name);
  v.defaulted("participants", s.participants);
  v.defaulted("last_message", s.last_message);
  v.defaulted("unread_count", s.unread_count);
  v("created_at", s.created_at);
}

template <class V, Of<DmConversationOverview> S>
void fields(V& v, S& s) {
  v.id("id", s.id);
  v.defaulted("type", s.type);
  v.nullable("name", s.name);
  v.defaulted("participants", s.participants);
  v.defaulted("last_message", s.last_message);
  v("message_count", s.message_count);
  v("created_at", s.created_at);
}

template <class V, Of<GroupCreate> S>
void fields(V& v, S& s) {
  v("participants", s.participants);
  v("name", s.name);
}

template <class V, Of<GroupCreated> S>
void fields(V& v, S& s) {
  v.id("id", s.id);
  v.id("channel_id", s.channel_id);
  v("dm_type", s.dm_type);
  v.nullable("name", s.name);
  v.defaulted("participants", s.participants);
  v("created_at", s.created_at);
}

template <class V, Of<DmMessagePost> S>
void fields(V& v, S& s) {
  v("text", s.text);
  v("attachments", s.attachments);
  v("mode", s.mode);
}

template <class V, Of<DmMessageSent> S>
void fields(V& v, S& s) {
  v.id("conversation_id", s.conversation_id);
  v("message", s.message);
  v("created_at", s.created_at);
}

template <class V, Of<ParticipantAdd> S>
void fields(V& v, S& s) {
  v("agent_name", s.agent_name);
}

template <class V, Of<ParticipantAdded> S>
void fields(V& v, S& s) {
  v.id("conversation_id", s.conversation_id);
  v("agent", s.agent);
  v.defaulted("already_member", s.already_member);
}

}  // namespace relay::wire
