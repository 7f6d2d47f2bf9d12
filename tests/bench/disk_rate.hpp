#pragma once

#include <chrono>
#include <filesystem>

#include "os/fd.hpp"

namespace relay::bench {

/// The most that durable writes without company can be: blocks of 4 KiB that are on the disk, one
/// by one, in place as in a log that is used again. Throws when the disk does not take them.
class DiskRate {
 public:
  explicit DiskRate(const std::filesystem::path& file);
  /// Blocks a second in so long a time.
  double measure(std::chrono::milliseconds time);

 private:
  os::Fd fd_;
};

}  // namespace relay::bench
