#include <fmt/format.h>

#include "engine/refusal.hpp"
#include "engine/store/sqlite/rows.hpp"
#include "engine/store/sqlite/search_words.hpp"
#include "engine/store/sqlite/sqlite_store.hpp"

namespace relay::engine {
namespace {

using storage::Query;

constexpr Id kNoLastId = ~Id{0} >> 1U;
constexpr Duration kRecently = std::chrono::hours(24 * 7);

RecentReaction recent_reaction_row(const Query& row) {
  RecentReaction reaction;
  reaction.message = row.number(0);
  reaction.channel_name = row.text(1);
  reaction.emoji = row.text(2);
  reaction.agent_name = row.text(3);
  reaction.at = rows::time_at(row, 4);
  return reaction;
}

SearchHit hit_row(const Query& row) {
  SearchHit hit;
  hit.message = rows::message(row);
  hit.score = row.real(rows::kMessageColumns);
  return hit;
}

}  // namespace

std::string match_of(std::string_view words) {
  std::string match;
  bool within = false;
  for (const char c : words) {
    const bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\0';
    if (space == within) {
      match += within ? "\"" : match.empty() ? "\"" : " \"";
      within = !within;
    }
    if (space) continue;
    if (c == '"') match += '"';
    match += c;
  }
  if (within) match += '"';
  return match;
}

Result<bool> SqliteStore::index_messages(std::uint32_t most) {
  Id from = 0;
  {
    Query mark(db_, "SELECT indexed FROM search");
    if (mark.next()) from = mark.number(0);
  }
  Id last = 0;
  std::int64_t found = 0;
  {
    Query next(db_,
               "SELECT max(id),count(*) FROM (SELECT id FROM messages WHERE id>?1 ORDER BY id "
               "LIMIT ?2)");
    if (!next.bind(from).bind(std::int64_t{most}).next()) return checked(false);
    last = next.number(0);
    found = next.integer(1);
  }
  if (found == 0) return checked(false);
  Query(db_,
        "INSERT INTO message_words(rowid,text) SELECT id,text FROM messages WHERE id>?1 AND id<=?2")
      .bind(from)
      .bind(last)
      .run();
  Query(db_, "UPDATE search SET indexed=?1").bind(last).run();
  return checked(found == std::int64_t{most});
}

Result<std::vector<SearchHit>> SqliteStore::search(const SearchQuery& query) const {
  static const std::string kSelect = fmt::format(
      "SELECT {},bm25(message_words) FROM message_words JOIN messages m ON "
      "m.id=message_words.rowid JOIN channels c ON c.id=m.channel WHERE message_words MATCH ?1 AND "
      "c.workspace=?2 AND (?3=0 OR m.channel=?3) AND (?4=0 OR m.author=?4) AND m.id>?5 AND m.id<?6 "
      "AND (?7=0 OR c.kind=0 OR EXISTS(SELECT 1 FROM members x WHERE x.channel=c.id AND "
      "x.agent=?7)) ORDER BY bm25(message_words),m.id DESC LIMIT ?8",
      rows::kMessage);
  const std::string match = match_of(query.words);
  if (match.empty()) return std::vector<SearchHit>();
  Query select(db_, kSelect);
  select.bind(match).bind(query.workspace).bind(query.channel).bind(query.author);
  select.bind(query.page.after).bind(query.page.before != 0 ? query.page.before : kNoLastId);
  select.bind(query.reader).bind(std::int64_t{query.page.limit});
  return checked(rows::all(select, hit_row));
}

Result<std::vector<std::pair<Message, Channel>>> SqliteStore::recent_messages(
    Id workspace, std::uint32_t most) const {
  static const std::string kSelect = fmt::format(
      "SELECT {} FROM messages m JOIN channels c ON c.id=m.channel WHERE c.workspace=?1 ORDER BY "
      "m.id DESC LIMIT ?2",
      rows::kMessage);
  std::vector<Message> messages;
  {
    Query query(db_, kSelect);
    messages = rows::all(query.bind(workspace).bind(std::int64_t{most}), rows::message);
  }
  std::vector<std::pair<Message, Channel>> recent;
  for (auto& message : messages) {
    auto in = channel(message.channel);
    if (!in) return fail(std::move(in).error());
    recent.emplace_back(std::move(message), *std::move(in));
  }
  return checked(std::move(recent));
}

Result<std::vector<RecentReaction>> SqliteStore::recent_reactions(Id author,
                                                                  std::uint32_t most) const {
  // By the key of the reactions, which begins with the message.
  Query query(db_,
              "SELECT r.message,c.name,r.emoji,a.name,r.at FROM reactions r JOIN messages m ON "
              "m.id=r.message JOIN channels c ON c.id=m.channel JOIN agents a ON a.id=r.agent "
              "WHERE r.message>=?2 AND m.author=?1 AND r.agent<>?1 ORDER BY r.at DESC LIMIT ?3");
  query.bind(author).bind(first_id_at(now() - kRecently)).bind(std::int64_t{most});
  return checked(rows::all(query, recent_reaction_row));
}

Result<Wall> SqliteStore::reacted_at(Id message, Id agent, const std::string& emoji) const {
  Query query(db_, "SELECT at FROM reactions WHERE message=?1 AND agent=?2 AND emoji=?3");
  if (!query.bind(message).bind(agent).bind(emoji).next()) {
    if (db_.failed()) return fail(*db_.error());
    return refuse(Refusal::message_not_found, "there is no such reaction");
  }
  return rows::time_at(query, 0);
}

}  // namespace relay::engine
