// One user's machine: an engine in a process of its own, brokers of ours and the published one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/broker_reader.hpp"
#include "support/served_engine.hpp"
#include "support/wait_until.hpp"

namespace relay::test {

/// Installed by `./dev interop`; nothing when it is not there.
[[nodiscard]] std::optional<std::string> published_broker();

/// The engine, and what any client of it does. Everything that was started under its directory is
/// ended with it.
class Fleet {
 public:
  Fleet();
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  void start_engine();
  void kill_engine();
  [[nodiscard]] std::uint16_t port() const { return engine_->port(); }
  [[nodiscard]] const std::string& key() const { return engine_->key(); }

  /// One request to the engine; an empty token is the workspace's key.
  [[nodiscard]] Reply ask(const std::string& method, const std::string& target,
                          const std::string& body = {}, const std::string& token = {},
                          const std::string& idempotency_key = {}) const;
  /// A new agent without a node; its token.
  [[nodiscard]] std::string add_agent(const std::string& name) const {
    return engine_->add_agent(name);
  }
  /// A new token of one that is there.
  [[nodiscard]] std::string token_of(const std::string& name) const;
  /// Sends the message with this number, again and again under one key until it is accepted.
  void send(const std::string& token, const std::string& to, std::size_t number) const;
  /// Whether nothing that was sent to this agent is on its way any more.
  [[nodiscard]] bool settled(const std::string& agent) const;

  /// A broker of ours in a directory of its own, ready.
  [[nodiscard]] std::unique_ptr<RunningProgram> serve(const std::string& directory,
                                                      std::vector<std::string> options) const;
  /// Ends the processes that have these words in their command lines.
  void end_all_with(const std::string& words) const;

  /// The program of agents, in PATH by the name "reader": writes down what it reads.
  [[nodiscard]] std::string log_of(const std::string& agent) const;
  [[nodiscard]] std::vector<std::size_t> read_by(const std::string& agent) const;
  /// Waits until an agent has read all of these numbers, and nothing else and nothing twice.
  void wait_read(const std::string& agent, const std::vector<std::size_t>& numbers,
                 Duration at_most = kPatience) const;

  TempDir temp;
  os::Environment environment = temp.environment();

 private:
  std::unique_ptr<ServedEngine> engine_;
};

/// The published broker at an engine behind this port.
class Published {
 public:
  Published(Fleet& fleet, std::uint16_t engine);
  void start();
  /// As a crash: its agents are ended with it.
  void kill();
  void spawn(const std::string& agent);

 private:
  [[nodiscard]] Reply ask(const std::string& method, const std::string& target,
                          const std::string& body = {}) const;

  Fleet& fleet_;
  os::Environment environment_;
  std::unique_ptr<RunningProgram> program_;
  std::uint16_t api_ = 0;
  std::vector<std::string> agents_;
};

}  // namespace relay::test
