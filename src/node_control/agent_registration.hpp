#pragma once

#include <asio/awaitable.hpp>
#include <string>

#include "base/result.hpp"
#include "node_control/agent_directory.hpp"
#include "node_control/node_session.hpp"

namespace relay::node_control {

/// Makes an agent known to the engine as one that lives here: over the node's socket, or, when
/// there is no connection, over HTTP and bound to the node.
class AgentRegistration {
 public:
  /// Both outlive this.
  AgentRegistration(NodeSession& session, AgentDirectory& directory)
      : session_(session), directory_(directory) {}

  /// Within `claim.within`, 30 s. What the engine itself refuses, and what it did not answer in
  /// time, is not tried the other way. `claim` is for that other way.
  asio::awaitable<Result<AgentIdentity>> enroll(AgentWish wish, AgentClaim claim);

 private:
  NodeSession& session_;
  AgentDirectory& directory_;
};

}  // namespace relay::node_control
