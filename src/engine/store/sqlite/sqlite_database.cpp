#include "engine/store/sqlite/sqlite_database.hpp"

#include <algorithm>
#include <fcntl.h>
#include <fmt/format.h>
#include <string_view>
#include <unistd.h>
#include <utility>

#include "engine/store/sqlite/schema.hpp"
#include "os/fd.hpp"
#include "os/file_rules.hpp"
#include "os/system_random.hpp"

namespace relay::engine {
namespace {

using storage::Connection;
using storage::Query;

constexpr const char* kNoun = "the engine's database";

std::uint32_t worker_number() {
  os::SystemRandom random;
  return static_cast<std::uint32_t>(random.below(1024));
}

/// The youngest id that any table holds: time in the past of them would make ids twice.
Id youngest_id(Connection& db) {
  Query query(db,
              "SELECT max(ifnull((SELECT max(id) FROM messages),0),"
              "ifnull((SELECT max(id) FROM agents),0),ifnull((SELECT max(id) FROM channels),0),"
              "ifnull((SELECT max(id) FROM workspaces),0),ifnull((SELECT max(id) FROM nodes),0),"
              "ifnull((SELECT max(id) FROM bindings),0),ifnull((SELECT max(id) FROM actions),0),"
              "ifnull((SELECT max(id) FROM invocations),0))");
  return query.next() ? query.number(0) : 0;
}

void flush_to_disk(const os::Path& path) {
  const os::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file) (void)::fsync(file.get());
}

}  // namespace

/// The connection that writes; each job of a group has a savepoint of its own.
class SqliteDatabase::Writer final : public storage::Transactions {
 public:
  explicit Writer(SqliteDatabase& database) : database_(database) {}

  Result<void> begin() override {
    if (!db_ || db_->broken()) {
      auto opened = open_again();
      if (!opened) return opened;
    }
    db_->clear_error();
    changes_before_ = db_->total_changes();
    Query(*db_, "BEGIN IMMEDIATE").run();
    return noted();
  }

  Result<void> commit() override {
    Query(*db_, "COMMIT").run();
    if (db_->failed()) {
      auto lost = noted();
      roll_back();
      return lost;
    }
    if (db_->total_changes() == changes_before_) return {};
    ++database_.commits_;
    tend_log();
    return {};
  }

  void roll_back() override {
    if (!db_ || !db_->in_transaction()) return;
    db_->clear_error();
    db_->exec("ROLLBACK");
  }

  Result<void> begin_job() override {
    db_->clear_error();
    Query(*db_, "SAVEPOINT job").run();
    return noted();
  }
  Result<void> end_job() override {
    Query(*db_, "RELEASE job").run();
    return noted();
  }
  Result<void> undo_job() override {
    db_->clear_error();
    db_->exec("ROLLBACK TO job;RELEASE job");
    return noted();
  }

  void take(std::unique_ptr<Connection> db, Id youngest) {
    store_.reset();
    copied_ = 0;
    db_ = std::move(db);
    ids_.emplace(worker_number(), youngest);
    store_.emplace(*db_, database_.clock_, *ids_, database_.limits_);
  }
  void close(bool clean) {
    if (!db_) return;
    if (!db_->broken() && clean) {
      db_->clear_error();
      db_->exec("UPDATE engine SET clean=1");
      db_->checkpoint(true);
    }
    // What a failed sync left in the log is for the next opening to look at, not for this handle.
    db_->keep_log_on_close(db_->broken().has_value());
    store_.reset();
    db_.reset();
  }
  SqliteStore& store() { return *store_; }

 private:
  Result<void> noted() {
    if (!db_->failed()) return {};
    if (db_->broken()) database_.note_health(db_->broken());
    return fail(*db_->error());
  }

  void tend_log() {
    const int pages = db_->log_pages();
    if (pages < copied_) copied_ = 0;  // it has begun anew
    if (pages - copied_ < kCopiedPages) return;
    copied_ = pages;
    if (pages < kMostLogPages) {
      database_.checkpointer_->request();
      return;
    }
    const auto paused = database_.checkpointer_->pause();
    // The commit holds whatever this says.
    if (!db_->checkpoint(false)) (void)noted();
  }

