#include "bench/peers.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <unistd.h>

namespace relay::bench {
namespace {

/// Its workers are known by the path that they were started with, which has no symbolic links.
std::string npm_program(const char* package) {
  const auto path =
      std::filesystem::path(BENCH_INTEROP) / "node_modules" / package / "bin/agent-relay-broker";
  std::error_code absent;
  return std::filesystem::canonical(path, absent).string();
}

}  // namespace

const PeerBroker& peer_9() {
  static const PeerBroker found{"agent-relay-broker 9.1.6",
                                npm_program("@agent-relay/broker-linux-x64")};
  return found;
}

const PeerBroker& peer_12() {
  static const PeerBroker found{"agent-relay-broker 12.4.1", npm_program("broker-12")};
  return found;
}

std::string program_in_path(std::string_view name) {
  const char* const path = std::getenv("PATH");
  std::string_view left = path == nullptr ? "/usr/bin:/bin" : path;
  while (!left.empty()) {
    const auto end = std::min(left.find(':'), left.size());
    std::string candidate = std::string(left.substr(0, end)) + "/" + std::string(name);
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  return {};
}

}  // namespace relay::bench
