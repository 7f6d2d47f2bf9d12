#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

#include "base/clock.hpp"
#include "engine/store/sqlite/checkpointer.hpp"
#include "engine/store/sqlite/sqlite_store.hpp"
#include "os/files.hpp"
#include "storage/connection.hpp"
#include "storage/storage_thread.hpp"

namespace relay::engine {

/// The engine's database file: a connection that writes and one that reads beside it. A private
/// file that one process at a time has (a lock file beside it says which).
///
/// `writer` belongs to one thread, `reader` to another one; each is the target of a StorageThread.
/// When the disk fails, everything of the group in hand fails and nothing is taken until a new
/// opening, tried by the next group (at most one try in `kReopenAfter`), has found the file sound.
class SqliteDatabase {
 public:
  /// Between two tries to open a database whose disk has failed.
  static constexpr Duration kReopenAfter = std::chrono::seconds(1);
  /// A database that was closed in order and is larger is not read as a whole at the start.
  static constexpr std::uint64_t kCheckedWhole = std::uint64_t{8} << 20;
  /// Pages that are added to the log before it is copied into the database beside the writing
  /// (4 MiB), and its length at which the writer copies the rest and begins it anew (32 MiB).
  static constexpr int kCopiedPages = 1000;
  static constexpr int kMostLogPages = 8000;

  /// Opens or makes it. `already_running` when another process has it, `conflict` when a newer
  /// relay-broker wrote it, `io_error` when it is damaged (the message says what to do),
  /// `disk_full`, `unsafe_file`. `clock` and `files` outlive it.
  [[nodiscard]] static Result<std::unique_ptr<SqliteDatabase>> open(os::Path path, os::Files& files,
                                                                    const Clock& clock,
                                                                    DeliveryStore::Limits limits);
  ~SqliteDatabase();
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  [[nodiscard]] storage::Transactions& writer();
  [[nodiscard]] storage::Transactions& reader();
  /// Only within a job of the writer's or the reader's thread.
  [[nodiscard]] Store& store();
  [[nodiscard]] const Store& reading_store();

  /// A copy of what is committed, whole and compact, at a path where nothing is. While others
  /// write; on the reader's thread, outside of any transaction.
  [[nodiscard]] Result<void> back_up(const os::Path& to);

  /// Transactions that have written something. From any thread.
  [[nodiscard]] std::uint64_t commits() const { return commits_; }
  /// Why nothing is taken now; nothing when all is well. From any thread.
  [[nodiscard]] std::optional<Error> health() const;

 private:
  class Writer;
  class Reader;

  SqliteDatabase(os::Path path, os::Files& files, const Clock& clock, DeliveryStore::Limits limits);
  Result<void> take_place();
  Result<void> open_writer();
  Result<void> open_reader();
  [[nodiscard]] Result<std::unique_ptr<storage::Connection>> reading_connection() const;
  void note_health(std::optional<Error> error);
  [[nodiscard]] os::Path beside(std::string_view ending) const;

  os::Path path_;
  os::Files& files_;
  const Clock& clock_;
  DeliveryStore::Limits limits_;
  std::unique_ptr<os::FileLock> lock_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Reader> reader_;
  std::unique_ptr<Checkpointer> checkpointer_;
  std::atomic<std::uint64_t> commits_{0};
  mutable std::mutex mutex_;
  std::optional<Error> health_;
};

}  // namespace relay::engine
