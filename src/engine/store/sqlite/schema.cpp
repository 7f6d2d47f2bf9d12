#include "engine/store/sqlite/schema.hpp"

#include <array>
#include <string>

namespace relay::engine {
namespace {

using storage::Connection;
using storage::Query;

// Ids are integers and hold their time, so most tables have no column for it. Times are
// milliseconds. Large and frequent rows (messages, deliveries) have two B-trees each and no
// foreign keys: what removes a row removes what hangs on it.
constexpr const char* kVersion1 = R"(
CREATE TABLE workspaces(id INTEGER PRIMARY KEY, name TEXT NOT NULL, key_hash TEXT NOT NULL UNIQUE,
  system_prompt TEXT) STRICT;
CREATE INDEX workspaces_name ON workspaces(name);

CREATE TABLE agents(id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, name TEXT NOT NULL,
  type TEXT NOT NULL, status INTEGER NOT NULL, persona TEXT, metadata TEXT NOT NULL,
  capabilities TEXT NOT NULL, node INTEGER NOT NULL, origin_node INTEGER NOT NULL,
  session_ref TEXT, resumable INTEGER NOT NULL DEFAULT 0, last_seen INTEGER NOT NULL,
  token_hash TEXT NOT NULL UNIQUE, UNIQUE(workspace, name)) STRICT;
CREATE INDEX agents_node ON agents(node);

CREATE TABLE mailboxes(agent INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL,
  acked_seq INTEGER NOT NULL, first_open INTEGER NOT NULL, open INTEGER NOT NULL) STRICT;

CREATE TABLE channels(id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, kind INTEGER NOT NULL,
  name TEXT NOT NULL, topic TEXT, metadata TEXT NOT NULL, created_by INTEGER NOT NULL,
  archived INTEGER NOT NULL DEFAULT 0) STRICT;
-- A query has to say kind<2 in so many words to be answered by it.
CREATE UNIQUE INDEX channels_name ON channels(workspace, kind, name) WHERE kind<2;

CREATE TABLE members(channel INTEGER NOT NULL, agent INTEGER NOT NULL, owner INTEGER NOT NULL,
  joined INTEGER NOT NULL, last_read INTEGER NOT NULL DEFAULT 0, muted INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY(channel, agent)) STRICT, WITHOUT ROWID;
CREATE INDEX members_agent ON members(agent);

CREATE TABLE messages(id INTEGER PRIMARY KEY, channel INTEGER NOT NULL, author INTEGER NOT NULL,
  author_name TEXT NOT NULL, thread INTEGER NOT NULL, text TEXT NOT NULL, blocks TEXT,
  metadata TEXT, steer INTEGER NOT NULL, key TEXT, body_hash TEXT) STRICT;
CREATE INDEX messages_channel ON messages(channel) WHERE thread=0;
CREATE INDEX messages_thread ON messages(thread) WHERE thread<>0;
CREATE UNIQUE INDEX messages_key ON messages(key) WHERE key IS NOT NULL;

CREATE TABLE deliveries(agent INTEGER NOT NULL, seq INTEGER NOT NULL, message INTEGER NOT NULL,
  status INTEGER NOT NULL, reason INTEGER NOT NULL, steer INTEGER NOT NULL, node INTEGER NOT NULL,
  attempts INTEGER NOT NULL, expires INTEGER NOT NULL, delivered INTEGER, settled INTEGER,
  available INTEGER, note TEXT, retryable INTEGER, PRIMARY KEY(agent, seq)) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX deliveries_message ON deliveries(message, agent);

CREATE TABLE reactions(message INTEGER NOT NULL, agent INTEGER NOT NULL, emoji TEXT NOT NULL,
  at INTEGER NOT NULL, PRIMARY KEY(message, emoji, agent)) STRICT, WITHOUT ROWID;
CREATE TABLE reads(message INTEGER NOT NULL, agent INTEGER NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY(message, agent)) STRICT, WITHOUT ROWID;

CREATE TABLE nodes(id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, node_id TEXT NOT NULL,
  name TEXT NOT NULL, kind INTEGER NOT NULL, role INTEGER NOT NULL, adapter TEXT NOT NULL,
  delivery TEXT, capabilities TEXT NOT NULL, tags TEXT NOT NULL, version TEXT NOT NULL,
  max_agents INTEGER NOT NULL, active_agents INTEGER NOT NULL DEFAULT 0,
  reserved INTEGER NOT NULL DEFAULT 0, load REAL NOT NULL DEFAULT 0,
  online INTEGER NOT NULL DEFAULT 0, handlers_live INTEGER NOT NULL DEFAULT 0, heartbeat INTEGER,
  token_hash TEXT UNIQUE, UNIQUE(workspace, node_id), UNIQUE(workspace, name)) STRICT;
CREATE INDEX nodes_online ON nodes(workspace) WHERE online=1;

CREATE TABLE bindings(id INTEGER PRIMARY KEY, agent INTEGER NOT NULL, node INTEGER NOT NULL,
  active INTEGER NOT NULL, session_ref TEXT, priority INTEGER NOT NULL, updated INTEGER NOT NULL,
  UNIQUE(agent, node)) STRICT;
CREATE INDEX bindings_node ON bindings(node) WHERE active=1;

CREATE TABLE actions(id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, name TEXT NOT NULL,
  description TEXT NOT NULL, handler_agent INTEGER NOT NULL, handler_node INTEGER NOT NULL,
  input_schema TEXT, output_schema TEXT, available_to TEXT, UNIQUE(workspace, name)) STRICT;

CREATE TABLE invocations(id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, action TEXT NOT NULL,
  capability TEXT NOT NULL, caller INTEGER NOT NULL, caller_name TEXT NOT NULL, input TEXT NOT NULL,
  output TEXT, error TEXT, state INTEGER NOT NULL, handler_agent INTEGER NOT NULL,
  target INTEGER NOT NULL, node INTEGER NOT NULL, dispatched INTEGER, retry_after INTEGER,
  completed INTEGER, place_held INTEGER NOT NULL, attempts INTEGER NOT NULL,
  attempted TEXT NOT NULL, duration_ms REAL) STRICT;
CREATE INDEX invocations_open ON invocations(node) WHERE state<2;
CREATE INDEX invocations_due ON invocations(retry_after) WHERE state<2 AND retry_after IS NOT NULL;
)";

constexpr const char* kVersion2 = "ALTER TABLE messages ADD COLUMN attachments TEXT";

// The words of messages up to `indexed`; their texts stay where they are. What removes a message
// takes its words away first.
constexpr const char* kVersion3 = R"(
CREATE VIRTUAL TABLE message_words USING fts5(text, content='messages', content_rowid='id',
  tokenize='unicode61 remove_diacritics 2');
CREATE TABLE search(indexed INTEGER NOT NULL) STRICT;
INSERT INTO search VALUES(0);

CREATE TABLE observers(id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, name TEXT NOT NULL,
  scopes TEXT NOT NULL, description TEXT, filters TEXT, expires INTEGER,
  token_hash TEXT NOT NULL UNIQUE, UNIQUE(workspace, name)) STRICT;

CREATE TABLE agent_events(id INTEGER PRIMARY KEY, agent INTEGER NOT NULL, seq INTEGER NOT NULL,
  type TEXT NOT NULL, payload TEXT NOT NULL, UNIQUE(agent, seq)) STRICT;

CREATE TABLE triggers(id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, channel TEXT,
  pattern TEXT, mention TEXT, action TEXT NOT NULL, enabled INTEGER NOT NULL,
  last_triggered INTEGER, updated INTEGER NOT NULL) STRICT;
CREATE INDEX triggers_workspace ON triggers(workspace);

CREATE TABLE webhooks(id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL,
  channel INTEGER NOT NULL, author INTEGER NOT NULL, name TEXT NOT NULL,
  token_hash TEXT NOT NULL) STRICT;
CREATE TABLE subscriptions(id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, url TEXT NOT NULL,
  events TEXT NOT NULL, filter TEXT, headers TEXT, secret TEXT) STRICT;
CREATE INDEX subscriptions_workspace ON subscriptions(workspace);

CREATE TABLE files(id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, uploader INTEGER NOT NULL,
  name TEXT NOT NULL, content_type TEXT NOT NULL, size INTEGER NOT NULL, state INTEGER NOT NULL,
  ticket TEXT NOT NULL) STRICT;
CREATE INDEX files_workspace ON files(workspace);
CREATE TABLE file_contents(file INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
)";

constexpr const char* kVersion4 = R"(
CREATE TABLE outbox(id INTEGER PRIMARY KEY, subscription INTEGER NOT NULL, body TEXT NOT NULL,
  attempts INTEGER NOT NULL, due INTEGER NOT NULL) STRICT;
CREATE INDEX outbox_due ON outbox(due);
CREATE INDEX outbox_subscription ON outbox(subscription);
)";

