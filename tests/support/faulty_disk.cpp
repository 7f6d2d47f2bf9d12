#include "support/faulty_disk.hpp"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <new>
#include <sqlite3.h>
#include <string>
#include <utility>
#include <vector>

#include "support/bytes_of.hpp"

namespace relay::test {
namespace {

std::atomic<DiskFault> current{DiskFault::none};
std::atomic<int> still_good{0};
std::atomic<int> written{0};

/// Whether this call is one that fails now.
bool fails(DiskFault fault) {
  return current == fault && still_good.fetch_sub(1) <= 0;
}

constexpr std::size_t kSector = 512;

/// A file as it would be without power.
class Remembered {
 public:
  explicit Remembered(std::string synced) : synced_(std::move(synced)) {}

  void write(const void* from, int size, sqlite3_int64 at) {
    since_.push_back({static_cast<std::size_t>(at),
                      std::string(static_cast<const char*>(from), static_cast<std::size_t>(size)),
                      false});
  }
  void cut(sqlite3_int64 size) { since_.push_back({static_cast<std::size_t>(size), {}, true}); }
  void sync() {
    for (const Step& step : std::exchange(since_, {})) step.apply_to(synced_);
  }
  /// What is left of it.
  std::string lose(std::mt19937& random, PowerCut& tally) {
    for (Step& step : std::exchange(since_, {})) {
      const auto fate = random() % 3;
      if (fate == 0) {
        ++tally.lost;
      } else if (fate == 1 && step.bytes.size() > kSector) {
        ++tally.torn;
        step.apply_torn_to(synced_, random);
      } else {
        ++tally.kept;
        step.apply_to(synced_);
      }
    }
    return synced_;
  }

 private:
  struct Step {
    std::size_t at = 0;
    std::string bytes;
    bool cuts = false;

    void apply_to(std::string& file) const {
      if (cuts) {
        file.resize(at);
        return;
      }
      file.resize(std::max(file.size(), at + bytes.size()));
      file.replace(at, bytes.size(), bytes);
    }
    void apply_torn_to(std::string& file, std::mt19937& random) const {
      for (std::size_t from = 0; from < bytes.size();) {
        // Sectors are the file's, not the write's.
        const std::size_t size = std::min(kSector - (at + from) % kSector, bytes.size() - from);
        if (random() % 2 == 0) Step{at + from, bytes.substr(from, size), false}.apply_to(file);
        from += size;
      }
    }
  };

  std::string synced_;
  std::vector<Step> since_;
};

/// All files since `remember_unsynced`, by name.
struct Memory {
  std::mutex mutex;
  bool on = false;
  bool power = true;
  /// Calls until the power fails; below zero it does not.
  int left = -1;
  std::map<std::string, Remembered> files;

  /// False when there is no power for this call.
  bool powers() {
    if (left == 0) {
      power = false;
      // What was removed before stays so.
      std::erase_if(files, [](const auto& file) { return !std::filesystem::exists(file.first); });
    }
    if (left >= 0) --left;
    return power;
  }
};

Memory& memory() {
  static Memory the_one;
  return the_one;
}

struct File {
  sqlite3_file base;
  bool database;
  /// While the disk remembers.
  Remembered* remembered;
  /// Behind it in memory().
  [[nodiscard]] sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

sqlite3_file* real_of(sqlite3_file* file) {
  return reinterpret_cast<File*>(file)->real();
}

/// What happens to a file on which the power may fail: `step` is what it is then, `real` does it.
template <class Step, class Real>
int powered(sqlite3_file* file, int failure, const Step& step, const Real& real) {
  Remembered* const remembered = reinterpret_cast<File*>(file)->remembered;
  if (remembered == nullptr) return real();
  const std::lock_guard guard(memory().mutex);
  if (!memory().powers()) return failure;
  step(*remembered);
  return real();
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
  return powered(
      file, SQLITE_IOERR_WRITE, [&](Remembered& kept) { kept.write(from, size, at); },
      [&] { return real->pMethods->xWrite(real, from, size, at); });
}
int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  return powered(
      file, SQLITE_IOERR_TRUNCATE, [&](Remembered& kept) { kept.cut(size); },
      [&] { return real_of(file)->pMethods->xTruncate(real_of(file), size); });
}
int sync_file(sqlite3_file* file, int flags) {
  current.wait(DiskFault::sync_waits);
  if (current == DiskFault::does_not_sync) return SQLITE_OK;
  if (fails(DiskFault::sync_fails)) return SQLITE_IOERR_FSYNC;
  if (reinterpret_cast<File*>(file)->database && fails(DiskFault::database_sync_fails)) {
    return SQLITE_IOERR_FSYNC;
  }
  return powered(
      file, SQLITE_IOERR_FSYNC, [](Remembered& kept) { kept.sync(); },
      [&] {
        // What is remembered need not wait for the disk as well.
        const bool waits = reinterpret_cast<File*>(file)->remembered == nullptr;
        return waits ? real_of(file)->pMethods->xSync(real_of(file), flags) : SQLITE_OK;
      });
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
  file->remembered = nullptr;
  const std::lock_guard guard(memory().mutex);
  if (memory().on && !memory().power) return SQLITE_CANTOPEN;
  // Another one of that name is not meant: one may have been removed past this way to the disk.
  const bool is_new = name != nullptr && !std::filesystem::exists(name);
  const int code = real_vfs->xOpen(real_vfs, name, file->real(), flags, out);
  if (code != SQLITE_OK) return code;
  if (is_new) memory().files.erase(name);
  file->base.pMethods = &kMethods;
  // What has no name is gone without power anyway.
  if (memory().on && name != nullptr) {
    file->remembered = &memory().files.try_emplace(name, bytes_of(name)).first->second;
  }
  return code;
}

int delete_file(sqlite3_vfs* vfs, const char* name, int sync_directory) {
  auto* real_vfs = static_cast<sqlite3_vfs*>(vfs->pAppData);
  const std::lock_guard guard(memory().mutex);
  if (memory().on && !memory().power) return SQLITE_IOERR_DELETE;
  memory().files.erase(name);
  return real_vfs->xDelete(real_vfs, name, sync_directory);
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
  vfs_->vfs.xDelete = delete_file;
  sqlite3_vfs_register(&vfs_->vfs, 1);
  set(DiskFault::none);
  written = 0;
}

FaultyDisk::~FaultyDisk() {
  memory().on = false;
  memory().files.clear();
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

void FaultyDisk::remember_unsynced() {
  const std::lock_guard guard(memory().mutex);
  memory().on = true;
  memory().power = true;
  memory().left = -1;
}

void FaultyDisk::fail_power(int after) {
  const std::lock_guard guard(memory().mutex);
  memory().left = after;
}

bool FaultyDisk::has_power() const {
  const std::lock_guard guard(memory().mutex);
  return memory().power;
}

PowerCut FaultyDisk::restore_power(std::mt19937& random) {
  const std::lock_guard guard(memory().mutex);
  PowerCut tally;
  for (auto& [name, file] : memory().files) {
    std::ofstream(name, std::ios::binary | std::ios::trunc) << file.lose(random, tally);
    std::filesystem::permissions(name, std::filesystem::perms(0600));
  }
  memory().files.clear();
  memory().power = true;
  memory().left = -1;
  return tally;
}

}  // namespace relay::test
