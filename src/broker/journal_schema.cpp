#include "broker/journal_schema.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <stdexcept>

#include "base/printable.hpp"

namespace relay::broker {
namespace {

/// Rows that were taken out, for people who look for what was lost. The oldest go.
constexpr int kMostQuarantined = 1000;
/// Faults of one kind that a report names one by one.
constexpr int kMostNamed = 100;

std::string join_columns(const std::vector<Column>& columns, std::string_view prefix) {
  std::string text;
  for (const auto& column : columns) {
    if (!text.empty()) text += ',';
    text += prefix;
    text += column.name;
  }
  return text;
}

std::string create_sql(const Table& table) {
  std::string sql = fmt::format("CREATE TABLE {}(", table.name);
  for (const auto& column : table.columns) sql += fmt::format("{} {},", column.name, column.type);
  sql += fmt::format("sum INT{}) STRICT", table.constraints);
  return table.has_row_id ? sql : sql + ",WITHOUT ROWID";
}

const std::vector<std::string_view>& index_sqls() {
  static const std::vector<std::string_view> indexes{
      "CREATE UNIQUE INDEX inbox_key ON inbox(agent_id,delivery_id,seq)",
      "CREATE INDEX dead_key ON dead_letters(agent_id,delivery_id,seq)",
      "CREATE INDEX done_ended ON done(ended)",
  };
  return indexes;
}

std::string schema_of(Connection& db) {
  std::string text;
  Query query(db, "SELECT type,name,tbl_name,ifnull(sql,'') FROM sqlite_schema ORDER BY name");
  while (query.next()) {
    for (int column = 0; column < 4; ++column) text += query.text(column) + "\n";
  }
  return text;
}

Result<std::unique_ptr<Connection>> pristine() {
  auto db = Connection::open("a new journal", Connection::How::memory, "the journal");
  if (!db) return db;
  auto made = make_tables(**db);
  if (!made) return fail(std::move(made).error());
  return db;
}

/// Words for a row that people can find its message or agent by.
std::string label_of(const Table& table) {
  std::string sql;
  for (const auto& column : table.columns) {
    const auto name = column.name;
    const bool tells = name == "id" || name == "agent_id" || name == "agent_name" ||
                       name == "delivery_id" || name == "seq" || name == "name" ||
                       name == "generation" || name == "invocation_id" || name == "key";
    if (!tells) continue;
    if (!sql.empty()) sql += "||";
    sql += fmt::format("' {} '||substr(ifnull({},''),1,80)", name, name);
  }
  return sql.empty() ? "''" : sql;
}

}  // namespace

std::string Table::column_list() const {
  return join_columns(columns, "");
}

std::string Table::put(std::string_view how) const {
  std::string values;
  for (std::size_t i = 1; i <= columns.size(); ++i) values += fmt::format("?{},", i);
  const std::string_view summed = std::string_view(values).substr(0, values.size() - 1);
  return fmt::format("{} INTO {}({},sum) VALUES({}sum_of('{}',{}))", how, name, column_list(),
                     values, name, summed);
}

std::string Table::is_sound() const {
  return fmt::format("sum IS sum_of('{}',{})", name, column_list());
}

std::string Table::order(bool backwards) const {
  std::string text;
  for (const auto& column : key) {
    text += fmt::format("{}{}{}", text.empty() ? "" : ",", column, backwards ? " DESC" : "");
  }
  return text;
}

const std::vector<Table>& journal_tables() {
  // Their order is that of their first pages in the file, which `first_page` relies on.
  static const std::vector<Table> tables{
      {"journal",
       {{"one", "INTEGER PRIMARY KEY"},
        {"version", "INT"},
        {"commits", "INT"},
        {"next_id", "INT"},
        {"evicted", "INT"}},
       "",
       {"one"},
       true},
      {"inbox",
       {{"id", "INTEGER PRIMARY KEY"},
        {"agent_id", "TEXT"},
        {"agent_name", "TEXT"},
        {"delivery_id", "TEXT"},
        {"seq", "INT"},
        {"origin", "INT"},
        {"late", "INT"},
        {"accepted", "INT"},
        {"payload", "BLOB"}},
       "",
       {"id"},
       true},
      {"attempts",
       {{"id", "INTEGER PRIMARY KEY REFERENCES inbox ON DELETE CASCADE"},
        {"number", "INT"},
        {"generation", "TEXT"},
        {"state", "INT"}},
       "",
       {"id"},
       true},
      {"done",
       {{"agent_id", "TEXT"},
        {"delivery_id", "TEXT"},
        {"seq", "INT"},
        {"outcome", "INT"},
        {"ended", "INT"}},
       ",PRIMARY KEY(agent_id,delivery_id)",
       {"agent_id", "delivery_id"}},
      {"dead_letters",
       {{"id", "INTEGER PRIMARY KEY"},
        {"agent_id", "TEXT"},
        {"agent_name", "TEXT"},
        {"delivery_id", "TEXT"},
        {"seq", "INT"},
        {"origin", "INT"},
        {"accepted", "INT"},
        {"payload", "BLOB"},
        {"reason", "TEXT"},
        {"attempts", "INT"},
        {"died", "INT"}},
       "",
       {"id"},
       true},
      {"mailboxes",
       {{"agent_id", "TEXT PRIMARY KEY"},
        {"role", "INT"},
        {"position", "INT"},
        {"agent_name", "TEXT"},
        {"placed", "INT"},
        {"cursor", "INT"},
        {"adopted", "INT"},
        {"forgotten", "INT"},
        {"holes", "BLOB"},
        {"marks", "INT"},
        {"ephemeral_marks", "INT"}},
       "",
       {"agent_id"}},
      {"mailbox_rows",
       {{"agent_id", "TEXT"},
        {"ephemeral", "INT"},
        {"seq", "INT"},
        {"mark", "INT"},
        {"bytes", "INT"},
        {"finished", "INT"}},
       ",PRIMARY KEY(agent_id,ephemeral,seq,mark)",
       {"agent_id", "ephemeral", "seq", "mark"}},
      {"mailbox_marks",
       {{"agent_id", "TEXT"}, {"ephemeral", "INT"}, {"part", "INT"}, {"entries", "BLOB"}},
       ",PRIMARY KEY(agent_id,ephemeral,part)",
       {"agent_id", "ephemeral", "part"}},
      {"agents",
       {{"name", "TEXT PRIMARY KEY"},
        {"agent_id", "TEXT"},
        {"generation", "TEXT"},
        {"spec", "TEXT"},
        {"started", "INT"},
        {"restarts", "INT"},
        {"failures", "INT"}},
       "",
       {"name"}},
      {"retired", {{"generation", "TEXT PRIMARY KEY"}, {"at", "INT"}}, "", {"generation"}},
      {"results",
       {{"invocation_id", "TEXT PRIMARY KEY"}, {"id", "INT"}, {"body", "TEXT"}},
       "",
       {"invocation_id"}},
      {"answers", {{"key", "TEXT PRIMARY KEY"}, {"body", "TEXT"}, {"at", "INT"}}, "", {"key"}},
      {"quarantine",
       {{"id", "INTEGER PRIMARY KEY"}, {"at", "INT"}, {"source", "TEXT"}, {"content", "TEXT"}},
       "",
       {"id"},
       true},
  };
  return tables;
}

const Table& journal_table(std::string_view name) {
  const auto& all = journal_tables();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Table& table) { return table.name == name; });
  if (found == all.end()) throw std::logic_error("no such table: " + std::string(name));
  return *found;
}

