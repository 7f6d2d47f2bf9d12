#pragma once

#include <memory>

namespace relay::test {

/// What the disk does with SQLite's files, until it is told otherwise.
enum class DiskFault { none, full, write_fails, sync_fails, database_sync_fails };

/// Stands between SQLite and the real disk while it exists; one at a time. `set` from any thread.
class FaultyDisk {
 public:
  FaultyDisk();
  ~FaultyDisk();
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;

  /// From the call after the next `after` ones of its kind on.
  void set(DiskFault fault, int after = 0);

 private:
  struct Vfs;
  std::unique_ptr<Vfs> vfs_;
};

}  // namespace relay::test
