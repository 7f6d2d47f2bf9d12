#pragma once

#include <asio/awaitable.hpp>
#include <memory>
#include <set>
#include <string>

#include "broker/launch.hpp"
#include "broker/operations.hpp"
#include "broker/parts.hpp"
#include "broker/postman.hpp"
#include "broker/programs.hpp"
#include "broker/releaser.hpp"

namespace relay::broker {

/// Makes agents, whoever asks: a name, an identity at the engine, a program, a first task. An agent
/// is there wholly or not at all. On the loop thread.
class Spawner {
 public:
  Spawner(BrokerParts& parts, AgentHost& host, Programs& programs, Postman& postman,
          Releaser& releaser)
      : parts_(parts),
        host_(host),
        programs_(programs),
        postman_(postman),
        releaser_(releaser),
        answered_(parts.executor) {}

  /// Returns when the program runs and has lived for a moment, or is ready where the request waits
  /// for that. `name_conflict`, `cwd_missing`, `cli_not_found`, `cli_not_executable`, `queue_full`
  /// for too many agents, `spawn_failed` with how the program ended and its last words, the
  /// engine's refusal; and nothing is left of it then. Cancelled, it undoes what it did.
  asio::awaitable<Result<SpawnedAgent>> spawn(SpawnRequest request);

  /// Another program for an agent whose program has ended.
  asio::awaitable<Result<void>> start_again(std::shared_ptr<Agent> agent);
  /// Writes down what has changed of an agent that another broker has to know.
  asio::awaitable<Result<void>> keep(std::shared_ptr<Agent> agent);
  /// The next program of an earlier broker's agent is attended here.
  [[nodiscard]] Result<std::shared_ptr<Agent>> adopt(const StoredAgent& stored,
                                                     Agent::Program program);
  /// The same for one that runs in a person's own terminal, if that is still there.
  asio::awaitable<Result<std::shared_ptr<Agent>>> adopt_guest(StoredAgent stored);

 private:
  struct Steps;
  class UnderWay;
  asio::awaitable<Result<SpawnedAgent>> spawn_once(SpawnRequest request);
  asio::awaitable<Result<SpawnedAgent>> make(SpawnRequest request, Steps* steps);
  asio::awaitable<Result<void>> identify(Steps* steps);
  asio::awaitable<void> enter_channels(Steps* steps);
  asio::awaitable<Result<void>> launch(Steps* steps);
  asio::awaitable<Result<void>> receive_guest(Steps* steps);
  void list(Steps* steps);
  asio::awaitable<Result<void>> prove(Steps* steps);
  asio::awaitable<void> undo(Steps* steps);
  [[nodiscard]] Result<void> check(SpawnRequest& request) const;
  [[nodiscard]] Result<std::shared_ptr<Agent>> agent_of(const StoredAgent& stored);
  [[nodiscard]] Launch plan_for(const Agent& agent, const SpawnRequest& request, bool gets_token);
  [[nodiscard]] StoredAgent stored(const Agent& agent) const;

  BrokerParts& parts_;
  AgentHost& host_;
  Programs& programs_;
  Postman& postman_;
  Releaser& releaser_;
  /// Idempotency keys whose spawn is under way.
  std::set<std::string> under_way_;
  net::Event answered_;
};

/// A request as POST /api/spawn takes it, without its secrets and its task: what another broker
/// needs to start the agent again, going on with its CLI's session.
[[nodiscard]] std::string spawn_request_text(const SpawnRequest& request,
                                             const std::string& session_id, DeliveryMode mode);

}  // namespace relay::broker