Result<void> refuse_newer(Connection& db) {
  // In two places, so that a flipped bit in one is not taken for a newer program's work.
  std::int64_t in_header = 0;
  std::int64_t in_row = 0;
  {
    Query header(db, "PRAGMA user_version");
    if (header.next()) in_header = header.integer(0);
  }
  if (in_header <= kSchemaVersion || db.failed()) return {};
  {
    Query row(db, "SELECT version FROM journal");
    if (row.next()) in_row = row.integer(0);
  }
  if (in_row != in_header || db.failed()) return {};
  return fail(Code::conflict,
              fmt::format("the journal was written by a newer relay-broker (its version is {}, "
                          "this program knows {})",
                          in_row, kSchemaVersion),
              "start the newer relay-broker, or move the journal away");
}

Result<void> make_tables(Connection& db) {
  {
    Query any(db, "SELECT 1 FROM sqlite_schema LIMIT 1");
    if (any.next()) return db.checked();
  }
  db.exec("PRAGMA auto_vacuum=NONE");
  db.exec(fmt::format("PRAGMA page_size={}", kPageSize));
  db.exec("BEGIN");
  db.exec(fmt::format("PRAGMA user_version={}", kSchemaVersion));
  for (const auto& table : journal_tables()) db.exec(create_sql(table));
  for (const auto& index : index_sqls()) db.exec(std::string(index));
  Query(db, journal_table("journal").put())
      .bind(1)
      .bind(kSchemaVersion)
      .bind(0)
      .bind(1)
      .bind(0)
      .run();
  db.exec("COMMIT");
  return db.checked();
}

