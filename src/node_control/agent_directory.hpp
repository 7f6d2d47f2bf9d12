#pragma once

#include <asio/awaitable.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "net/http_client.hpp"

namespace relay::node_control {

/// An agent that is to exist at the engine, and the proof that it is ours.
class AgentClaim {
 public:
  explicit AgentClaim(std::string name_in) : name(std::move(name_in)) {}

  std::string name;
  /// Lower-case hex of SHA-256 over this broker's identity key. The engine keeps it with the agent;
  /// an agent with another one, or with none, is somebody else's.
  std::string identity_hash;
  /// More of the agent's metadata.
  std::vector<std::pair<std::string, std::string>> metadata;
  /// A hash of the session that goes on; told to the engine when an identity is recovered.
  std::string session_ref;
  std::string node_id;
  std::string reason = "the broker was restarted";
  /// For all of it, undoing included.
  Duration within = std::chrono::seconds(30);
};

class AgentIdentity {
 public:
  AgentIdentity() = default;

  std::string agent_id;
  std::string name;
  Secret token;
  /// New at the engine, not recovered.
  bool created = false;
};

/// Agents over the engine's REST API: the way without the node's socket, and the broker's own
/// identity. On the loop thread of the client.
class AgentDirectory {
 public:
  /// `client` outlives this; `engine` as `token_cache::engine_address` gives it; `redact` keeps
  /// secrets out of error messages.
  AgentDirectory(net::HttpClient& client, std::string engine, Secret workspace_key,
                 net::Redact redact);

  /// Creates the agent. If the name is taken by an agent that carries our proof, its identity is
  /// recovered (on an engine that cannot, its token is replaced); `name_conflict` with
  /// "agent_identity_mismatch" if it is not ours: nobody else's token is ever touched. `timeout`
  /// says whether the agent may have been created.
  asio::awaitable<Result<AgentIdentity>> claim(AgentClaim claim);

  /// `claim`, and binds the agent to the node of that name. When binding fails it is an error, and
  /// what was made is undone: a new agent is deleted, a recovered one taken off the node.
  asio::awaitable<Result<AgentIdentity>> claim_for_node(AgentClaim claim, std::string node_name);

  /// Deletes the agent and its identity; one that is not there is deleted. Unless it is `ours` for
  /// certain, only one that carries our proof.
  asio::awaitable<Result<void>> remove(AgentClaim claim, bool ours);

  /// Takes an agent over from whoever runs it, with the same proof; `actor` is who wants it.
  asio::awaitable<Result<AgentIdentity>> take_over(AgentClaim claim, std::string actor);

 private:
  struct Progress;
  asio::awaitable<Result<AgentIdentity>> claim_by(AgentClaim claim, Monotonic by);
  asio::awaitable<Result<AgentIdentity>> claim_and_bind(AgentClaim claim, std::string node_name,
                                                        Monotonic by, Progress* progress);
  asio::awaitable<Result<std::string>> own_agent_id(AgentClaim claim, Monotonic by);
  asio::awaitable<Result<AgentIdentity>> recover(AgentClaim claim, Monotonic by);
  asio::awaitable<Result<AgentIdentity>> rotate(AgentClaim claim, std::string agent_id,
                                                Monotonic by);
  asio::awaitable<Result<void>> bind(std::string node_name, AgentClaim claim, Monotonic by);
  asio::awaitable<Result<void>> undo(std::string node_name, std::string agent_name, bool created,
                                     Monotonic by);
  asio::awaitable<Result<net::HttpReply>> call(std::string method, std::string path,
                                               std::string body, Monotonic by);

  net::HttpClient& client_;
  std::string engine_;
  Secret workspace_key_;
  net::Redact redact_;
};

}  // namespace relay::node_control
