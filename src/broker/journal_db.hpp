// Internal to broker/: the journal's file and its transactions, on the storage thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "os/fd.hpp"
#include "os/posix_files.hpp"
#include "os/system_random.hpp"
#include "storage/connection.hpp"
#include "storage/storage_thread.hpp"

namespace relay::broker {

using storage::Connection;
using storage::Query;
using storage::StorageThread;
using storage::Transactions;

/// Everything on the storage thread but `health` and `evicted`.
class JournalDb final : public Transactions {
 public:
  /// Dead letters that are kept, and their payloads together; the oldest go first.
  static constexpr std::int64_t kMostDeadLetters = 10'000;
  static constexpr std::int64_t kMostDeadBytes = std::int64_t{256} << 20;
  /// Pages in the log after which it is copied into the database (4 MiB).
  static constexpr int kMostLogPages = 1000;
  /// Databases that were replaced and are kept for people to look at.
  static constexpr std::size_t kMostKept = 3;

  explicit JournalDb(os::Path path);
  ~JournalDb() override;

  /// Opens it, or opens it again after a failure: what is damaged is put aside, and a write proves
  /// that the disk takes them. Not within a transaction.
  Result<void> open(Wall now);
  void close();
  /// The log is copied into the database and emptied. Not within a transaction.
  Result<void> tidy();

  Result<void> begin() override;
  Result<void> commit() override;
  void roll_back() override;
  Result<void> begin_job() override;
  Result<void> end_job() override;
  Result<void> undo_job() override;

  /// For jobs.
  [[nodiscard]] Connection& db() { return *db_; }
  /// Rises with each row, also over restarts.
  [[nodiscard]] std::int64_t next_id() { return next_id_++; }
  void dead_letter_added() { look_at_dead_letters_ = true; }
  /// Counts the openings: what a job remembers of the tables is good for one.
  [[nodiscard]] std::uint64_t opening() const { return opening_; }
  /// What was found damaged since the last call, in words.
  [[nodiscard]] std::vector<std::string> take_notes();

  /// Why nothing is taken; nothing when all is well. From any thread.
  [[nodiscard]] std::optional<Error> health() const;
  /// Dead letters that had to go for newer ones, ever. From any thread.
  [[nodiscard]] std::uint64_t evicted() const { return evicted_; }

 private:
  Result<void> take_place();
  Result<std::string> try_open();
  Result<void> settle(Wall now);
  Result<void> recover(const std::string& fault, Wall now);
  Result<void> finish_swap(Wall now);
  void forget_old_copies();
  void load_counters();
  void put_counters();
  void evict_dead_letters();
  Result<void> failed(Error error);
  [[nodiscard]] Result<std::string> read_file(const os::Path& path);
  [[nodiscard]] bool exists(const os::Path& path);
  [[nodiscard]] os::Path beside(std::string_view ending) const;
  [[nodiscard]] std::int64_t marked();
  void mark();

  os::Path path_;
  os::SystemRandom random_;
  os::PosixFiles files_{random_};
  std::unique_ptr<os::FileLock> lock_;
  os::Fd mark_;
  std::unique_ptr<Connection> db_;
  std::int64_t commits_ = 0;
  std::int64_t next_id_ = 1;
  std::atomic<std::uint64_t> evicted_{0};
  std::int64_t changes_before_ = 0;
  std::uint64_t opening_ = 0;
  /// The file was made by this opening.
  bool fresh_ = false;
  bool look_at_dead_letters_ = false;
  std::vector<std::string> notes_;

  mutable std::mutex mutex_;
  std::optional<Error> health_;
};

}  // namespace relay::broker
