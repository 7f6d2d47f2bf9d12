#include "support/temp_dir.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <sys/stat.h>
#include <system_error>

namespace relay::test {
namespace {

constexpr std::array kVariables{
    std::pair{"HOME", "home"},           std::pair{"XDG_CONFIG_HOME", "config"},
    std::pair{"XDG_DATA_HOME", "data"},  std::pair{"XDG_STATE_HOME", "state"},
    std::pair{"XDG_RUNTIME_DIR", "run"}, std::pair{"TMPDIR", "tmp"},
};

}  // namespace

TempDir::TempDir() {
  std::string pattern = "/tmp/relay-test-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), "mkdtemp");
  }
  path_ = pattern;
  for (const auto& [variable, name] : kVariables) {
    if (::mkdir((path_ / name).c_str(), 0700) != 0) {
      throw std::system_error(errno, std::generic_category(), "mkdir");
    }
  }
}

TempDir::~TempDir() {
  // A test that leaves something undeletable behind is no reason to abort the others.
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

os::Environment TempDir::environment() const {
  const os::Environment ours = os::Environment::of_process();
  os::Environment out;
  for (const char* kept :
       {"PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"}) {
    if (const auto value = ours.get(kept)) out.set(kept, *value);
  }
  for (const auto& [variable, name] : kVariables) out.set(variable, (path_ / name).string());
  out.set("LANG", "C.UTF-8");
  return out;
}

}  // namespace relay::test
