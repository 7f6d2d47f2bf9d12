#include "engine/names.hpp"
#include "engine/refusal.hpp"
#include "engine/store/sqlite/rows.hpp"
#include "engine/store/sqlite/sqlite_store.hpp"

namespace relay::engine {
namespace {

using storage::Query;

Workspace workspace_row(const Query& row) {
  Workspace workspace;
  workspace.id = row.number(0);
  workspace.name = row.text(1);
  workspace.system_prompt = rows::maybe_text(row, 2);
  workspace.created = time_of(workspace.id);
  return workspace;
}

}  // namespace

SqliteStore::SqliteStore(storage::Connection& db, const Clock& clock, IdSource& ids, Limits limits)
    : db_(db), clock_(clock), ids_(ids), limits_(limits) {}

Wall SqliteStore::now() const {
  return clock_.wall();
}

Result<Workspace> SqliteStore::create_workspace(const std::string& name,
                                                const std::string& key_hash) {
  Workspace workspace;
  workspace.id = next_id();
  workspace.name = name;
  workspace.created = time_of(workspace.id);
  Query(db_, "INSERT INTO workspaces(id,name,key_hash) VALUES(?1,?2,?3)")
      .bind(workspace.id)
      .bind(name)
      .bind(key_hash)
      .run();
  NewChannel general;
  general.workspace = workspace.id;
  general.name = kGeneral;
  general.topic = "General discussion";
  auto made = create_channel(general);
  if (!made) return fail(std::move(made).error());
  return checked(std::move(workspace));
}

Result<Workspace> SqliteStore::workspace(Id id) const {
  Query query(db_, "SELECT id,name,system_prompt FROM workspaces WHERE id=?1");
  auto found = rows::first(query.bind(id), workspace_row);
  if (!found && !db_.failed()) return refuse(Refusal::workspace_not_found, "no such workspace");
  return checked(std::move(found).value_or(Workspace()));
}

Result<Workspace> SqliteStore::workspace_of_key(const std::string& key_hash) const {
  Query query(db_, "SELECT id,name,system_prompt FROM workspaces WHERE key_hash=?1");
  auto found = rows::first(query.bind(key_hash), workspace_row);
  if (!found && !db_.failed()) return refuse(Refusal::unauthorized, "unknown workspace key");
  return checked(std::move(found).value_or(Workspace()));
}

Result<Workspace> SqliteStore::find_workspace(const std::string& name) const {
  Query query(db_,
              "SELECT id,name,system_prompt FROM workspaces WHERE name=?1 ORDER BY id LIMIT 1");
  auto found = rows::first(query.bind(name), workspace_row);
  if (!found && !db_.failed()) {
    return refuse(Refusal::workspace_not_found, "there is no workspace called " + name);
  }
  return checked(std::move(found).value_or(Workspace()));
}

Result<void> SqliteStore::rename_workspace(Id id, const std::string& name) {
  Query(db_, "UPDATE workspaces SET name=?2 WHERE id=?1").bind(id).bind(name).run();
  if (!db_.failed() && db_.changes() == 0) {
    return refuse(Refusal::workspace_not_found, "no such workspace");
  }
  return checked();
}

Result<void> SqliteStore::set_system_prompt(Id id, const std::optional<std::string>& prompt) {
  Query(db_, "UPDATE workspaces SET system_prompt=?2 WHERE id=?1").bind(id).bind(prompt).run();
  if (!db_.failed() && db_.changes() == 0) {
    return refuse(Refusal::workspace_not_found, "no such workspace");
  }
  return checked();
}

Result<void> SqliteStore::remove_workspace(Id id) {
  static constexpr const char* kOf[] = {
      R"(INSERT INTO message_words(message_words,rowid,text) SELECT 'delete',id,text FROM messages
           WHERE channel IN (SELECT id FROM channels WHERE workspace=?1) AND
           id<=(SELECT indexed FROM search))",
      "DELETE FROM agent_events WHERE agent IN (SELECT id FROM agents WHERE workspace=?1)",
      "DELETE FROM file_contents WHERE file IN (SELECT id FROM files WHERE workspace=?1)",
      "DELETE FROM files WHERE workspace=?1",
      "DELETE FROM webhooks WHERE workspace=?1",
      "DELETE FROM outbox WHERE subscription IN (SELECT id FROM subscriptions WHERE workspace=?1)",
      "DELETE FROM subscriptions WHERE workspace=?1",
      "DELETE FROM observers WHERE workspace=?1",
      "DELETE FROM triggers WHERE workspace=?1",
      "DELETE FROM deliveries WHERE agent IN (SELECT id FROM agents WHERE workspace=?1)",
      "DELETE FROM mailboxes WHERE agent IN (SELECT id FROM agents WHERE workspace=?1)",
      "DELETE FROM bindings WHERE agent IN (SELECT id FROM agents WHERE workspace=?1)",
      "DELETE FROM reactions WHERE agent IN (SELECT id FROM agents WHERE workspace=?1)",
      "DELETE FROM reads WHERE agent IN (SELECT id FROM agents WHERE workspace=?1)",
      "DELETE FROM members WHERE channel IN (SELECT id FROM channels WHERE workspace=?1)",
      "DELETE FROM messages WHERE channel IN (SELECT id FROM channels WHERE workspace=?1)",
      "DELETE FROM channels WHERE workspace=?1",
      "DELETE FROM agents WHERE workspace=?1",
      "DELETE FROM nodes WHERE workspace=?1",
      "DELETE FROM actions WHERE workspace=?1",
      "DELETE FROM invocations WHERE workspace=?1",
      "DELETE FROM workspace_events WHERE workspace=?1",
      "DELETE FROM workspaces WHERE id=?1",
  };
  for (const char* sql : kOf) Query(db_, sql).bind(id).run();
  if (!db_.failed() && db_.changes() == 0) {
    return refuse(Refusal::workspace_not_found, "no such workspace");
  }
  return checked();
}

}  // namespace relay::engine
