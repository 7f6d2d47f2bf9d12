#include "storage/log_file.hpp"

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <sqlite3.h>

namespace relay::storage {
namespace {

/// What is gathered for one write; more goes in several. SQLite's own files take 128 KiB at most.
constexpr std::size_t kMostGathered = std::size_t{120} << 10U;
/// By how much a way to the disk that was put in place of the system's may need more for a file.
constexpr int kSpare = 256;

/// A log: the real file, and the bytes that are to follow in it. SQLite is C: nothing is thrown
/// through it, so all the memory is taken at the opening.
class LogFile {
 public:
  explicit LogFile(std::size_t size_of_real)
      : memory_(std::make_unique<std::byte[]>(size_of_real)),
        gathered_(std::make_unique_for_overwrite<char[]>(kMostGathered)) {}

  sqlite3_file* real() noexcept { return reinterpret_cast<sqlite3_file*>(memory_.get()); }

  int write(const void* from, std::size_t size, sqlite3_int64 at) noexcept {
    const bool follows = at == from_ + static_cast<sqlite3_int64>(size_);
    if (!follows || size_ + size > kMostGathered) {
      const int flushed = flush();
      if (flushed != SQLITE_OK) return flushed;
    }
    if (failure_ != SQLITE_OK) return failure_;
    if (size > kMostGathered) {
      return real()->pMethods->xWrite(real(), from, static_cast<int>(size), at);
    }
    if (size_ == 0) from_ = at;
    std::memcpy(gathered_.get() + size_, from, size);
    size_ += size;
    return SQLITE_OK;
  }
  /// A log that a write is missing from stays one until it is cut or closed.
  int flush() noexcept {
    if (failure_ != SQLITE_OK || size_ == 0) return failure_;
    const int size = static_cast<int>(size_);
    failure_ = real()->pMethods->xWrite(real(), gathered_.get(), size, from_);
    size_ = 0;
    return failure_;
  }
  /// What was gathered and what has failed are of no account any more.
  void forget() noexcept {
    size_ = 0;
    failure_ = SQLITE_OK;
  }

