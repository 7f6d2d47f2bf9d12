// Several fuzz targets in one libFuzzer program: RELAY_BROKER_FUZZ names the one that runs.
#include <cstdio>
#include <cstdlib>

#include "fuzz/targets.hpp"

namespace {

relay::fuzz::Run* chosen = nullptr;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  const char* name = std::getenv("RELAY_BROKER_FUZZ");
  chosen = relay::fuzz::target(name == nullptr ? "" : name);
  if (chosen != nullptr) return 0;
  std::fputs(
      "error: RELAY_BROKER_FUZZ names no target of this program, see tests/fuzz/meson.build\n",
      stderr);
  std::exit(2);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return chosen(data, size);
}
