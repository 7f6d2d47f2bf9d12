// For LD_PRELOAD: writes and syncs of a journal fail as a test orders it, as they do on a disk.
#include <cerrno>
#include <sys/types.h>

#include "fault/disk_orders.hpp"
#include "support/interposer.hpp"

namespace {

using relay::test::DiskOrders;
using relay::test::DiskTrouble;
using relay::test::is_path_with;
using relay::test::replaced;

DiskOrders* given() {
  static auto* const orders = relay::test::map_orders<DiskOrders>(relay::test::kDiskVariable);
  return orders;
}

/// What happens to this file now.
DiskTrouble trouble_of(int fd) {
  if (given() == nullptr || given()->trouble == DiskTrouble::none) return DiskTrouble::none;
  if (!is_path_with(fd, "journal.db")) return DiskTrouble::none;
  return given()->trouble;
}

void count_failure() {
  ++given()->failed;
}

}  // namespace

extern "C" {

int fdatasync(int fd) {
  static const auto real = replaced<int (*)(int)>("fdatasync");
  if (trouble_of(fd) != DiskTrouble::sync_fails) return real(fd);
  count_failure();
  errno = EIO;
  return -1;
}

int fsync(int fd) {
  static const auto real = replaced<int (*)(int)>("fsync");
  if (trouble_of(fd) != DiskTrouble::sync_fails) return real(fd);
  count_failure();
  errno = EIO;
  return -1;
}

ssize_t pwrite64(int fd, const void* from, size_t size, off64_t at) {
  static const auto real = replaced<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
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
