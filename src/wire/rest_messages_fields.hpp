#pragma once

// Field lists that several .cpp files of wire need.

#include "wire/common_fields.hpp"
#include "wire/rest_messages.hpp"

namespace relay::wire {

template <class V, Of<MessagePost> S>
void fields(V& v, S& s) {
  v("text", s.text);
  v("blocks", s.blocks);
  v("attachments", s.attachments);
  v("data", s.data);
  v("content_type", s.content_type);
  v("mode", s.mode);
}

template <class V, Of<ReactionGroup> S>
void fields(V& v, S& s) {
  v("emoji", s.emoji);
  v("count", s.count);
  v.defaulted("agents", s.agents);
}

template <class V, Of<Message> S>
void fields(V& v, S& s) {
  v.id("id", s.id);
  v.id("channel_id", s.channel_id);
  v("channel_name", s.channel_name);
  v.id("agent_id", s.agent_id);
  v("agent_name", s.agent_name);
  v("text", s.text);
  v.defaulted("blocks", s.blocks);
  v.defaulted("metadata", s.metadata);
  v.defaulted("has_attachments", s.has_attachments);
  v.nullable("thread_id", s.thread_id);
  v("created_at", s.created_at);
  v.defaulted("mentions", s.mentions);
  v.defaulted("attachments", s.attachments);
  v.known_or("injection_mode", s.injection_mode);
  v("reply_count", s.reply_count);
  v("reactions", s.reactions);
  v("read_by_count", s.read_by_count);
}

template <class V, Of<ReplyPost> S>
void fields(V& v, S& s) {
  v("text", s.text);
  v("blocks", s.blocks);
  v("data", s.data);
}

template <class V, Of<ThreadReply> S>
void fields(V& v, S& s) {
  v.id("id", s.id);
  v.id("channel_id", s.channel_id);
  v("channel_name", s.channel_name);
  v.id("agent_id", s.agent_id);
  v("agent_name", s.agent_name);
  v.id("thread_id", s.thread_id);
  v("text", s.text);
  v.defaulted("blocks", s.blocks);
  v.defaulted("metadata", s.metadata);
  v.defaulted("has_attachments", s.has_attachments);
  v("created_at", s.created_at);
}

template <class V, Of<Thread> S>
void fields(V& v, S& s) {
  v("parent", s.parent);
  v.defaulted("replies", s.replies);
}

template <class V, Of<ReactionPost> S>
void fields(V& v, S& s) {
  v("emoji", s.emoji);
}

template <class V, Of<Reaction> S>
void fields(V& v, S& s) {
  v.id("id", s.id);
  v.id("message_id", s.message_id);
  v("agent_name", s.agent_name);
  v("emoji", s.emoji);
  v("created_at", s.created_at);
}

template <class V, Of<ReadReceipt> S>
void fields(V& v, S& s) {
  v.id("message_id", s.message_id);
  v.id("agent_id", s.agent_id);
  v("read_at", s.read_at);
}

template <class V, Of<Reader> S>
void fields(V& v, S& s) {
  v.id("agent_id", s.agent_id);
  v("agent_name", s.agent_name);
  v("read_at", s.read_at);
}

template <class V, Of<InboxChannel> S>
void fields(V& v, S& s) {
  v("channel_name", s.channel_name);
  v("unread_count", s.unread_count);
}

template <class V, Of<InboxMention> S>
void fields(V& v, S& s) {
  v.id("id", s.id);
  v("channel_name", s.channel_name);
  v("agent_name", s.agent_name);
  v("text", s.text);
  v("created_at", s.created_at);
}

template <class V, Of<InboxDm> S>
void fields(V& v, S& s) {
  v("conversation_id", s.conversation_id);
  v("from", s.from);
  v("unread_count", s.unread_count);
  v.defaulted("last_message", s.last_message);
}

template <class V, Of<Inbox> S>
void fields(V& v, S& s) {
  v.defaulted("unread_channels", s.unread_channels);
  v.defaulted("mentions", s.mentions);
  v.defaulted("unread_dms", s.unread_dms);
  v.defaulted("recent_reactions", s.recent_reactions);
}

template <class V, Of<SearchHit> S>
void fields(V& v, S& s) {
  v.id("id", s.id);
  v.id("channel_id", s.channel_id);
  v.nullable("channel_name", s.channel_name);
  v.nullable("conversation_id", s.conversation_id);
  v("agent_name", s.agent_name);
  v("text", s.text);
  v("created_at", s.created_at);
  v.defaulted("relevance_score", s.relevance_score);
}

}  // namespace relay::wire