std::string structure_fault(Connection& db) {
  {
    Query check(db, "PRAGMA integrity_check(1)");
    const std::string said = check.next() ? check.text(0) : "";
    if (db.failed()) return db.error()->message;
    if (said != "ok") return said;
  }
  const auto model = pristine();
  if (!model) return model.error().message;
  if (schema_of(db) != schema_of(**model)) return "its schema was changed";
  {
    Query row(
        db, "SELECT count(*) FROM journal WHERE one=1 AND " + journal_table("journal").is_sound());
    if (!row.next() || row.integer(0) != 1) return "the row with its version is damaged";
  }
  return db.failed() ? db.error()->message : std::string();
}

Result<std::string> new_journal() {
  const auto model = pristine();
  if (!model) return fail(model.error());
  // The format versions for writing and reading, by the file format of SQLite.
  constexpr std::size_t kVersions = 18;
  constexpr char kWithLog = 2;
  std::string file = (*model)->image();
  if (file.size() < kPageSize) return fail(Code::internal_error, "a new journal cannot be made");
  file[kVersions] = kWithLog;
  file[kVersions + 1] = kWithLog;
  return file;
}

std::string first_page() {
  const auto model = pristine();
  if (!model) throw std::runtime_error(model.error().message);
  // A leaf: all of the schema is here.
  constexpr std::size_t kKindOfPage = 100;
  constexpr char kLeaf = 0x0d;
  std::string page = (*model)->image().substr(0, kPageSize);
  if (page.size() != kPageSize || page[kKindOfPage] != kLeaf) {
    throw std::logic_error("the schema of the journal does not fit in a page");
  }
  return page;
}

std::vector<std::string> quarantine_damaged_rows(Connection& db, Wall now) {
  std::vector<std::string> notes;
  for (const auto& table : journal_tables()) {
    if (table.name == "journal") continue;
    const std::string damaged = "NOT (" + table.is_sound() + ")";
    std::int64_t count = 0;
    {
      Query query(db,
                  fmt::format("SELECT {} FROM {} WHERE {}", label_of(table), table.name, damaged));
      while (query.next()) {
        if (++count <= kMostNamed) {
          notes.push_back(fmt::format("a damaged row of {} was taken out:{}", table.name,
                                      printable(query.text(0))));
        }
      }
    }
    if (count == 0) continue;
    if (count > kMostNamed) {
      notes.push_back(fmt::format("{} more damaged rows of {}", count - kMostNamed, table.name));
    }
    if (table.name != "quarantine") {
      std::string content;
      for (const auto& column : table.columns) {
        content += fmt::format("{}quote({})", content.empty() ? "" : "||','||", column.name);
      }
      const auto& target = journal_table("quarantine");
      std::vector<std::string> rows;
      {
        Query query(db, fmt::format("SELECT {} FROM {} WHERE {} LIMIT {}", content, table.name,
                                    damaged, kMostQuarantined));
        while (query.next()) rows.push_back(query.text(0));
      }
      std::int64_t id = 0;
      {
        Query last(db, "SELECT ifnull(max(id),0) FROM quarantine");
        if (last.next()) id = last.integer(0);
      }
      for (const auto& row : rows) {
        Query(db, target.put())
            .bind(++id)
            .bind(to_milliseconds(now))
            .bind(table.name)
            .bind(row)
            .run();
      }
    }
    Query(db, fmt::format("DELETE FROM {} WHERE {}", table.name, damaged)).run();
  }
  Query(db, fmt::format("DELETE FROM quarantine WHERE id<=(SELECT max(id)-{} FROM quarantine)",
                        kMostQuarantined))
      .run();
  // What belonged to them is of no use.
  for (const auto* sql : {"DELETE FROM attempts WHERE id NOT IN (SELECT id FROM inbox)",
                          "DELETE FROM mailbox_rows WHERE agent_id NOT IN (SELECT agent_id FROM "
                          "mailboxes)",
                          "DELETE FROM mailbox_marks WHERE agent_id NOT IN (SELECT agent_id FROM "
                          "mailboxes)"}) {
    Query(db, sql).run();
  }
  return notes;
}

std::int64_t to_milliseconds(Wall time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

Wall from_milliseconds(std::int64_t milliseconds) {
  return Wall(std::chrono::milliseconds(milliseconds));
}

}  // namespace relay::broker
