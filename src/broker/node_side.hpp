#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "broker/engine_side.hpp"
#include "net/http_client.hpp"
#include "node_control/agent_directory.hpp"
#include "node_control/node_session.hpp"
#include "token_cache/http_engine_access.hpp"
#include "token_cache/resolver.hpp"

namespace relay::broker {

/// What a broker needs to be a node of an engine.
class NodeSideSettings {
 public:
  NodeSideSettings() = default;

  net::NetworkSettings network;
  /// Takes secrets out of messages.
  net::Redact redact;
  std::string user_agent;
  token_cache::CachePlaces places;
  token_cache::ResolveRequest request;
  node_control::NodeManifest manifest;
  /// The proof that agents of this broker are ours, lower-case hex of SHA-256. Asked for once, by
  /// `find_node`; the first time in a directory it waits for the disk.
  std::function<Result<std::string>()> identity;
  /// The broker's own name among the agents.
  std::string self_name;
  /// Where another broker is the node already: a warning, and both are.
  bool shares_node = false;
};

/// The engine over the node's socket. On the loop thread.
class NodeSide final : public EngineSide {
 public:
  /// What comes in by reference outlives this.
  NodeSide(asio::any_io_executor executor, Clock& clock, Random& random, os::Files& files,
           NodeSideSettings settings);
  ~NodeSide() override;

  /// Which node we are, from the cache or from the engine. An engine that cannot be reached is an
  /// error here only when nothing is cached. `already_running` when another broker is that node.
  asio::awaitable<Result<token_cache::NodeCredentials>> find_node();
  /// Connects, 20 s at most; afterwards connected or not. An error: a new try cannot help. After
  /// `find_node`; `store` and `handler` outlive this.
  asio::awaitable<Result<void>> start(node_control::BookStore* store,
                                      node_control::NodeHandler* handler);
  /// Takes leave of the engine. Also good when `start` was never called.
  asio::awaitable<void> stop(node_control::Farewell farewell);

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
  void agents_changed() override;
  void offer(std::vector<wire::Capability> capabilities) override;
  [[nodiscard]] node_control::NodeStatus status() const override;

 private:
  /// What the session takes its token from. One that only it could get makes us a node as well.
  class ClaimedTokens final : public node_control::NodeTokens {
   public:
    ClaimedTokens(NodeSide& side, node_control::CachedTokens cached)
        : side_(side), cached_(std::move(cached)) {}
    asio::awaitable<Result<node_control::NodeToken>> get() override;
    Result<void> discard(const node_control::NodeToken& rejected) override {
      return cached_.discard(rejected);
    }
    [[nodiscard]] bool may_mint() const override { return cached_.may_mint(); }

   private:
    NodeSide& side_;
    node_control::CachedTokens cached_;
  };

  Result<void> claim(const std::string& node_id);
  [[nodiscard]] node_control::NodeManifest manifest() const;

  asio::any_io_executor executor_;
  Clock& clock_;
  Random& random_;
  NodeSideSettings settings_;
  std::string identity_hash_;
  net::HttpClient client_;
  token_cache::HttpEngineAccess access_;
  token_cache::Resolver resolver_;
  ClaimedTokens tokens_;
  /// The node that nobody else is while we are.
  std::string claimed_;
  std::unique_ptr<os::FileLock> claim_;
  std::string node_name_;
  std::string engine_;
  std::optional<node_control::AgentDirectory> directory_;
  std::optional<Outbound> outbound_;
  std::unique_ptr<node_control::NodeSession> session_;
  /// Its delivery book is what the last life left.
  bool started_ = false;
  /// Of the manifest, beside what the settings have.
  std::vector<wire::Capability> offered_;
  struct Done {
    std::string agent_id;
    std::uint64_t seq = 0;
    std::string delivery_id;
  };
  /// What ended before that; as many as were open when the last life ended.
  std::vector<Done> early_;
  /// Results of the last life, by invocation.
  std::vector<std::pair<std::string, std::string>> owed_;
};

}  // namespace relay::broker
