#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "engine/ids.hpp"
#include "engine/store/channels.hpp"
#include "engine/store/deliveries.hpp"

namespace relay::engine {

struct Message {
  Id id = 0;  // its time is in it
  Id workspace = 0;
  Id channel = 0;
  Id author = 0;
  std::string author_name;
  /// The message that this one answers; 0 for one of the channel itself.
  Id thread = 0;
  std::string text;
  std::string blocks;       // JSON, or empty
  std::string metadata;     // JSON, or empty
  std::string attachments;  // JSON, what its files were when it was posted, or empty
  bool steer = false;
};

/// The same key and scope again within 24 h is the same message again, if `body` is the same too.
struct IdempotencyKey {
  std::string scope;
  std::string key;
  std::string body_hash;
};

struct MessageDraft {
  Id channel = 0;
  Id author = 0;
  /// Any message of the thread.
  Id answer_to = 0;
  std::string text;
  std::string blocks;
  std::string metadata;
  std::string attachments;
  bool steer = false;
  std::optional<IdempotencyKey> key;
};

struct Posted {
  Message message;
  std::vector<std::string> mentions;
  /// One for each recipient, in the same transaction.
  std::vector<Delivery> deliveries;
  /// Recipients whose mailbox is full: there is no delivery, and the author has to be told.
  std::vector<Id> refused;
  /// Older deliveries of a full mailbox that were over; their authors have to be told too.
  std::vector<Expired> expired;
  /// It was posted before under the same key; nothing was done now.
  bool replayed = false;
};

struct ReactionGroup {
  std::string emoji;
  std::vector<std::string> agents;
};

/// A message as lists show it.
struct MessageView {
  Message message;
  std::uint32_t replies = 0;
  std::uint32_t readers = 0;
  std::vector<ReactionGroup> reactions;
};

struct Reader {
  Id agent = 0;
  std::string agent_name;
  Wall read;
};

/// Ids between these, without them; 0 is open.
struct Page {
  Id after = 0;
  Id before = 0;
  std::uint32_t limit = 50;
};

struct Unread {
  Channel channel;
  std::uint32_t count = 0;
  Message last;
};

struct Inbox {
  std::vector<Unread> channels;
  std::vector<Unread> conversations;
  std::vector<Message> mentions;
};

class MessageStore {
 public:
  virtual ~MessageStore() = default;

  /// The message and a delivery for each recipient: the members of the channel but its author and
  /// who has muted it, and those who have but are mentioned. channel_not_found, channel_archived,
  /// not_a_member (of a conversation), message_not_found (the one to answer),
  /// idempotency_key_reused.
  virtual Result<Posted> append_message(const MessageDraft& draft) = 0;
  /// False when it was there already.
  virtual Result<bool> add_reaction(Id message, Id agent, const std::string& emoji) = 0;
  /// False when there was none.
  virtual Result<bool> remove_reaction(Id message, Id agent, const std::string& emoji) = 0;
  /// Its delivery is acknowledged too, and what it has read goes on, never back.
  /// message_not_found also for who is no member.
  virtual Result<Wall> mark_read(Id message, Id agent) = 0;

  /// Forgets idempotency keys whose time is over, at most `most`; how many.
  virtual Result<std::uint32_t> prune_keys(std::uint32_t most) = 0;
  /// Removes messages that are older than the limit of the store, if it has one, at most `most`;
  /// how many. One that is still on its way to somebody, or has answers, stays until it is not.
  virtual Result<std::uint32_t> prune_messages(std::uint32_t most) = 0;

  [[nodiscard]] virtual Result<Message> message(Id id) const = 0;
  /// Youngest first, without answers.
  [[nodiscard]] virtual Result<std::vector<MessageView>> channel_messages(
      Id channel, const Page& page) const = 0;
  [[nodiscard]] virtual Result<MessageView> message_view(Id id) const = 0;
  /// Oldest first.
  [[nodiscard]] virtual Result<std::vector<Message>> replies(Id thread, const Page& page) const = 0;
  [[nodiscard]] virtual Result<std::vector<ReactionGroup>> reactions(Id message) const = 0;
  [[nodiscard]] virtual Result<std::vector<Reader>> readers(Id message) const = 0;
  /// What the agent has not read; at most `limit` mentions.
  [[nodiscard]] virtual Result<Inbox> inbox_of(Id agent, std::uint32_t limit) const = 0;
};

}  // namespace relay::engine