constexpr const char* kVersion5 = R"(
CREATE INDEX outbox_turn ON outbox(subscription, due);
DROP INDEX outbox_subscription;
CREATE INDEX files_pending ON files(id) WHERE state=0;
)";

// A log that has begun has a number; its events go by time, the oldest first.
constexpr const char* kVersion6 = R"(
ALTER TABLE workspaces ADD COLUMN event_seq INTEGER;
CREATE TABLE workspace_events(workspace INTEGER NOT NULL, seq INTEGER NOT NULL, type TEXT NOT NULL,
  channel INTEGER NOT NULL, channel_name TEXT NOT NULL, conversation TEXT NOT NULL,
  author TEXT NOT NULL, payload TEXT NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY(workspace, seq)) STRICT, WITHOUT ROWID;
CREATE INDEX workspace_events_at ON workspace_events(at);
)";

/// From version n to version n+1.
constexpr std::array kSteps{kVersion1, kVersion2, kVersion3, kVersion4, kVersion5, kVersion6};
static_assert(kSteps.size() == kEngineSchema);

}  // namespace

Result<void> migrate(Connection& db) {
  db.exec("CREATE TABLE IF NOT EXISTS engine(version INTEGER NOT NULL, clean INTEGER NOT NULL)");
  std::int64_t version = 0;
  {
    Query known(db, "SELECT version FROM engine");
    if (known.next()) version = known.integer(0);
  }
  if (db.failed()) return db.checked();
  if (version > kEngineSchema) {
    return fail(Code::conflict,
                "the engine's database has version " + std::to_string(version) +
                    ", this relay-broker knows up to " + std::to_string(kEngineSchema),
                "use the newer relay-broker that wrote it");
  }
  if (version == kEngineSchema) return {};
  db.exec("BEGIN IMMEDIATE");
  for (auto step = static_cast<std::size_t>(version); step < kSteps.size(); ++step) {
    db.exec(kSteps[step]);
  }
  db.exec("DELETE FROM engine");
  Query(db, "INSERT INTO engine(version,clean) VALUES(?1,1)").bind(kEngineSchema).run();
  db.exec("COMMIT");
  return db.checked();
}

}  // namespace relay::engine
