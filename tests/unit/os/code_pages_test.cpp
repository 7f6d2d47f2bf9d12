#include "os/code_pages.hpp"

#include <doctest/doctest.h>
#include <fstream>
#include <string>

namespace relay::os {
namespace {

/// Pages of files that this process has mapped and in memory.
long pages_of_files() {
  long total = 0;
  long resident = 0;
  long shared = 0;
  std::ifstream("/proc/self/statm") >> total >> resident >> shared;
  return shared;
}

}  // namespace

TEST_CASE("code that was used is held no longer, and works on") {
  const long before = pages_of_files();
  REQUIRE(before > 0);
  forget_used_code();
  CHECK(pages_of_files() < before);
}

}  // namespace relay::os
