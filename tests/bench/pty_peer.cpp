#include <chrono>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "bench/pty_parts.hpp"

namespace relay::bench {

std::string peer_broker() {
  return {};
}

double peer_drain_seconds(const std::string&) {
  return 0;
}

void peer_idle(const PtyReport&) {}
void peer_inject(const PtyReport&, const std::string&) {}

}  // namespace relay::bench
