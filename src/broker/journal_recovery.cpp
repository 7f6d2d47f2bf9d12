#include <algorithm>
#include <filesystem>
#include <fmt/format.h>

#include "broker/journal_db.hpp"
#include "broker/journal_log.hpp"
#include "broker/journal_schema.hpp"
#include "os/file_rules.hpp"

namespace relay::broker {
namespace {

constexpr std::string_view kKept = ".corrupt-";

Result<void> move_file(const os::Path& from, const os::Path& to) {
  std::error_code error;
  std::filesystem::rename(from, to, error);
  if (!error || error == std::errc::no_such_file_or_directory) return {};
  return fail(Code::io_error,
              fmt::format("cannot rename {}: {}", os::quoted(from), error.message()));
}

/// A damaged database as SQLite can open it: the header and the schema are those that every journal
/// of this version has.
std::string readable(std::string database) {
  database.resize(std::max(database.size() / kPageSize, std::size_t{1}) * kPageSize);
  std::string first = first_page();
  const std::size_t pages = database.size() / kPageSize;
  constexpr std::size_t kSizeInPages = 28;
  for (std::size_t i = 0; i < 4; ++i) {
    first[kSizeInPages + i] = static_cast<char>(pages >> (8 * (3 - i)) & 0xff);
  }
  database.replace(0, kPageSize, first);
  return database;
}

/// Every row of a table that can be read, from both ends: what is behind a broken page from one
/// side is before it from the other.
Result<void> copy_rows(const os::Path& image, Connection& to, const Table& table) {
  const int columns = static_cast<int>(table.columns.size()) + 1;
  std::string values;
  for (int i = 1; i <= columns; ++i) values += fmt::format("{}?{}", i > 1 ? "," : "", i);
  const std::string put = fmt::format("INSERT OR IGNORE INTO {}({},sum) VALUES({})", table.name,
                                      table.column_list(), values);
  for (const bool backwards : {false, true}) {
    auto from = Connection::open(image, Connection::How::immutable, "the journal");
    if (!from) return fail(std::move(from).error());
    Query rows(**from, fmt::format("SELECT {},sum FROM {} ORDER BY {}", table.column_list(),
                                   table.name, table.order(backwards)));
    while (rows.next()) {
      Query(to, put).bind_row(rows, columns).run();
      // A value of a wrong type, in a row that is damaged anyway.
      if (!to.broken()) to.clear_error();
    }
    if (!(*from)->failed()) break;
  }
  return to.checked();
}

std::int64_t count_rows(Connection& db, std::string_view table) {
  Query rows(db, fmt::format("SELECT count(*) FROM {}", table));
  return rows.next() ? rows.integer(0) : 0;
}

std::int64_t highest_id(Connection& db) {
  Query highest(db,
                "SELECT max(ifnull((SELECT max(id) FROM inbox),0),"
                "ifnull((SELECT max(id) FROM dead_letters),0),"
                "ifnull((SELECT max(id) FROM results),0))");
  return highest.next() ? highest.integer(0) : 0;
}

}  // namespace

/// Builds a new database of the rows that can be read, and puts the damaged one aside. The damaged
/// files stay in their place until the new one is complete, so this can be broken off anywhere.
Result<void> JournalDb::recover(const std::string& fault, Wall now) {
  auto database = read_file(path_);
  if (!database) return fail(std::move(database).error());
  std::string log;
  if (exists(beside("-wal"))) {
    auto read = read_file(beside("-wal"));
    if (!read) return fail(std::move(read).error());
    log = *std::move(read);
  }
  const auto image = beside(".image");
  const auto fresh = beside(".new");
  auto written = files_.replace(image, readable(with_log_applied(*std::move(database), log)));
  if (!written) return written;
  for (const auto* ending : {"", "-wal", "-journal"}) {
    auto removed = files_.remove(os::Path(fresh.string() + ending));
    if (!removed) return fail(std::move(removed).error());
  }
  auto created = files_.create(fresh, "");
  if (!created) return created;
  std::string carried;
  {
    auto opened = Connection::open(fresh, Connection::How::writable, "the journal");
    if (!opened) return fail(std::move(opened).error());
    Connection& to = **opened;
    to.exec("PRAGMA synchronous=FULL");
    auto made = make_tables(to);
    if (!made) return made;
    to.exec("BEGIN IMMEDIATE");
    Query(to, "DELETE FROM journal").run();
    for (const auto& table : journal_tables()) {
      auto copied = copy_rows(image, to, table);
      if (!copied) return copied;
    }
    Query(to, "DELETE FROM journal WHERE NOT (" + journal_table("journal").is_sound() + ")").run();
    const auto notes = quarantine_damaged_rows(to, now);
    commits_ = 0;
    next_id_ = 1;
    evicted_ = 0;
    db_ = *std::move(opened);
    load_counters();
    commits_ = std::max(commits_, marked());
    next_id_ = std::max(next_id_, highest_id(to) + 1);
    put_counters();
    to.exec("COMMIT");
    carried = fmt::format("{} open messages, {} dead letters, {} mailboxes and {} agents",
                          count_rows(to, "inbox"), count_rows(to, "dead_letters"),
                          count_rows(to, "mailboxes"), count_rows(to, "agents"));
    const auto checked = to.checked();
    db_.reset();
    if (!checked) return checked;
    for (const auto& note : notes) notes_.push_back(note);
  }
  auto ready = move_file(fresh, beside(".ready"));
  if (!ready) return ready;
  notes_.push_back(
      fmt::format("the journal {} was damaged ({}); {} were carried over into a new one",
                  os::quoted(path_), fault, carried));
  return finish_swap(now);
}

/// Puts a complete new database in the place of the damaged one, wherever that was broken off.
Result<void> JournalDb::finish_swap(Wall now) {
  if (!exists(beside(".ready"))) return {};
  const auto kept = beside(fmt::format("{}{}", kKept, to_milliseconds(now)));
  auto moved = move_file(path_, kept);
  // The log of the old one must not be there when the new one is.
  if (moved) moved = move_file(beside("-wal"), os::Path(kept.string() + "-wal"));
  if (moved) moved = move_file(beside(".ready"), path_);
  if (!moved) return moved;
  notes_.push_back("the damaged one is kept as " + os::quoted(kept));
  (void)files_.remove(beside(".image"));
  forget_old_copies();
  return {};
}

void JournalDb::forget_old_copies() {
  const auto names = files_.list(path_.parent_path());
  if (!names) return;
  const std::string start = path_.filename().string() + std::string(kKept);
  std::vector<std::string> kept;
  for (const auto& name : *names) {
    if (name.starts_with(start) && !name.ends_with("-wal")) kept.push_back(name);
  }
  // Names sort by time.
  for (std::size_t i = 0; i + kMostKept < kept.size(); ++i) {
    (void)files_.remove(path_.parent_path() / kept[i]);
    (void)files_.remove(path_.parent_path() / (kept[i] + "-wal"));
  }
}

}  // namespace relay::broker
