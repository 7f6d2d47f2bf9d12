// For LD_PRELOAD: writes and syncs of a journal fail as a test orders it, as they do on a disk.
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fault/disk_orders.hpp"

namespace {

using relay::test::DiskOrders;
using relay::test::DiskTrouble;

DiskOrders* map_orders() {
  const char* path = std::getenv(relay::test::kDiskVariable);
  if (path == nullptr) return nullptr;
  const int file = ::open(path, O_RDWR | O_CLOEXEC);
  void* at = ::mmap(nullptr, sizeof(DiskOrders), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  return at == MAP_FAILED ? nullptr : static_cast<DiskOrders*>(at);
}

bool is_journal(int fd) {
  char name[64] = "/proc/self/fd/";
  char* end = name + std::strlen(name);
  if (fd >= 1000 || fd < 0) return false;
  for (int unit = 100; unit > 0; unit /= 10) {
    if (fd >= unit || unit == 1) *end++ = static_cast<char>('0' + fd / unit % 10);
  }
  char path[4096];
  const ssize_t length = ::readlink(name, path, sizeof path - 1);
  if (length <= 0) return false;
  path[length] = 0;
  return std::strstr(path, "journal.db") != nullptr;
}

/// What happens to this file now.
DiskTrouble trouble_of(int fd) {
  static DiskOrders* const orders = map_orders();
  if (orders == nullptr || orders->trouble == DiskTrouble::none || !is_journal(fd)) {
    return DiskTrouble::none;
  }
  const DiskTrouble trouble = orders->trouble;
  return trouble;
}

void count_failure() {
  static DiskOrders* const orders = map_orders();
  ++orders->failed;
}

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

int fdatasync(int fd) {
  static const auto real = next<int (*)(int)>("fdatasync");
  if (trouble_of(fd) != DiskTrouble::sync_fails) return real(fd);
  count_failure();
  errno = EIO;
  return -1;
}

int fsync(int fd) {
  static const auto real = next<int (*)(int)>("fsync");
  if (trouble_of(fd) != DiskTrouble::sync_fails) return real(fd);
  count_failure();
  errno = EIO;
  return -1;
}

ssize_t pwrite64(int fd, const void* from, size_t size, off64_t at) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
  const DiskTrouble trouble = trouble_of(fd);
  if (trouble != DiskTrouble::full && trouble != DiskTrouble::short_write) {
    return real(fd, from, size, at);
  }
  count_failure();
  static thread_local bool half = false;
  half = !half;
  if (trouble == DiskTrouble::short_write && half && size > 1) {
    return real(fd, from, size / 2, at);
  }
  errno = ENOSPC;
  return -1;
}

}  // extern "C"
