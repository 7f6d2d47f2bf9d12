#pragma once

#include <cstdint>
#include <string>

#include "support/http_ask.hpp"
#include "support/run_binary.hpp"
#include "support/temp_dir.hpp"

namespace relay::test {

/// The engine as its users have it: `relay-broker serve --role engine` as a process of its own,
/// ready to be asked. What it stores is under `home` and outlives it: the next one there goes on
/// with it, at a port of its own. Killed at the end.
class ServedEngine {
 public:
  /// Throws when it does not become ready.
  ServedEngine(const TempDir& home, const os::Environment& environment);

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// The key of its workspace.
  [[nodiscard]] const std::string& key() const { return key_; }
  [[nodiscard]] pid_t pid() const { return program_.pid(); }
  [[nodiscard]] RunningProgram& program() { return program_; }
  void kill();

  /// One request, a body as JSON. An empty idempotency key is none. Throws when there is no answer.
  [[nodiscard]] Reply ask(const std::string& method, const std::string& target,
                          const std::string& token, const std::string& body = {},
                          const std::string& idempotency_key = {}) const;
  /// The token of a new agent that no node runs. Throws when there is no such agent afterwards.
  [[nodiscard]] std::string add_agent(const std::string& name) const;

 private:
  RunningProgram program_;
  std::uint16_t port_ = 0;
  std::string key_;
};

}  // namespace relay::test
