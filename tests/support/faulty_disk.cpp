#include "support/faulty_disk.hpp"

#include <atomic>
#include <new>
#include <sqlite3.h>
#include <string>

namespace relay::test {
namespace {

std::atomic<DiskFault> current{DiskFault::none};
std::atomic<int> still_good{0};
std::atomic<int> written{0};

/// Whether this call is one that fails now.
bool fails(DiskFault fault) {
  return current == fault && still_good.fetch_sub(1) <= 0;
}

struct File {
  sqlite3_file base;
  bool database;
  /// Behind it in memory.
  [[nodiscard]] sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

sqlite3_file* real_of(sqlite3_file* file) {
  return reinterpret_cast<File*>(file)->real();
}

int close_file(sqlite3_file* file) {
  return real_of(file)->pMethods->xClose(real_of(file));
}
int read_file(sqlite3_file* file, void* into, int size, sqlite3_int64 at) {
  if (fails(DiskFault::read_fails)) return SQLITE_IOERR_READ;
  return real_of(file)->pMethods->xRead(real_of(file), into, size, at);
}
int write_file(sqlite3_file* file, const void* from, int size, sqlite3_int64 at) {
  auto* real = real_of(file);
  ++written;
  if (fails(DiskFault::full)) return SQLITE_FULL;
  if (fails(DiskFault::write_fails)) {
    // Half of it gets there.
    (void)real->pMethods->xWrite(real, from, size / 2, at);
    return SQLITE_IOERR_WRITE;
  }
  return real->pMethods->xWrite(real, from, size, at);
}
int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  return real_of(file)->pMethods->xTruncate(real_of(file), size);
}
int sync_file(sqlite3_file* file, int flags) {
  current.wait(DiskFault::sync_waits);
  if (current == DiskFault::does_not_sync) return SQLITE_OK;
  if (fails(DiskFault::sync_fails)) return SQLITE_IOERR_FSYNC;
  if (reinterpret_cast<File*>(file)->database && fails(DiskFault::database_sync_fails)) {
    return SQLITE_IOERR_FSYNC;
  }
  return real_of(file)->pMethods->xSync(real_of(file), flags);
}
int size_of_file(sqlite3_file* file, sqlite3_int64* size) {
  return real_of(file)->pMethods->xFileSize(real_of(file), size);
}
int lock_file(sqlite3_file* file, int how) {
  return real_of(file)->pMethods->xLock(real_of(file), how);
}
int unlock_file(sqlite3_file* file, int how) {
  return real_of(file)->pMethods->xUnlock(real_of(file), how);
}
int check_lock(sqlite3_file* file, int* held) {
  return real_of(file)->pMethods->xCheckReservedLock(real_of(file), held);
}
int control_file(sqlite3_file* file, int what, void* with) {
  return real_of(file)->pMethods->xFileControl(real_of(file), what, with);
}
int sector_size(sqlite3_file* file) {
  return real_of(file)->pMethods->xSectorSize(real_of(file));
}
int characteristics(sqlite3_file* file) {
  return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

int map_shared(sqlite3_file* file, int page, int size, int extend, void volatile** into) {
  return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, into);
}
int lock_shared(sqlite3_file* file, int offset, int count, int flags) {
  return real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);
}
void order_shared(sqlite3_file* file) {
  real_of(file)->pMethods->xShmBarrier(real_of(file));
}
int unmap_shared(sqlite3_file* file, int remove) {
  return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

// Version 2: with the memory that connections of one database share, without mapped files.
const sqlite3_io_methods kMethods{2,
                                  close_file,
                                  read_file,
                                  write_file,
                                  truncate_file,
                                  sync_file,
                                  size_of_file,
                                  lock_file,
                                  unlock_file,
                                  check_lock,
                                  control_file,
                                  sector_size,
                                  characteristics,
                                  map_shared,
                                  lock_shared,
                                  order_shared,
                                  unmap_shared,
                                  nullptr,
                                  nullptr};

int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* into, int flags, int* out) {
  auto* real_vfs = static_cast<sqlite3_vfs*>(vfs->pAppData);
  auto* file = new (into) File;
  file->base.pMethods = nullptr;
  file->database = (flags & SQLITE_OPEN_MAIN_DB) != 0;
  const int code = real_vfs->xOpen(real_vfs, name, file->real(), flags, out);
  if (code == SQLITE_OK) file->base.pMethods = &kMethods;
  return code;
}

}  // namespace

struct FaultyDisk::Vfs {
  sqlite3_vfs vfs;
  sqlite3_vfs* real;
};

FaultyDisk::FaultyDisk() : vfs_(std::make_unique<Vfs>()) {
  sqlite3_vfs* real = sqlite3_vfs_find(nullptr);
  vfs_->real = real;
  vfs_->vfs = *real;
  vfs_->vfs.iVersion = 1;
  vfs_->vfs.zName = "faulty";
  vfs_->vfs.pAppData = real;
  vfs_->vfs.szOsFile = static_cast<int>(sizeof(File)) + real->szOsFile;
  vfs_->vfs.pNext = nullptr;
  vfs_->vfs.xOpen = open_file;
  sqlite3_vfs_register(&vfs_->vfs, 1);
  set(DiskFault::none);
  written = 0;
}

FaultyDisk::~FaultyDisk() {
  sqlite3_vfs_unregister(&vfs_->vfs);
  sqlite3_vfs_register(vfs_->real, 1);
}

void FaultyDisk::set(DiskFault fault, int after) {
  still_good = after;
  current = fault;
  current.notify_all();
}

int FaultyDisk::writes() const {
  return written;
}

}  // namespace relay::test
