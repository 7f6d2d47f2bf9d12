#pragma once

#include <asio/awaitable.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "broker/outbound.hpp"
#include "node_control/agent_directory.hpp"
#include "node_control/node_options.hpp"
#include "wire/common.hpp"
#include "wire/json.hpp"

namespace relay::broker {

/// The engine, as the broker's parts need it. On the loop thread.
class EngineSide {
 public:
  EngineSide() = default;
  virtual ~EngineSide() = default;
  EngineSide(const EngineSide&) = delete;
  EngineSide& operator=(const EngineSide&) = delete;

  /// Makes an agent known as one that lives here; 30 s at most.
  virtual asio::awaitable<Result<node_control::AgentIdentity>> enroll(std::string name,
                                                                      std::string invocation_id,
                                                                      std::string session_id) = 0;
  /// Said to the engine before anything that is said later. `queue_full` when it does not read:
  /// nothing has changed then.
  virtual Result<void> deregister(const std::string& agent_id, const std::string& name) = 0;
  /// Deletes an agent's identity; 10 s at most. `ours`: it lived here until now; any other one must
  /// carry this broker's proof.
  virtual asio::awaitable<Result<void>> delete_identity(std::string name, bool ours) = 0;
  /// Says something to somebody who is not here. 20 s at most.
  virtual asio::awaitable<Result<PublishedMessage>> publish(OutboundMessage message) = 0;
  /// Whether there is such a message; with the token of the agent of ours who asks, or none for
  /// the broker itself. 20 s at most.
  virtual asio::awaitable<Result<bool>> has_message(std::string id, Secret token) = 0;
  /// Puts the agent with this token into a channel at the engine, or takes it out. 20 s at most.
  virtual asio::awaitable<Result<void>> change_channel(std::string channel, Secret token,
                                                       bool in) = 0;
  /// A message of the engine has ended for good.
  virtual void done(const std::string& agent_id, std::uint64_t seq,
                    const std::string& delivery_id) = 0;
  /// The one result of an action.
  virtual void finish(const std::string& invocation_id,
                      std::variant<wire::Json, std::string> outcome) = 0;
  /// A result that an earlier broker owed; before the first connection.
  virtual void owe(const std::string& invocation_id, std::string frame) = 0;
  /// Agents came, went or changed.
  virtual void agents_changed() = 0;
  /// What this node can do beside what it always can; in place of what was offered before.
  virtual void offer(std::vector<wire::Capability> capabilities) = 0;
  [[nodiscard]] virtual node_control::NodeStatus status() const = 0;
};

/// No engine: agents have names of this machine only.
class NoEngine final : public EngineSide {
 public:
  asio::awaitable<Result<node_control::AgentIdentity>> enroll(std::string name,
                                                              std::string invocation_id,
                                                              std::string session_id) override;
  Result<void> deregister(const std::string& agent_id, const std::string& name) override;
  asio::awaitable<Result<void>> delete_identity(std::string name, bool ours) override;
  asio::awaitable<Result<PublishedMessage>> publish(OutboundMessage message) override;
  asio::awaitable<Result<bool>> has_message(std::string id, Secret token) override;
  asio::awaitable<Result<void>> change_channel(std::string channel, Secret token, bool in) override;
  void done(const std::string& agent_id, std::uint64_t seq,
            const std::string& delivery_id) override;
  void finish(const std::string& invocation_id,
              std::variant<wire::Json, std::string> outcome) override;
  void owe(const std::string& invocation_id, std::string frame) override;
  void agents_changed() override {}
  void offer(std::vector<wire::Capability> capabilities) override;
  [[nodiscard]] node_control::NodeStatus status() const override;
};

}  // namespace relay::broker
