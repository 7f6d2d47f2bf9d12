#include "os/late_library.hpp"

#include <climits>
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <filesystem>
#include <string_view>

#include "support/temp_dir.hpp"

namespace relay::os {

TEST_CASE("a library is opened by its name, or where it was at the build") {
  void* const known = open_late("libm.so.6", "");
  REQUIRE(known != nullptr);
  CHECK(::dlsym(known, "cos") != nullptr);

  const test::TempDir temp;
  char directory[PATH_MAX];
  REQUIRE(::dlinfo(known, RTLD_DI_ORIGIN, directory) == 0);
  std::filesystem::create_symlink(std::filesystem::path(directory) / "libm.so.6",
                                  temp / "libonly-here.so");
  CHECK(open_late("libonly-here.so", "") == nullptr);
  CHECK(open_late("libonly-here.so", temp.path().c_str()) == known);
}

TEST_CASE("a library that is nowhere is said to be missing") {
  CHECK(open_late("libnever-made.so", "/nowhere") == nullptr);
  const char* const why = ::dlerror();
  REQUIRE(why != nullptr);
  CHECK(std::string_view(why).find("libnever-made.so") != std::string_view::npos);
}

}  // namespace relay::os
