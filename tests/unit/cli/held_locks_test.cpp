#include "cli/held_locks.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "os/posix_files.hpp"
#include "os/system_random.hpp"
#include "support/temp_dir.hpp"

namespace relay::cli {

TEST_CASE("what /proc says about locks") {
  const std::string_view locks =
      "1: POSIX  ADVISORY  WRITE 71 08:01:5555 0 EOF\n"
      "2: FLOCK  ADVISORY  WRITE 77 103:1f:5678 0 EOF\n"
      "2: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF\n"
      "2: -> FLOCK  ADVISORY  WRITE 99 08:01:5678 0 EOF\nshort\n";
  using Locks = std::vector<HeldLock>;
  CHECK(locks_on(locks, 5678) == Locks{{77, 0x103, 0x1f}, {1234, 8, 1}});
  CHECK(locks_on(locks, 678).empty());
  CHECK(locks_on(locks, 5555).empty());
  CHECK(locks_on("", 1).empty());
}

TEST_CASE("who holds the lock of a file") {
  test::TempDir temp;
  os::SystemRandom random;
  os::PosixFiles files(random);
  const os::Path path = temp / "tmp" / "one.lock";
  CHECK_FALSE(holder_of(path, "").has_value());
  auto held = files.lock(path, "the test");
  REQUIRE(held);
  struct stat info{};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  const auto line = [&](pid_t pid, unsigned major_of_disk, unsigned minor_of_disk) {
    return fmt::format("1: FLOCK  ADVISORY  WRITE {} {:02x}:{:02x}:{} 0 EOF\n", pid, major_of_disk,
                       minor_of_disk, info.st_ino);
  };
  const unsigned major_here = major(info.st_dev);
  const unsigned minor_here = minor(info.st_dev);
  CHECK(holder_of(path, line(77, major_here, minor_here)) == 77);
  // Another disk's file of that number, whose holder has not opened this one.
  CHECK_FALSE(holder_of(path, line(1, major_here + 1, minor_here)).has_value());
  // The same file under another disk's name.
  CHECK(holder_of(path, line(1, major_here + 1, minor_here) +
                            line(::getpid(), major_here + 1, minor_here)) == ::getpid());
  CHECK_FALSE(holder_of(path, "").has_value());

  const auto real = read_proc_locks(files);
  if (!real) return;
  CHECK(holder_of(path, *real) == ::getpid());
  held->reset();
  CHECK_FALSE(holder_of(path, read_proc_locks(files).value()).has_value());
}

}  // namespace relay::cli
