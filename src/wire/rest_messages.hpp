#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "wire/body.hpp"
#include "wire/common.hpp"

namespace relay::wire {

// Bodies of messages, threads, reactions, reads, the inbox and the search.

/// POST /channels/{name}/messages
struct MessagePost {
  std::string text;
  std::optional<Json> blocks;
  std::optional<std::vector<std::string>> attachments;
  std::optional<Json> data;
  std::optional<std::string> content_type;
  std::optional<InjectionMode> mode;
};

struct ReactionGroup {
  std::string emoji;
  std::uint32_t count = 0;
  std::vector<std::string> agents;
};

/// A message of a channel. What only lists carry is optional.
struct Message {
  std::string id;
  std::string channel_id;
  std::optional<std::string> channel_name;
  std::string agent_id;
  std::string agent_name;
  std::string text;
  Json blocks;
  Json metadata;
  bool has_attachments = false;
  std::optional<std::string> thread_id;
  std::string created_at;
  std::vector<std::string> mentions;
  Json attachments;
  InjectionMode injection_mode = InjectionMode::wait;
  std::optional<std::uint32_t> reply_count;
  std::optional<std::vector<ReactionGroup>> reactions;
  std::optional<std::uint32_t> read_by_count;
};

/// POST /messages/{id}/replies
struct ReplyPost {
  std::string text;
  std::optional<Json> blocks;
  std::optional<Json> data;
};

struct ThreadReply {
  std::string id;
  std::string channel_id;
  std::optional<std::string> channel_name;
  std::string agent_id;
  std::string agent_name;
  std::string thread_id;
  std::string text;
  Json blocks;
  Json metadata;
  bool has_attachments = false;
  std::string created_at;
};

/// GET /messages/{id}/replies
struct Thread {
  Message parent;
  std::vector<ThreadReply> replies;
};

/// POST /messages/{id}/reactions
struct ReactionPost {
  std::string emoji;
};

struct Reaction {
  std::string id;
  std::string message_id;
  std::string agent_name;
  std::string emoji;
  std::string created_at;
};

/// POST /messages/{id}/read
struct ReadReceipt {
  std::string message_id;
  std::string agent_id;
  std::string read_at;
};

/// One of GET /messages/{id}/readers
struct Reader {
  std::string agent_id;
  std::string agent_name;
  std::string read_at;
};

struct InboxChannel {
  std::string channel_name;
  std::uint32_t unread_count = 0;
};

struct InboxMention {
  std::string id;
  std::string channel_name;
  std::string agent_name;
  std::string text;
  std::string created_at;
};

struct InboxDm {
  std::string conversation_id;
  std::string from;
  std::uint32_t unread_count = 0;
  Json last_message;
};

/// GET /inbox
struct Inbox {
  std::vector<InboxChannel> unread_channels;
  std::vector<InboxMention> mentions;
  std::vector<InboxDm> unread_dms;
  Json recent_reactions;
};

/// One of GET /search, best first.
struct SearchHit {
  std::string id;
  std::string channel_id;
  std::optional<std::string> channel_name;
  std::optional<std::string> conversation_id;
  std::string agent_name;
  std::string text;
  std::string created_at;
  double relevance_score = 0;
};

}  // namespace relay::wire
