// Programs in terminals:
// `bench-pty [--json] [--quick] [--only drain|idle|inject] [--rounds N] [--agents N]`.
// Contenders run in the same process and take turns, so that a busy machine hits all alike.
// RELAY_BROKER_BINARY names the relay-broker that is the keeper.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <string>
#include <sys/resource.h>

#include "bench/pty_parts.hpp"

namespace {

/// Two descriptors for each session.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  bool json = false;
  bool quick = false;
  int rounds = 0;
  int agents = 0;
  std::string only;
  for (int i = 1; i < argc; ++i) {
    const bool value = i + 1 < argc;
    if (std::strcmp(argv[i], "--reader") == 0 && i + 3 < argc) {
      return relay::bench::read_messages(argv[i + 1], std::strtoul(argv[i + 2], nullptr, 10),
                                         argv[i + 3]);
    }
    if (std::strcmp(argv[i], "--json") == 0) {
      json = true;
    } else if (std::strcmp(argv[i], "--quick") == 0) {
      quick = true;
    } else if (std::strcmp(argv[i], "--rounds") == 0 && value) {
      rounds = std::atoi(argv[++i]);
    } else if (std::strcmp(argv[i], "--agents") == 0 && value) {
      agents = std::atoi(argv[++i]);
    } else if (std::strcmp(argv[i], "--only") == 0 && value) {
      only = argv[++i];
    } else {
      std::fprintf(stderr,
                   "usage: bench-pty [--json] [--quick] [--only drain|idle|inject] [--rounds N] "
                   "[--agents N]\n");
      return 2;
    }
  }
  if (rounds == 0) rounds = quick ? 1 : 5;
  if (agents == 0) agents = quick ? 100 : 1000;
  raise_descriptor_limit();
  const relay::bench::Report report("pty", json);
  // For the keeper /proc/self would be the keeper.
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  try {
    if (only.empty() || only == "drain") relay::bench::drain(report, rounds);
    if (only.empty() || only == "idle") relay::bench::idle(report, agents, quick ? 3 : 20);
    if (only.empty() || only == "inject") relay::bench::inject(report, self, rounds);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
  return 0;
}
