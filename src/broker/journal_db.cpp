#include "broker/journal_db.hpp"

#include <array>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <utility>

#include "broker/journal_log.hpp"
#include "broker/journal_schema.hpp"
#include "os/file_rules.hpp"

namespace relay::broker {
namespace {

/// A journal, or its log, that is larger than this is not looked at as a whole.
constexpr std::size_t kMostBytes = std::size_t{2} << 30;

}  // namespace

JournalDb::JournalDb(os::Path path) : path_(std::move(path)) {}

JournalDb::~JournalDb() = default;

Result<void> JournalDb::open(Wall now) {
  close();
  auto opened = take_place();
  if (opened) opened = finish_swap(now);
  if (!opened) return failed(std::move(opened).error());
  auto fault = try_open();
  if (fault && !fault->empty()) {
    close();
    auto recovered = recover(*fault, now);
    if (!recovered) return failed(std::move(recovered).error());
    fault = try_open();
    if (fault && !fault->empty()) {
      return failed(Error(Code::io_error, "the journal is damaged again at once: " + *fault,
                          "look for errors of the disk in the system's log"));
    }
  }
  if (!fault) return failed(std::move(fault).error());
  auto settled = settle(now);
  if (!settled) return failed(std::move(settled).error());
  ++opening_;
  const std::lock_guard guard(mutex_);
  health_.reset();
  return {};
}

void JournalDb::close() {
  // What a failed sync left in the log is looked at again by the next opening, not by this handle.
  if (db_ && db_->broken()) db_->keep_log_on_close(true);
  db_.reset();
}

/// The directory and the lock, held from the first opening on.
Result<void> JournalDb::take_place() {
  if (lock_) return {};
  auto made = files_.make_private_directory(path_.parent_path());
  if (!made) return made;
  auto lock = files_.lock(beside(".lock"), fmt::format("pid {}", ::getpid()));
  if (!lock) return fail(std::move(lock).error());
  lock_ = *std::move(lock);
  return {};
}

/// What is wrong with the database; empty when it is open and sound.
Result<std::string> JournalDb::try_open() {
  fresh_ = false;
  if (!exists(path_)) {
    const auto empty = new_journal();
    if (!empty) return fail(empty.error());
    // A log that was left behind is not one of this journal.
    for (const auto& left : {beside("-wal"), beside("-journal")}) {
      auto removed = files_.remove(left);
      if (!removed) return fail(removed.error());
    }
    auto lasting = os::PosixFiles::await_directories(path_.parent_path());
    if (!lasting) return fail(std::move(lasting).error());
    auto created = files_.create(path_, *empty);
    if (!created && created.error().code != Code::conflict) return fail(std::move(created).error());
    fresh_ = created.has_value();
  }
  for (const auto& file : {path_, beside("-wal")}) {
    const auto info = files_.stat(file);
    if (!info) continue;
    if (auto refused = os::refuse_private_file(*info, file, ::geteuid())) {
      return fail(*std::move(refused));
    }
  }
  if (exists(beside("-wal"))) {
    const auto log = read_file(beside("-wal"));
    if (!log) return fail(log.error());
    if (log_is_broken_inside(*log)) return std::string("its write-ahead log is damaged");
  }
  auto opened = Connection::open(path_, Connection::How::writable, "the journal");
  if (!opened) return fail(std::move(opened).error());
  db_ = *std::move(opened);
  db_->keep_log_on_close(true);
  const auto fault = [this]() -> Result<std::string> {
    if (db_->damaged()) return db_->error()->message;
    return fail(*db_->error());
  };
  // Whoever only looks through it (`check_journal`) holds it for some seconds; another broker would
  // hold the lock file.
  db_->exec("PRAGMA busy_timeout=10000");
  db_->exec("PRAGMA locking_mode=EXCLUSIVE");
  if (auto newer = refuse_newer(*db_); !newer) return fail(std::move(newer).error());
  if (db_->failed()) return fault();
  auto made = make_tables(*db_);
  if (!made) return fault();
  db_->exec("PRAGMA journal_mode=WAL");
  db_->exec("PRAGMA synchronous=FULL");
  db_->exec("PRAGMA foreign_keys=ON");
  db_->exec("PRAGMA cell_size_check=ON");
  db_->exec("PRAGMA mmap_size=0");
  db_->exec("PRAGMA temp_store=MEMORY");
  if (db_->failed()) return fault();
  std::string wrong = structure_fault(*db_);
  if (!wrong.empty()) {
    if (db_->failed() && !db_->damaged()) return fail(*db_->error());
    return wrong;
  }
  load_counters();
  if (db_->failed()) return fault();
  const std::int64_t on_disk = marked();
  if (commits_ < on_disk) {
    return fmt::format("its last {} commits are missing", on_disk - commits_);
  }
  return std::string();
}

/// The database is sound as a whole: its rows are looked at, the log is brought home, and a write
/// shows that the disk takes them. One that was made a moment ago has shown all of that.
Result<void> JournalDb::settle(Wall now) {
  if (!fresh_) {
    db_->exec("BEGIN IMMEDIATE");
    auto notes = quarantine_damaged_rows(*db_, now);
    ++commits_;
    put_counters();
    db_->exec("COMMIT");
    // All of the log goes into the database now: after a failed sync nobody knows which of its
    // pages are only in memory.
    db_->checkpoint(true);
    if (db_->failed()) return fail(*db_->error());
    for (auto& note : notes) notes_.push_back(std::move(note));
  }
  db_->keep_log_on_close(false);
  mark();
  return {};
}

Result<void> JournalDb::tidy() {
  if (const auto error = health()) return fail(*error);
  db_->clear_error();
  if (db_->log_pages() > 0 && !db_->checkpoint(true)) return failed(*db_->error());
  return {};
}

Result<void> JournalDb::begin() {
  if (const auto error = health()) return fail(*error);
  db_->clear_error();
  changes_before_ = db_->total_changes();
  look_at_dead_letters_ = false;
  if (!db_->exec("BEGIN IMMEDIATE")) return failed(*db_->error());
  return {};
}

Result<void> JournalDb::commit() {
  const bool written = db_->total_changes() != changes_before_;
  if (written) {
    if (look_at_dead_letters_) evict_dead_letters();
    ++commits_;
    put_counters();
  }
  if (!db_->exec("COMMIT")) {
    auto lost = failed(*db_->error());
    roll_back();
    return lost;
  }
  if (!written) return {};
  mark();
  // The commit holds whatever this says; a failed sync of the database must not be tried again.
  if (db_->log_pages() > kMostLogPages && !db_->checkpoint(false)) {
    (void)failed(*db_->error());
  }
  return {};
}

void JournalDb::roll_back() {
  if (!db_ || !db_->in_transaction()) return;
  db_->clear_error();
  if (!db_->exec("ROLLBACK")) (void)failed(*db_->error());
}

Result<void> JournalDb::begin_job() {
  db_->clear_error();
  if (!db_->exec("SAVEPOINT job")) return failed(*db_->error());
  return {};
}

Result<void> JournalDb::end_job() {
  if (!db_->exec("RELEASE job")) return failed(*db_->error());
  return {};
}

Result<void> JournalDb::undo_job() {
  db_->clear_error();
  if (!db_->exec("ROLLBACK TO job;RELEASE job")) return failed(*db_->error());
  return {};
}

std::vector<std::string> JournalDb::take_notes() {
  return std::exchange(notes_, {});
}

std::optional<Error> JournalDb::health() const {
  const std::lock_guard guard(mutex_);
  return health_;
}

Result<void> JournalDb::failed(Error error) {
  const std::lock_guard guard(mutex_);
  health_ = error;
  return fail(std::move(error));
}

void JournalDb::load_counters() {
  Query row(*db_, "SELECT commits,next_id,evicted FROM journal");
  if (!row.next()) return;
  commits_ = row.integer(0);
  next_id_ = row.integer(1);
  evicted_ = row.number(2);
}

void JournalDb::put_counters() {
  static const std::string put = journal_table("journal").put("INSERT OR REPLACE");
  Query(*db_, put)
      .bind(1)
      .bind(kSchemaVersion)
      .bind(commits_)
      .bind(next_id_)
      .bind(evicted_.load())
      .run();
}

void JournalDb::evict_dead_letters() {
  std::int64_t count = 0;
  std::int64_t bytes = 0;
  {
    Query sizes(*db_, "SELECT count(*),ifnull(sum(length(payload)),0) FROM dead_letters");
    if (!sizes.next()) return;
    count = sizes.integer(0);
    bytes = sizes.integer(1);
  }
  while (count > kMostDeadLetters || bytes > kMostDeadBytes) {
    std::int64_t id = 0;
    {
      Query oldest(*db_, "SELECT id,length(payload) FROM dead_letters ORDER BY id LIMIT 1");
      if (!oldest.next()) return;
      id = oldest.integer(0);
      bytes -= oldest.integer(1);
    }
    Query(*db_, "DELETE FROM dead_letters WHERE id=?1").bind(id).run();
    --count;
    ++evicted_;
  }
}

Result<std::string> JournalDb::read_file(const os::Path& path) {
  return files_.read_private(path, kMostBytes);
}

bool JournalDb::exists(const os::Path& path) {
  return files_.stat(path).has_value();
}

os::Path JournalDb::beside(std::string_view ending) const {
  os::Path path = path_;
  path += ending;
  return path;
}

/// The number of the last commit that is known to be on disk, in a file that is written after it
/// without waiting: a database that is behind it has lost something. 0 when nobody knows.
std::int64_t JournalDb::marked() {
  if (!mark_) {
    const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    mark_ = os::Fd(::open(beside(".mark").c_str(), flags, 0600));
  }
  std::array<std::uint64_t, 2> words{};
  if (::pread(mark_.get(), words.data(), sizeof words, 0) != sizeof words) return 0;
  return words[0] == ~words[1] ? static_cast<std::int64_t>(words[0]) : 0;
}

void JournalDb::mark() {
  const auto number = static_cast<std::uint64_t>(commits_);
  const std::array<std::uint64_t, 2> words{number, ~number};
  // Only a hint: when it cannot be written, less is noticed.
  (void)!::pwrite(mark_.get(), words.data(), sizeof words, 0);
}

}  // namespace relay::broker