  Result<void> open_again() {
    const auto now = database_.clock_.now();
    if (tried_ && now - *tried_ < kReopenAfter) {
      return fail(database_.health().value_or(Error(Code::io_error, "the database is closed")));
    }
    tried_ = now;
    close(false);
    auto opened = database_.open_writer();
    if (!opened) database_.note_health(opened.error());
    return opened;
  }

  SqliteDatabase& database_;
  std::unique_ptr<Connection> db_;
  std::optional<IdSource> ids_;
  std::optional<SqliteStore> store_;
  std::int64_t changes_before_ = 0;
  /// The length of the log when it was copied last.
  int copied_ = 0;
  std::optional<Monotonic> tried_;
};

/// The connection that reads: each job sees one state of the database, the last one at its begin.
class SqliteDatabase::Reader final : public storage::Transactions {
 public:
  Reader(SqliteDatabase& database, std::unique_ptr<Connection> db)
      : database_(database), ids_(0, 0) {
    take(std::move(db));
  }

  Result<void> begin() override {
    if (!db_ || db_->broken()) {
      auto opened = open_again();
      if (!opened) return opened;
    }
    db_->clear_error();
    return {};
  }
  Result<void> commit() override { return {}; }
  void roll_back() override { (void)end_job(); }
  Result<void> begin_job() override {
    db_->clear_error();
    db_->exec("BEGIN");
    return db_->checked();
  }
  Result<void> end_job() override {
    if (!db_ || !db_->in_transaction()) return {};
    db_->clear_error();
    db_->exec("COMMIT");
    return db_->checked();
  }
  Result<void> undo_job() override { return end_job(); }

  SqliteStore& store() { return *store_; }

 private:
  void take(std::unique_ptr<Connection> db) {
    store_.reset();
    db_ = std::move(db);
    store_.emplace(*db_, database_.clock_, ids_, database_.limits_);
  }

  /// The handle that has seen a disk fail is never used again.
  Result<void> open_again() {
    const auto now = database_.clock_.now();
    if (tried_ && now - *tried_ < kReopenAfter) {
      return fail(Code::io_error, "the engine's database cannot be read");
    }
    tried_ = now;
    auto opened = database_.reading_connection();
    if (!opened) return fail(std::move(opened).error());
    take(*std::move(opened));
    return {};
  }

  SqliteDatabase& database_;
  std::unique_ptr<Connection> db_;
  IdSource ids_;
  std::optional<SqliteStore> store_;
  std::optional<Monotonic> tried_;
};

SqliteDatabase::SqliteDatabase(os::Path path, os::Files& files, const Clock& clock,
                               DeliveryStore::Limits limits)
    : path_(std::move(path)),
      files_(files),
      clock_(clock),
      limits_(limits),
      writer_(std::make_unique<Writer>(*this)),
      checkpointer_(std::make_unique<Checkpointer>(path_)) {}

SqliteDatabase::~SqliteDatabase() {
  checkpointer_.reset();
  reader_.reset();
  writer_->close(true);
}

Result<std::unique_ptr<SqliteDatabase>> SqliteDatabase::open(os::Path path, os::Files& files,
                                                             const Clock& clock,
                                                             DeliveryStore::Limits limits) {
  std::unique_ptr<SqliteDatabase> database(
      new SqliteDatabase(std::move(path), files, clock, limits));
  auto opened = database->take_place();
  if (opened) opened = database->open_writer();
  if (opened) opened = database->open_reader();
  if (!opened) return fail(std::move(opened).error());
  return database;
}

