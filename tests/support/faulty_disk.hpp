#pragma once

#include <memory>

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
