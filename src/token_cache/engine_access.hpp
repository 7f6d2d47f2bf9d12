#pragma once

#include <asio/awaitable.hpp>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace relay::token_cache {

/// A workspace with the key that opens it; the key is empty when the engine did not hand it out.
class WorkspaceAccess {
 public:
  WorkspaceAccess() = default;

  std::string id;
  std::string name;
  Secret key;
};

class MintRequest {
 public:
  MintRequest() = default;

  std::string node_id;
  std::string node_name;
  /// "relay-broker/0.1.0"
  std::string version;
};

class MintedNode {
 public:
  MintedNode() = default;

  std::string node_id;
  std::string node_name;
  Secret token;
};

/// How asking for a token ended.
class MintAnswer {
 public:
  /// Only to be assigned to.
  MintAnswer() : MintAnswer(fail(Code::internal_error, "not asked"), false) {}
  MintAnswer(Result<MintedNode> result_in, bool may_have_minted_in)
      : result(std::move(result_in)), may_have_minted(may_have_minted_in) {}

  Result<MintedNode> result;
  /// Without a result: the request went out and nobody said no, so the engine may have replaced the
  /// token by one that never arrived.
  bool may_have_minted;
};

/// What the token cache asks of an engine. `engine` is an address as `engine_address` gives it.
/// Every call has its own deadline and can be cancelled. Errors carry the engine's own words:
/// `engine_unreachable`, `timeout`, `unauthorized` (the key is not taken), `forbidden`,
/// `name_conflict`, `rate_limited`, `engine_error` (5xx, or an answer that makes no sense).
class EngineAccess {
 public:
  virtual ~EngineAccess() = default;

  /// The workspace that a key opens.
  virtual asio::awaitable<Result<WorkspaceAccess>> workspace(std::string engine, Secret key) = 0;

  virtual asio::awaitable<Result<WorkspaceAccess>> create_workspace(std::string engine,
                                                                    std::string name) = 0;

  /// The id of the node that has this name; nothing when none has.
  virtual asio::awaitable<Result<std::optional<std::string>>> node_named(std::string engine,
                                                                         Secret key,
                                                                         std::string name) = 0;

  /// A new token for the node; the one it had is dead from then on. Tried once.
  virtual asio::awaitable<MintAnswer> mint(std::string engine, Secret key, MintRequest request) = 0;

  /// Whether the engine takes this node token. Changes nothing at the engine: a node that is
  /// connected with the token stays connected.
  virtual asio::awaitable<Result<bool>> verify(std::string engine, Secret token) = 0;
};

}  // namespace relay::token_cache
