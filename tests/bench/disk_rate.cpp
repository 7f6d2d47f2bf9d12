#include "bench/disk_rate.hpp"

#include <fcntl.h>
#include <stdexcept>
#include <string>
#include <unistd.h>

namespace relay::bench {
namespace {

constexpr int kBlocks = 256;
constexpr std::size_t kBlock = 4096;

void write_block(const os::Fd& fd, int number) {
  static const std::string block(kBlock, 'x');
  const auto wrote = ::pwrite(fd.get(), block.data(), kBlock, static_cast<off_t>(number) * kBlock);
  if (wrote < 0) throw std::runtime_error("the disk takes no block");
}

}  // namespace

DiskRate::DiskRate(const std::filesystem::path& file)
    : fd_(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
  for (int i = 0; i < kBlocks; ++i) write_block(fd_, i);
  ::fdatasync(fd_.get());
}

double DiskRate::measure(std::chrono::milliseconds time) {
  const auto start = std::chrono::steady_clock::now();
  int done = 0;
  while (std::chrono::steady_clock::now() - start < time) {
    write_block(fd_, done++ % kBlocks);
    if (::fdatasync(fd_.get()) != 0) throw std::runtime_error("the disk does not sync");
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  return done / took.count();
}

}  // namespace relay::bench
