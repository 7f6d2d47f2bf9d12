#pragma once

#include <asio/awaitable.hpp>
#include <memory>
#include <string>

#include "broker/operations.hpp"
#include "broker/parts.hpp"
#include "broker/postman.hpp"
#include "broker/programs.hpp"

namespace relay::broker {

/// Ends agents: the whole process tree, what waits for them, and who they are here. Every way out
/// of an agent's life goes through it. On the loop thread.
class Releaser {
 public:
  Releaser(BrokerParts& parts, Programs& programs, Postman& postman)
      : parts_(parts), programs_(programs), postman_(postman), gone_(parts.executor) {}

  /// Idempotent: good for agents that have ended, for names of nobody, and for one that is being
  /// spawned (that spawn undoes itself). The engine is told before this returns. An error leaves
  /// the agent listed, without a program, for another try.
  asio::awaitable<Result<ReleasedAgent>> release(ReleaseRequest request);

  /// The token file of an agent, in a directory of its own.
  [[nodiscard]] static os::Path agent_directory(const BrokerSettings& settings,
                                                const std::string& name);
  /// Files that were made for an agent.
  void remove_files(const std::string& name);

 private:
  asio::awaitable<Result<ReleasedAgent>> end(std::shared_ptr<Agent> agent, ReleaseRequest request);
  asio::awaitable<Result<void>> end_guest(std::shared_ptr<Agent> agent, Duration grace,
                                          std::string reason);
  asio::awaitable<Result<void>> delete_identity(std::string name, bool ours);
  asio::awaitable<Result<void>> tell_engine(std::shared_ptr<Agent> agent);

  BrokerParts& parts_;
  Programs& programs_;
  Postman& postman_;
  net::Event gone_;
};

}  // namespace relay::broker
