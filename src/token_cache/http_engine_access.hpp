#pragma once

#include "base/random.hpp"
#include "net/http_client.hpp"
#include "token_cache/engine_access.hpp"

namespace relay::token_cache {

/// The engine over its REST API. On the loop thread of the client.
class HttpEngineAccess final : public EngineAccess {
 public:
  /// `client` and `random` outlive this; `redact` keeps secrets out of error messages.
  HttpEngineAccess(net::HttpClient& client, net::NetworkSettings network, Random& random,
                   net::Redact redact);

  asio::awaitable<Result<WorkspaceAccess>> workspace(std::string engine, Secret key) override;
  asio::awaitable<Result<WorkspaceAccess>> create_workspace(std::string engine,
                                                            std::string name) override;
  asio::awaitable<Result<std::optional<std::string>>> node_named(std::string engine, Secret key,
                                                                 std::string name) override;
  asio::awaitable<MintAnswer> mint(std::string engine, Secret key, MintRequest request) override;

  /// By a WebSocket handshake that cannot succeed (of a version that does not exist): an engine
  /// looks at the token first, so 401 means refused and anything else accepted, and no socket is
  /// opened that would push a connected node aside. That an engine does so is tried with a token
  /// that cannot be good. One that does not is asked by a whole handshake, closed at once.
  asio::awaitable<Result<bool>> verify(std::string engine, Secret token) override;

 private:
  asio::awaitable<Result<int>> probe(std::string engine, Secret token);
  asio::awaitable<Result<bool>> connect(std::string engine, Secret token);
  [[nodiscard]] Error refused(const net::HttpReply& reply) const;

  net::HttpClient& client_;
  net::NetworkSettings network_;
  Random& random_;
  net::Redact redact_;
};

}  // namespace relay::token_cache
