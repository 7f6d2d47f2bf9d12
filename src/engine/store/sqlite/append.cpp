// A message and its deliveries, in one transaction: the one path that everything sent takes.
#include <algorithm>
#include <fmt/format.h>

#include "engine/names.hpp"
#include "engine/refusal.hpp"
#include "engine/store/sqlite/rows.hpp"
#include "engine/store/sqlite/sqlite_store.hpp"

namespace relay::engine {

using storage::Query;

/// A member of the channel, with where its mailbox is.
struct SqliteStore::Recipient {
  Id agent = 0;
  Id node = 0;
  std::uint64_t last_seq = 0;
  std::uint64_t open = 0;
  DeliveryReason reason = DeliveryReason::message;
};

namespace {

/// One key of one agent in one scope.
std::string stored_key(Id author, const IdempotencyKey& key) {
  return fmt::format("{}:{}:{}", author, key.scope, key.key);
}

DeliveryReason reason_for(const Channel& channel, bool is_answer, bool is_mentioned) {
  if (channel.kind != ChannelKind::channel) return DeliveryReason::direct;
  if (is_mentioned) return DeliveryReason::mention;
  return is_answer ? DeliveryReason::thread_reply : DeliveryReason::message;
}

}  // namespace

Result<Posted> SqliteStore::append_message(const MessageDraft& draft) {
  std::string key;
  if (draft.key) {
    key = stored_key(draft.author, *draft.key);
    Query known(db_, "SELECT id,body_hash FROM messages WHERE key=?1");
    if (known.bind(key).next()) {
      const Id id = known.number(0);
      const bool same_body = known.text(1) == draft.key->body_hash;
      const bool still_known = now() - time_of(id) < kKeysKept;
      if (still_known && same_body) return repeated(draft, id);
      if (still_known) {
        return refuse(Refusal::idempotency_key_reused,
                      "this idempotency key was used for another message");
      }
      Query(db_, "UPDATE messages SET key=NULL,body_hash=NULL WHERE id=?1").bind(id).run();
    }
  }

  Posted posted;
  Message& message = posted.message;
  message.channel = draft.channel;
  if (draft.answer_to != 0) {
    Query parent(db_, "SELECT channel,thread FROM messages WHERE id=?1");
    if (!parent.bind(draft.answer_to).next()) {
      if (db_.failed()) return fail(*db_.error());
      return refuse(Refusal::message_not_found, "there is no message to answer");
    }
    message.channel = parent.number(0);
    message.thread = parent.number(1) != 0 ? parent.number(1) : draft.answer_to;
  }

  Channel channel;
  {
    Query query(db_,
                "SELECT workspace,kind,name,archived,(SELECT name FROM agents WHERE id=?2) "
                "FROM channels WHERE id=?1");
    if (!query.bind(message.channel).bind(draft.author).next()) {
      if (db_.failed()) return fail(*db_.error());
      return refuse(Refusal::channel_not_found, "there is no such channel");
    }
    channel.id = message.channel;
    channel.workspace = query.number(0);
    channel.kind = static_cast<ChannelKind>(query.integer(1));
    channel.name = query.text(2);
    if (query.flag(3)) {
      return refuse(Refusal::channel_archived, "#" + channel.name + " is archived");
    }
    if (query.is_null(4)) {
      return refuse(Refusal::agent_not_found, "the author is no agent of this workspace");
    }
    message.author_name = query.text(4);
  }
  if (draft.text.find('@') != std::string::npos) posted.mentions = mentions_in(draft.text);

  bool author_is_member = false;
  const auto recipients = recipients_of(draft, channel, posted.mentions, author_is_member);
  if (channel.kind != ChannelKind::channel && !author_is_member && !db_.failed()) {
    return refuse(Refusal::forbidden, "the author is not in this conversation");
  }

  message.id = next_id();
  message.workspace = channel.workspace;
  message.author = draft.author;
  message.text = draft.text;
  message.blocks = draft.blocks;
  message.metadata = draft.metadata;
  message.attachments = draft.attachments;
  message.steer = draft.steer;
  Query(db_,
        "INSERT INTO messages(id,channel,author,author_name,thread,text,blocks,metadata,steer,key,"
        "body_hash,attachments) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)")
      .bind(message.id)
      .bind(message.channel)
      .bind(message.author)
      .bind(message.author_name)
      .bind(message.thread)
      .bind(message.text)
      .bind(rows::or_null(message.blocks))
      .bind(rows::or_null(message.metadata))
      .bind(message.steer)
      .bind(rows::or_null(key))
      .bind(rows::or_null(draft.key ? draft.key->body_hash : std::string()))
      .bind(rows::or_null(message.attachments))
      .run();
  posted.deliveries.reserve(recipients.size());
  for (const auto& recipient : recipients) deliver(recipient, message, posted);
  return checked(std::move(posted));
}

/// What was posted under this key, as far as it is still known.
Result<Posted> SqliteStore::repeated(const MessageDraft& draft, Id message) {
  auto known = this->message(message);
  if (!known) return fail(std::move(known).error());
  Posted posted;
  posted.message = *std::move(known);
  posted.mentions = mentions_in(draft.text);
  posted.replayed = true;
  return posted;
}

std::vector<SqliteStore::Recipient> SqliteStore::recipients_of(
    const MessageDraft& draft, const Channel& channel, const std::vector<std::string>& mentions,
    bool& author_is_member) const {
  std::vector<Recipient> recipients;
  Query query(db_,
              "SELECT m.agent,m.muted,a.node,b.last_seq,b.open,a.name FROM members m "
              "JOIN agents a ON a.id=m.agent JOIN mailboxes b ON b.agent=m.agent "
              "WHERE m.channel=?1");
  query.bind(channel.id);
  while (query.next()) {
    const Id agent = query.number(0);
    if (agent == draft.author) {
      author_is_member = true;
      continue;
    }
    bool is_mentioned = false;
    if (!mentions.empty()) {
      is_mentioned = std::find(mentions.begin(), mentions.end(), query.text(5)) != mentions.end();
    }
    if (query.flag(1) && !is_mentioned) continue;
    Recipient& recipient = recipients.emplace_back();
    recipient.agent = agent;
    recipient.node = query.number(2);
    recipient.last_seq = query.number(3);
    recipient.open = query.number(4);
    recipient.reason = reason_for(channel, draft.answer_to != 0, is_mentioned);
  }
  return recipients;
}

void SqliteStore::deliver(const Recipient& to, const Message& message, Posted& posted) {
  std::uint64_t open = to.open;
  if (open >= limits_.depth) {
    // What is over and not swept yet does not fill a mailbox.
    auto expired = expire_mailbox(to.agent);
    if (!expired) return;
    for (auto& each : *expired) posted.expired.push_back(std::move(each));
    Query again(db_, "SELECT open FROM mailboxes WHERE agent=?1");
    if (again.bind(to.agent).next()) open = again.number(0);
  }
  if (open >= limits_.depth) {
    posted.refused.push_back(to.agent);
    return;
  }
  Delivery delivery;
  delivery.agent = to.agent;
  delivery.seq = to.last_seq + 1;
  delivery.message = message.id;
  delivery.reason = to.reason;
  delivery.steer = message.steer;
  delivery.node = to.node;
  delivery.expires = now() + limits_.ttl;
  Query(db_,
        "UPDATE mailboxes SET last_seq=?2,open=?3,first_open=iif(open=0,?2,first_open) "
        "WHERE agent=?1")
      .bind(to.agent)
      .bind(delivery.seq)
      .bind(open + 1)
      .run();
  Query(db_,
        "INSERT INTO deliveries(agent,seq,message,status,reason,steer,node,attempts,expires) "
        "VALUES(?1,?2,?3,0,?4,?5,?6,0,?7)")
      .bind(delivery.agent)
      .bind(delivery.seq)
      .bind(delivery.message)
      .bind(static_cast<int>(delivery.reason))
      .bind(delivery.steer)
      .bind(delivery.node)
      .bind(rows::stamp(delivery.expires))
      .run();
  posted.deliveries.push_back(std::move(delivery));
}

Result<std::uint32_t> SqliteStore::prune_keys(std::uint32_t most) {
  // The index of the keys knows who has one; a message that is young enough keeps it.
  Query(db_,
        "UPDATE messages SET key=NULL,body_hash=NULL WHERE id IN "
        "(SELECT id FROM messages WHERE key IS NOT NULL AND id<?1 ORDER BY id LIMIT ?2)")
      .bind(first_id_at(now() - kKeysKept))
      .bind(static_cast<std::int64_t>(most))
      .run();
  return checked(static_cast<std::uint32_t>(db_.changes()));
}

}  // namespace relay::engine