 private:
  std::unique_ptr<std::byte[]> memory_;
  std::unique_ptr<char[]> gathered_;
  std::size_t size_ = 0;
  sqlite3_int64 from_ = 0;
  int failure_ = SQLITE_OK;
};

/// What SQLite has of it.
struct Handle {
  sqlite3_file base;
  LogFile* file;
};

LogFile& file_of(sqlite3_file* handle) {
  return *reinterpret_cast<Handle*>(handle)->file;
}

/// After all that was gathered is written; else why it is not.
template <class Call>
int flushed(sqlite3_file* handle, const Call& call) noexcept {
  LogFile& file = file_of(handle);
  const int code = file.flush();
  return code != SQLITE_OK ? code : call(file.real());
}

int close_log(sqlite3_file* handle) noexcept {
  // Every commit was synced: what is still gathered is of none.
  const std::unique_ptr<LogFile> file(&file_of(handle));
  return file->real()->pMethods->xClose(file->real());
}
int read_log(sqlite3_file* handle, void* into, int size, sqlite3_int64 at) noexcept {
  return flushed(handle,
                 [=](sqlite3_file* real) { return real->pMethods->xRead(real, into, size, at); });
}
int write_log(sqlite3_file* handle, const void* from, int size, sqlite3_int64 at) noexcept {
  return file_of(handle).write(from, static_cast<std::size_t>(size), at);
}
int truncate_log(sqlite3_file* handle, sqlite3_int64 size) noexcept {
  LogFile& file = file_of(handle);
  // To nothing, what could not be written is missed no longer.
  if (size == 0) file.forget();
  const int code = file.flush();
  return code != SQLITE_OK ? code : file.real()->pMethods->xTruncate(file.real(), size);
}
int sync_log(sqlite3_file* handle, int flags) noexcept {
  return flushed(handle, [=](sqlite3_file* real) { return real->pMethods->xSync(real, flags); });
}
int size_of_log(sqlite3_file* handle, sqlite3_int64* size) noexcept {
  return flushed(handle, [=](sqlite3_file* real) { return real->pMethods->xFileSize(real, size); });
}
int lock_log(sqlite3_file* handle, int how) noexcept {
  sqlite3_file* real = file_of(handle).real();
  return real->pMethods->xLock(real, how);
}
int unlock_log(sqlite3_file* handle, int how) noexcept {
  sqlite3_file* real = file_of(handle).real();
  return real->pMethods->xUnlock(real, how);
}
int check_lock_of_log(sqlite3_file* handle, int* held) noexcept {
  sqlite3_file* real = file_of(handle).real();
  return real->pMethods->xCheckReservedLock(real, held);
}
int control_log(sqlite3_file* handle, int what, void* with) noexcept {
  return flushed(
      handle, [=](sqlite3_file* real) { return real->pMethods->xFileControl(real, what, with); });
}
int sector_of_log(sqlite3_file* handle) noexcept {
  sqlite3_file* real = file_of(handle).real();
  return real->pMethods->xSectorSize(real);
}
int characteristics_of_log(sqlite3_file* handle) noexcept {
  sqlite3_file* real = file_of(handle).real();
  return real->pMethods->xDeviceCharacteristics(real);
}

// Version 1: a log is neither mapped nor does it hold the memory that connections share.
const sqlite3_io_methods kLogMethods{1,
                                     close_log,
                                     read_log,
                                     write_log,
                                     truncate_log,
                                     sync_log,
                                     size_of_log,
                                     lock_log,
                                     unlock_log,
                                     check_lock_of_log,
                                     control_log,
                                     sector_of_log,
                                     characteristics_of_log,
                                     nullptr,
                                     nullptr,
                                     nullptr,
                                     nullptr,
                                     nullptr,
                                     nullptr};

/// Logs are stood in for; every other file is the real one itself.
int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* into, int flags,
              int* out) noexcept {
  // The one of now: tests put another one in its place for a while.
  sqlite3_vfs* real = sqlite3_vfs_find(nullptr);
  into->pMethods = nullptr;
  if ((flags & SQLITE_OPEN_WAL) == 0) {
    if (real->szOsFile > vfs->szOsFile) return SQLITE_CANTOPEN;
    return real->xOpen(real, name, into, flags, out);
  }
  std::unique_ptr<LogFile> file;
  try {
    file = std::make_unique<LogFile>(static_cast<std::size_t>(real->szOsFile));
  } catch (const std::bad_alloc&) {
    return SQLITE_NOMEM;
  }
  const int code = real->xOpen(real, name, file->real(), flags, out);
  if (code != SQLITE_OK) {
    if (file->real()->pMethods != nullptr) file->real()->pMethods->xClose(file->real());
    return code;
  }
  auto* handle = new (into) Handle;
  handle->base.pMethods = &kLogMethods;
  handle->file = file.release();
  return SQLITE_OK;
}

const char* registered() {
  // Lives as long as the program, as what SQLite knows has to.
  static sqlite3_vfs vfs = [] {
    sqlite3_vfs copy{};
    // Else nothing is registered, which says so.
    if (sqlite3_initialize() != SQLITE_OK || sqlite3_vfs_find(nullptr) == nullptr) return copy;
    copy = *sqlite3_vfs_find(nullptr);
    copy.zName = "relay-joined-log";
    copy.pNext = nullptr;
    copy.szOsFile += kSpare;
    copy.xOpen = open_file;
    return copy;
  }();
  if (vfs.zName == nullptr || sqlite3_vfs_register(&vfs, 0) != SQLITE_OK) return nullptr;
  return vfs.zName;
}

}  // namespace

const char* joined_log_writes() {
  static const char* const kName = registered();
  return kName;
}

}  // namespace relay::storage
