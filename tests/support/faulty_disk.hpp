#pragma once

#include <memory>
#include <random>

namespace relay::test {

/// What the disk does with SQLite's files, until it is told otherwise. One that does not sync is
/// fast, for tests in which the power stays on; one whose sync waits does so until it is told
/// something else.
enum class DiskFault {
  none,
  full,
  read_fails,
  write_fails,
  sync_fails,
  database_sync_fails,
  sync_waits,
  does_not_sync
};

/// What became of what was not synced when the power failed.
struct PowerCut {
  int kept = 0;
  int lost = 0;
  /// Writes of which only some sectors are there.
  int torn = 0;
};

/// Stands between SQLite and the real disk while it exists; one at a time. `set` from any thread.
class FaultyDisk {
 public:
  FaultyDisk();
  ~FaultyDisk();
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;

  /// From the call after the next `after` ones of its kind on.
  void set(DiskFault fault, int after = 0);
  /// Writes to any file since it exists. From any thread.
  [[nodiscard]] int writes() const;

  /// Before any file is opened: for the power to fail later it is known what was synced of each
  /// file, and each write and each cut of it since then. Names of files are safe at once.
  void remember_unsynced();
  /// The power fails in the call after the next `after` writes, cuts and syncs: nothing is written,
  /// cut, synced, removed or opened any more.
  void fail_power(int after);
  [[nodiscard]] bool has_power() const;
  /// When nobody has a file open any more. Each file has what was synced, and of what was done to
  /// it since then a random part, in its order; of a write that is torn any of its sectors of 512
  /// B.
  PowerCut restore_power(std::mt19937& random);

 private:
  struct Vfs;
  std::unique_ptr<Vfs> vfs_;
};

/// For what is written while the power stays on. A base class before the one with the journal.
struct QuickDisk {
  QuickDisk() { disk.set(DiskFault::does_not_sync); }
  FaultyDisk disk;
};

}  // namespace relay::test
