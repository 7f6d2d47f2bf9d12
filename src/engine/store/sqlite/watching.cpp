#include <algorithm>
#include <fmt/format.h>

#include "engine/refusal.hpp"
#include "engine/store/sqlite/rows.hpp"
#include "engine/store/sqlite/sqlite_store.hpp"

namespace relay::engine {
namespace {

using storage::Query;

constexpr const char* kObserver = "id,workspace,name,scopes,description,filters,expires";
constexpr const char* kTrigger =
    "id,workspace,channel,pattern,mention,action,enabled,last_triggered,updated";

Observer observer_row(const Query& row) {
  Observer observer;
  observer.id = row.number(0);
  observer.workspace = row.number(1);
  observer.name = row.text(2);
  observer.scopes = rows::texts_of(row.text(3));
  observer.description = rows::maybe_text(row, 4);
  observer.filters = row.text(5);
  observer.expires = rows::maybe_time(row, 6);
  return observer;
}

AgentLogEvent agent_event_row(const Query& row) {
  AgentLogEvent event;
  event.id = row.number(0);
  event.seq = row.number(1);
  event.type = row.text(2);
  event.payload = row.text(3);
  return event;
}

Trigger trigger_row(const Query& row) {
  Trigger trigger;
  trigger.id = row.number(0);
  trigger.workspace = row.number(1);
  trigger.channel = rows::maybe_text(row, 2);
  trigger.pattern = rows::maybe_text(row, 3);
  trigger.mention = rows::maybe_text(row, 4);
  trigger.action = row.text(5);
  trigger.enabled = row.flag(6);
  trigger.last_triggered = rows::maybe_time(row, 7);
  trigger.updated = rows::time_at(row, 8);
  return trigger;
}

WorkspaceEvent workspace_event_row(const Query& row) {
  WorkspaceEvent event;
  event.seq = row.number(0);
  event.type = row.text(1);
  event.channel = row.number(2);
  event.channel_name = row.text(3);
  event.conversation = row.text(4);
  event.author = row.text(5);
  event.payload = row.text(6);
  event.at = rows::time_at(row, 7);
  return event;
}

tl::unexpected<Error> no_observer() {
  return refuse(Refusal::observer_token_not_found, "there is no such observer token");
}

tl::unexpected<Error> no_trigger() {
  return refuse(Refusal::trigger_not_found, "there is no such trigger");
}

}  // namespace

Result<Observer> SqliteStore::put_observer(const Observer& observer,
                                           const std::optional<std::string>& token_hash) {
  {
    Query same(db_, "SELECT 1 FROM observers WHERE workspace=?1 AND name=?2 AND id<>?3");
    if (same.bind(observer.workspace).bind(observer.name).bind(observer.id).next()) {
      return refuse(Refusal::observer_token_name_conflict,
                    "there is an observer token called " + observer.name);
    }
  }
  const Id id = observer.id != 0 ? observer.id : next_id();
  Query(db_,
        "INSERT INTO observers(id,workspace,name,scopes,description,filters,expires,token_hash) "
        "VALUES(?1,?2,?3,?4,?5,?6,?7,ifnull(?8,'')) ON CONFLICT(id) DO UPDATE SET "
        "name=excluded.name,scopes=excluded.scopes,description=excluded.description,"
        "filters=excluded.filters,expires=excluded.expires,token_hash=ifnull(?8,token_hash)")
      .bind(id)
      .bind(observer.workspace)
      .bind(observer.name)
      .bind(rows::to_json(observer.scopes))
      .bind(observer.description)
      .bind(rows::or_null(observer.filters))
      .bind(rows::stamp(observer.expires))
      .bind(token_hash)
      .run();
  if (db_.failed()) return fail(*db_.error());
  return this->observer(observer.workspace, id);
}

Result<void> SqliteStore::remove_observer(Id id) {
  Query(db_, "DELETE FROM observers WHERE id=?1").bind(id).run();
  if (!db_.failed() && db_.changes() == 0) return no_observer();
  return checked();
}

Result<Observer> SqliteStore::observer(Id workspace, Id id) const {
  static const std::string kSelect =
      fmt::format("SELECT {} FROM observers WHERE id=?1 AND workspace=?2", kObserver);
  Query query(db_, kSelect);
  auto found = rows::first(query.bind(id).bind(workspace), observer_row);
  if (!found && !db_.failed()) return no_observer();
  return checked(std::move(found).value_or(Observer()));
}

Result<std::vector<Observer>> SqliteStore::observers(Id workspace) const {
  static const std::string kSelect =
      fmt::format("SELECT {} FROM observers WHERE workspace=?1 ORDER BY id", kObserver);
  Query query(db_, kSelect);
  return checked(rows::all(query.bind(workspace), observer_row));
}

Result<Observer> SqliteStore::observer_of_token(const std::string& token_hash) const {
  static const std::string kSelect =
      fmt::format("SELECT {} FROM observers WHERE token_hash=?1", kObserver);
  Query query(db_, kSelect);
  auto found = rows::first(query.bind(token_hash), observer_row);
  if (db_.failed()) return fail(*db_.error());
  if (!found || (found->expires && *found->expires <= now())) {
    return refuse(Refusal::observer_token_invalid, "no observer has this token");
  }
  return *std::move(found);
}

Result<AgentLogEvent> SqliteStore::add_agent_event(Id agent, const std::string& type,
                                                   const std::string& payload) {
  AgentLogEvent event;
  event.id = next_id();
  event.type = type;
  event.payload = payload;
  {
    Query last(db_, "SELECT ifnull(max(seq),0) FROM agent_events WHERE agent=?1");
    if (last.bind(agent).next()) event.seq = last.number(0) + 1;
  }
  Query(db_, "INSERT INTO agent_events(id,agent,seq,type,payload) VALUES(?1,?2,?3,?4,?5)")
      .bind(event.id)
      .bind(agent)
      .bind(event.seq)
      .bind(type)
      .bind(payload)
      .run();
  Query(db_, "DELETE FROM agent_events WHERE agent=?1 AND seq<=?2")
      .bind(agent)
      .bind(event.seq - std::min(event.seq, kEventsKept))
      .run();
  return checked(std::move(event));
}

Result<std::vector<AgentLogEvent>> SqliteStore::agent_events(Id agent, std::uint32_t most) const {
  Query query(
      db_,
      "SELECT id,seq,type,payload FROM agent_events WHERE agent=?1 ORDER BY seq DESC LIMIT ?2");
  auto events = rows::all(query.bind(agent).bind(std::int64_t{most}), agent_event_row);
  std::reverse(events.begin(), events.end());
  return checked(std::move(events));
}

Result<Trigger> SqliteStore::put_trigger(const Trigger& trigger) {
  const Id id = trigger.id != 0 ? trigger.id : next_id();
  Query(db_,
        "INSERT INTO triggers(id,workspace,channel,pattern,mention,action,enabled,updated) "
        "VALUES(?1,?2,?3,?4,?5,?6,?7,?8) ON CONFLICT(id) DO UPDATE SET channel=excluded.channel,"
        "pattern=excluded.pattern,mention=excluded.mention,action=excluded.action,"
        "enabled=excluded.enabled,updated=excluded.updated")
      .bind(id)
      .bind(trigger.workspace)
      .bind(trigger.channel)
      .bind(trigger.pattern)
      .bind(trigger.mention)
      .bind(trigger.action)
      .bind(trigger.enabled)
      .bind(rows::stamp(now()))
      .run();
  if (db_.failed()) return fail(*db_.error());
  return this->trigger(trigger.workspace, id);
}

Result<void> SqliteStore::remove_trigger(Id id) {
  Query(db_, "DELETE FROM triggers WHERE id=?1").bind(id).run();
  if (!db_.failed() && db_.changes() == 0) return no_trigger();
  return checked();
}

Result<bool> SqliteStore::claim_trigger(Id id, Wall since) {
  // In one statement: of two posts at the same time one fires it.
  Query(db_,
        "UPDATE triggers SET last_triggered=?2 WHERE id=?1 AND "
        "(last_triggered IS NULL OR last_triggered<=?3 OR last_triggered>?2)")
      .bind(id)
      .bind(rows::stamp(now()))
      .bind(rows::stamp(since))
      .run();
  return checked(db_.changes() != 0);
}

Result<Trigger> SqliteStore::trigger(Id workspace, Id id) const {
  static const std::string kSelect =
      fmt::format("SELECT {} FROM triggers WHERE id=?1 AND workspace=?2", kTrigger);
  Query query(db_, kSelect);
  auto found = rows::first(query.bind(id).bind(workspace), trigger_row);
  if (!found && !db_.failed()) return no_trigger();
  return checked(std::move(found).value_or(Trigger()));
}

Result<std::vector<Trigger>> SqliteStore::triggers(Id workspace) const {
  static const std::string kSelect =
      fmt::format("SELECT {} FROM triggers WHERE workspace=?1 ORDER BY id", kTrigger);
  Query query(db_, kSelect);
  return checked(rows::all(query.bind(workspace), trigger_row));
}

Result<void> SqliteStore::begin_event_log(Id workspace) {
  Query(db_, "UPDATE workspaces SET event_seq=?2 WHERE id=?1 AND event_seq IS NULL")
      .bind(workspace)
      .bind(first_event_number(now()))
      .run();
  return checked();
}

Result<std::optional<std::uint64_t>> SqliteStore::event_log(Id workspace) const {
  std::optional<std::uint64_t> last;
  Query query(db_, "SELECT event_seq FROM workspaces WHERE id=?1");
  if (query.bind(workspace).next() && !query.is_null(0)) last = query.number(0);
  return checked(last);
}

Result<std::uint64_t> SqliteStore::log_event(Id workspace, const WorkspaceEvent& event) {
  std::uint64_t seq = 0;
  {
    Query next(db_, "UPDATE workspaces SET event_seq=event_seq+1 WHERE id=?1 RETURNING event_seq");
    if (next.bind(workspace).next()) seq = next.number(0);
  }
  Query(db_,
        "INSERT INTO workspace_events(workspace,seq,type,channel,channel_name,conversation,author,"
        "payload,at) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)")
      .bind(workspace)
      .bind(seq)
      .bind(event.type)
      .bind(event.channel)
      .bind(event.channel_name)
      .bind(event.conversation)
      .bind(event.author)
      .bind(event.payload)
      .bind(rows::stamp(now()))
      .run();
  return checked(seq);
}

Result<std::vector<WorkspaceEvent>> SqliteStore::workspace_events(Id workspace, std::uint64_t since,
                                                                  std::uint32_t most) const {
  Query query(db_,
              "SELECT seq,type,channel,channel_name,conversation,author,payload,at FROM "
              "workspace_events WHERE workspace=?1 AND seq>?2 ORDER BY seq LIMIT ?3");
  return checked(
      rows::all(query.bind(workspace).bind(since).bind(std::int64_t{most}), workspace_event_row));
}

Result<std::uint32_t> SqliteStore::prune_events(Wall before, std::uint32_t most) {
  Query(db_,
        "DELETE FROM workspace_events WHERE (workspace,seq) IN (SELECT workspace,seq FROM "
        "workspace_events WHERE at<?1 ORDER BY at LIMIT ?2)")
      .bind(rows::stamp(before))
      .bind(std::int64_t{most})
      .run();
  return checked(static_cast<std::uint32_t>(db_.changes()));
}

}  // namespace relay::engine
