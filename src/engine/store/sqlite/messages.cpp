#include <fmt/format.h>

#include "engine/refusal.hpp"
#include "engine/store/sqlite/rows.hpp"
#include "engine/store/sqlite/sqlite_store.hpp"

namespace relay::engine {
namespace {

using storage::Query;

/// Large enough for every id.
constexpr Id kNoEnd = ~Id{0} >> 1U;

const std::string& message_select() {
  static const std::string kSelect =
      fmt::format("SELECT {} FROM messages m JOIN channels c ON c.id=m.channel ", rows::kMessage);
  return kSelect;
}

/// How many deliveries of it were acknowledged and who has said so of it without one.
constexpr const char* kReaderCount =
    "(SELECT count(*) FROM (SELECT agent FROM deliveries WHERE message=m.id AND status=2 UNION "
    "SELECT agent FROM reads WHERE message=m.id))";

std::string view_select(std::string_view rest) {
  return fmt::format(
      "SELECT {},(SELECT count(*) FROM messages r WHERE r.thread=m.id AND r.thread<>0),{} FROM "
      "messages m JOIN channels c ON c.id=m.channel {}",
      rows::kMessage, kReaderCount, rest);
}

MessageView view_row(const Query& row) {
  MessageView view;
  view.message = rows::message(row);
  view.replies = static_cast<std::uint32_t>(row.integer(11));
  view.readers = static_cast<std::uint32_t>(row.integer(12));
  return view;
}

Reader reader_row(const Query& row) {
  Reader reader;
  reader.agent = row.number(0);
  reader.agent_name = row.text(1);
  reader.read = rows::time_at(row, 2);
  return reader;
}

tl::unexpected<Error> no_message() {
  return refuse(Refusal::message_not_found, "there is no such message");
}

}  // namespace

Result<Message> SqliteStore::message(Id id) const {
  static const std::string kSelect = message_select() + "WHERE m.id=?1";
  Query query(db_, kSelect);
  auto found = rows::first(query.bind(id), rows::message);
  if (!found && !db_.failed()) return no_message();
  return checked(std::move(found).value_or(Message()));
}

Result<MessageView> SqliteStore::message_view(Id id) const {
  static const std::string kSelect = view_select("WHERE m.id=?1");
  std::optional<MessageView> found;
  {
    Query query(db_, kSelect);
    found = rows::first(query.bind(id), view_row);
  }
  if (!found) {
    if (db_.failed()) return fail(*db_.error());
    return no_message();
  }
  auto groups = reactions(id);
  if (!groups) return fail(std::move(groups).error());
  found->reactions = *std::move(groups);
  return *std::move(found);
}

Result<std::vector<MessageView>> SqliteStore::channel_messages(Id channel, const Page& page) const {
  static const std::string kSelect = view_select(
      "WHERE m.channel=?1 AND m.thread=0 AND m.id>?2 AND m.id<?3 ORDER BY m.id DESC LIMIT ?4");
  std::vector<MessageView> views;
  {
    Query query(db_, kSelect);
    query.bind(channel).bind(page.after).bind(page.before != 0 ? page.before : kNoEnd);
    views = rows::all(query.bind(static_cast<std::int64_t>(page.limit)), view_row);
  }
  for (auto& view : views) {
    auto groups = reactions(view.message.id);
    if (!groups) return fail(std::move(groups).error());
    view.reactions = *std::move(groups);
  }
  return checked(std::move(views));
}

Result<std::vector<Message>> SqliteStore::replies(Id thread, const Page& page) const {
  static const std::string kSelect =
      message_select() +
      "WHERE m.thread=?1 AND m.thread<>0 AND m.id>?2 AND m.id<?3 ORDER BY m.id LIMIT ?4";
  Query query(db_, kSelect);
  query.bind(thread).bind(page.after).bind(page.before != 0 ? page.before : kNoEnd);
  return checked(rows::all(query.bind(static_cast<std::int64_t>(page.limit)), rows::message));
}

Result<bool> SqliteStore::add_reaction(Id message, Id agent, const std::string& emoji) {
  auto known = this->message(message);
  if (!known) return fail(std::move(known).error());
  Query(db_, "INSERT OR IGNORE INTO reactions(message,agent,emoji,at) VALUES(?1,?2,?3,?4)")
      .bind(message)
      .bind(agent)
      .bind(emoji)
      .bind(rows::stamp(now()))
      .run();
  return checked(db_.changes() != 0);
}

Result<bool> SqliteStore::remove_reaction(Id message, Id agent, const std::string& emoji) {
  Query(db_, "DELETE FROM reactions WHERE message=?1 AND agent=?2 AND emoji=?3")
      .bind(message)
      .bind(agent)
      .bind(emoji)
      .run();
  return checked(db_.changes() != 0);
}

Result<std::vector<ReactionGroup>> SqliteStore::reactions(Id message) const {
  std::vector<ReactionGroup> groups;
  Query query(db_,
              "SELECT r.emoji,a.name FROM reactions r JOIN agents a ON a.id=r.agent "
              "WHERE r.message=?1 ORDER BY r.emoji,r.at,a.name");
  query.bind(message);
  while (query.next()) {
    auto emoji = query.text(0);
    if (groups.empty() || groups.back().emoji != emoji) {
      groups.emplace_back().emoji = std::move(emoji);
    }
    groups.back().agents.push_back(query.text(1));
  }
  return checked(std::move(groups));
}

Result<Wall> SqliteStore::mark_read(Id message, Id agent) {
  auto known = this->message(message);
  if (!known) return fail(std::move(known).error());
  auto member = is_member(known->channel, agent);
  if (!member) return fail(std::move(member).error());
  if (!*member) return no_message();
  const Wall at = now();
  Query(db_, "INSERT OR IGNORE INTO reads(message,agent,at) VALUES(?1,?2,?3)")
      .bind(message)
      .bind(agent)
      .bind(rows::stamp(at))
      .run();
  move_last_read(agent, message);
  auto acked = ack_delivery(agent, message);
  if (!acked && refusal_of(acked.error()) != Refusal::delivery_not_found) {
    return fail(std::move(acked).error());
  }
  return checked(at);
}

void SqliteStore::move_last_read(Id agent, Id message) {
  Query(db_,
        "UPDATE members SET last_read=?2 WHERE agent=?1 AND last_read<?2 AND "
        "channel=(SELECT channel FROM messages WHERE id=?2)")
      .bind(agent)
      .bind(message)
      .run();
}

Result<std::vector<Reader>> SqliteStore::readers(Id message) const {
  Query query(db_,
              "SELECT x.agent,a.name,min(x.at) FROM (SELECT agent,settled AS at FROM deliveries "
              "WHERE message=?1 AND status=2 UNION ALL SELECT agent,at FROM reads WHERE message=?1)"
              " x JOIN agents a ON a.id=x.agent GROUP BY x.agent ORDER BY 3,2");
  return checked(rows::all(query.bind(message), reader_row));
}

Result<Inbox> SqliteStore::inbox_of(Id agent, std::uint32_t limit) const {
  Inbox inbox;
  struct Place {
    Id channel = 0;
    Id last_read = 0;
  };
  std::vector<Place> places;
  {
    Query query(db_, "SELECT channel,last_read FROM members WHERE agent=?1 AND muted=0");
    query.bind(agent);
    while (query.next()) places.push_back({query.number(0), query.number(1)});
  }
  for (const auto& place : places) {
    Unread unread;
    Id last = 0;
    {
      Query count(db_,
                  "SELECT count(*),max(id) FROM (SELECT id FROM messages WHERE channel=?1 AND "
                  "thread=0 AND id>?2 AND author<>?3 ORDER BY id DESC LIMIT ?4)");
      count.bind(place.channel).bind(place.last_read).bind(agent).bind(std::int64_t{kMostCounted});
      if (!count.next() || count.integer(0) == 0) continue;
      unread.count = static_cast<std::uint32_t>(count.integer(0));
      last = count.number(1);
    }
    auto channel = this->channel(place.channel);
    if (!channel) return fail(std::move(channel).error());
    auto message = this->message(last);
    if (!message) return fail(std::move(message).error());
    if (channel->archived) continue;
    unread.channel = *std::move(channel);
    unread.last = *std::move(message);
    auto& list = unread.channel.kind == ChannelKind::channel ? inbox.channels : inbox.conversations;
    list.push_back(std::move(unread));
  }
  static const std::string kMentions =
      message_select() +
      "JOIN deliveries d ON d.message=m.id AND d.agent=?1 WHERE d.seq>=(SELECT first_open FROM "
      "mailboxes WHERE agent=?1) AND d.reason=1 AND d.status<2 ORDER BY d.seq DESC LIMIT ?2";
  Query mentions(db_, kMentions);
  inbox.mentions =
      rows::all(mentions.bind(agent).bind(static_cast<std::int64_t>(limit)), rows::message);
  return checked(std::move(inbox));
}

Result<std::uint32_t> SqliteStore::prune_messages(std::uint32_t most) {
  if (!limits_.messages_kept) return 0;
  std::vector<Id> old;
  {
    Query query(db_,
                "SELECT id FROM messages m WHERE id<?1 AND NOT EXISTS (SELECT 1 FROM messages r "
                "WHERE r.thread=m.id AND r.thread<>0) AND NOT EXISTS (SELECT 1 FROM deliveries d "
                "WHERE d.message=m.id AND d.status<2) ORDER BY id LIMIT ?2");
    query.bind(first_id_at(now() - *limits_.messages_kept)).bind(std::int64_t{most});
    while (query.next()) old.push_back(query.number(0));
  }
  static constexpr const char* kOf[] = {
      R"(INSERT INTO message_words(message_words,rowid,text) SELECT 'delete',id,text FROM messages
           WHERE id=?1 AND id<=(SELECT indexed FROM search))",
      "DELETE FROM reactions WHERE message=?1",
      "DELETE FROM reads WHERE message=?1",
      "DELETE FROM deliveries WHERE message=?1",
      "DELETE FROM messages WHERE id=?1",
  };
  for (const Id id : old) {
    for (const char* sql : kOf) Query(db_, sql).bind(id).run();
  }
  return checked(static_cast<std::uint32_t>(old.size()));
}

}  // namespace relay::engine