/// The directory, the lock and a private file.
Result<void> SqliteDatabase::take_place() {
  auto made = files_.make_private_directory(path_.parent_path());
  if (!made) return made;
  auto lock = files_.lock(beside(".lock"), fmt::format("pid {}", ::getpid()));
  if (!lock) return fail(std::move(lock).error());
  lock_ = *std::move(lock);
  auto created = files_.create(path_, "");
  if (!created && created.error().code != Code::conflict) return created;
  for (const auto& file : {path_, beside("-wal"), beside("-shm")}) {
    const auto info = files_.stat(file);
    if (!info) continue;
    if (auto refused = os::refuse_private_file(*info, file, ::geteuid())) {
      return fail(*std::move(refused));
    }
  }
  return {};
}

Result<void> SqliteDatabase::open_writer() {
  auto opened = Connection::open(path_, Connection::How::writable, kNoun);
  if (!opened) return fail(std::move(opened).error());
  auto db = *std::move(opened);
  db->exec("PRAGMA journal_mode=WAL");
  db->exec("PRAGMA synchronous=FULL");
  db->exec("PRAGMA cache_size=-16384");
  db->exec("PRAGMA cell_size_check=ON");
  db->exec("PRAGMA mmap_size=0");
  db->exec("PRAGMA temp_store=MEMORY");
  if (auto migrated = migrate(*db); !migrated) return migrated;
  bool was_clean = false;
  {
    Query clean(*db, "SELECT clean FROM engine");
    was_clean = clean.next() && clean.flag(0);
  }
  const auto info = files_.stat(path_);
  const bool small = info && info->size <= kCheckedWhole;
  if (small || !was_clean) {
    Query check(*db, "PRAGMA quick_check(1)");
    const auto said = check.next() ? check.text(0) : std::string();
    if (!db->failed() && said != "ok") {
      return fail(Code::io_error,
                  fmt::format("{} {} is damaged: {}", kNoun, os::quoted(path_), said),
                  "put a backup in its place, or move it away to begin with an empty one");
    }
  }
  db->exec("UPDATE engine SET clean=0");
  // Nobody knows which pages of the log a failed sync has left in memory only.
  db->checkpoint(true);
  const Id youngest = youngest_id(*db);
  if (db->failed()) return fail(*db->error());
  writer_->take(std::move(db), youngest);
  note_health(std::nullopt);
  return {};
}

Result<std::unique_ptr<Connection>> SqliteDatabase::reading_connection() const {
  auto opened = Connection::open(path_, Connection::How::reader, kNoun);
  if (!opened) return opened;
  (*opened)->exec("PRAGMA mmap_size=0");
  (*opened)->exec("PRAGMA temp_store=MEMORY");
  if ((*opened)->failed()) return fail(*(*opened)->error());
  return opened;
}

Result<void> SqliteDatabase::open_reader() {
  auto opened = reading_connection();
  if (!opened) return fail(std::move(opened).error());
  reader_ = std::make_unique<Reader>(*this, *std::move(opened));
  return {};
}

storage::Transactions& SqliteDatabase::writer() {
  return *writer_;
}

storage::Transactions& SqliteDatabase::reader() {
  return *reader_;
}

Store& SqliteDatabase::store() {
  return writer_->store();
}

const Store& SqliteDatabase::reading_store() {
  return reader_->store();
}

Result<void> SqliteDatabase::back_up(const os::Path& to) {
  // A private file to begin with; SQLite takes an empty one.
  auto created = files_.create(to, "");
  if (!created) return created;
  // A connection that only reads could not write the copy either.
  auto opened = Connection::open(path_, Connection::How::writable, kNoun);
  if (!opened) return fail(std::move(opened).error());
  Connection& db = **opened;
  Query(db, "VACUUM INTO ?1").bind(to.string()).run();
  if (db.failed()) {
    (void)files_.remove(to);
    return db.checked();
  }
  flush_to_disk(to);
  flush_to_disk(to.parent_path());
  return {};
}

std::optional<Error> SqliteDatabase::health() const {
  const std::lock_guard guard(mutex_);
  return health_;
}

void SqliteDatabase::note_health(std::optional<Error> error) {
  const std::lock_guard guard(mutex_);
  health_ = std::move(error);
}

os::Path SqliteDatabase::beside(std::string_view ending) const {
  os::Path path = path_;
  path += ending;
  return path;
}

}  // namespace relay::engine
