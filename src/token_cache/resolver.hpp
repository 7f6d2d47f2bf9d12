#pragma once

#include <asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "token_cache/engine_access.hpp"
#include "token_cache/token_store.hpp"

namespace relay::token_cache {

enum class TokenSource { environment, cache, mint };

/// Who we are at which engine, and the proof.
class NodeCredentials {
 public:
  NodeCredentials() = default;

  std::string node_id;
  /// Empty when nobody told it yet.
  std::string node_name;
  std::string workspace_id;
  std::string engine;
  Secret token;
  TokenSource source = TokenSource::cache;
  /// Empty for a token from the environment.
  os::Path token_path;
  /// What people should know: an earlier mint that was lost, a cached token used unchecked.
  std::vector<std::string> notices;
};

class ResolveRequest {
 public:
  ResolveRequest() = default;

  /// As `engine_address` gives it. Empty: the one that this directory is enrolled with.
  std::string engine;
  /// Needed for minting, and for telling the workspace.
  std::optional<Secret> workspace_key;
  /// Absolute, without symbolic links.
  os::Path directory;
  /// What a new node is to be called.
  std::string node_name;
  /// Of the engine, where that is one that this program runs; kept with a new token.
  std::string engine_database;
  /// An operator's node id, used as it is.
  std::optional<std::string> node_id;
  /// A node token that was handed to us: used as it is, and never kept.
  std::optional<Secret> node_token;
  /// Ask the engine about a cached token before it is used.
  bool verify = false;
  /// Mint even if there is a good token.
  bool rotate = false;
};

/// Finds the node token: environment, then cache, then a new one from the engine. Minting makes the
/// node's old token worthless, so it happens only when there is no good one, under a lock per node,
/// and the new token is on disk before anybody uses it. Two processes that start at once mint once.
///
/// A mint that was cut off (crash, lost answer) leaves a note. The next `resolve` then does not
/// trust the cached token: it asks the engine about it, and mints again if it is dead.
class Resolver {
 public:
  /// Everything outlives the resolver. `version` is what the engine is told we are.
  Resolver(os::Files& files, CachePlaces places, Random& random, EngineAccess& engine,
           std::string version);

  /// Errors: `not_enrolled` (nothing cached and no key to mint with), `token_rejected` (the engine
  /// refuses the cached token and there is no key), `name_conflict` (the name belongs to another
  /// node; found before anything is minted), `already_running` (another process is still minting),
  /// and those of the engine and the disk.
  asio::awaitable<Result<NodeCredentials>> resolve(ResolveRequest request);

  /// Forgets a token that the engine refuses. A newer one that another process saved meanwhile
  /// stays.
  [[nodiscard]] Result<void> discard(std::string_view node_id, const Secret& rejected);

  [[nodiscard]] TokenStore& store() { return store_; }

 private:
  struct Wanted;

  [[nodiscard]] Result<NodeCredentials> given(const ResolveRequest& request);
  asio::awaitable<Result<NodeCredentials>> enrolled(ResolveRequest request);
  asio::awaitable<Result<NodeCredentials>> keyed(ResolveRequest request);
  asio::awaitable<Result<NodeCredentials>> settle(Wanted wanted);
  asio::awaitable<Result<NodeCredentials>> settle_locked(Wanted wanted);
  asio::awaitable<Result<NodeCredentials>> mint(Wanted wanted, std::vector<std::string> notices);
  asio::awaitable<Result<std::unique_ptr<os::FileLock>>> lock(std::string node_id);
  [[nodiscard]] Result<std::optional<CacheEntry>> cached(const Wanted& wanted);
  [[nodiscard]] Result<NodeCredentials> keep(const Wanted& wanted, MintedNode minted,
                                             std::vector<std::string> notices);

  os::Files& files_;
  CachePlaces places_;
  Random& random_;
  EngineAccess& engine_;
  std::string version_;
  TokenStore store_;
};

}  // namespace relay::token_cache
