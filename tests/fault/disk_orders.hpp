#pragma once

#include <atomic>
#include <cstdint>

namespace relay::test {

enum class DiskTrouble : std::uint32_t {
  none,
  sync_fails,   // EIO
  full,         // ENOSPC
  short_write,  // half of it is written, then ENOSPC
};

/// In a file that the test and the broker have mapped: what a disk does with the journal's files.
struct DiskOrders {
  std::atomic<DiskTrouble> trouble{DiskTrouble::none};
  /// Calls that have failed since the orders were given.
  std::atomic<std::uint32_t> failed{0};
};

/// Where the library looks for the name of that file.
inline constexpr const char* kDiskVariable = "FAULT_DISK_ORDERS";

}  // namespace relay::test
