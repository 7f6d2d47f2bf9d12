#pragma once

#include <asio/awaitable.hpp>
#include <string>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "token_cache/resolver.hpp"

namespace relay::node_control {

/// Which node we are at the engine, and the proof.
class NodeToken {
 public:
  NodeToken() = default;

  std::string node_id;
  /// Empty when nobody told it.
  std::string node_name;
  Secret token;
};

/// Where the session gets its token from.
class NodeTokens {
 public:
  virtual ~NodeTokens() = default;

  /// A token that is there, or else a new one. Ends on its own; may be cancelled.
  virtual asio::awaitable<Result<NodeToken>> get() = 0;
  /// The engine refuses this token; the next `get` must not give it again.
  virtual Result<void> discard(const NodeToken& rejected) = 0;
  /// Whether `get` can have a new one made. False for a token that a person handed over.
  [[nodiscard]] virtual bool may_mint() const = 0;
};

/// The token cache.
class CachedTokens final : public NodeTokens {
 public:
  /// `resolver` outlives this. `request` without `verify` and `rotate`.
  CachedTokens(token_cache::Resolver& resolver, token_cache::ResolveRequest request);

  asio::awaitable<Result<NodeToken>> get() override;
  Result<void> discard(const NodeToken& rejected) override;
  [[nodiscard]] bool may_mint() const override;

 private:
  token_cache::Resolver& resolver_;
  token_cache::ResolveRequest request_;
};

}  // namespace relay::node_control
