#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "os/files.hpp"
#include "token_cache/machine_seed.hpp"
#include "token_cache/places.hpp"
#include "token_cache/token_file.hpp"

namespace relay::token_cache {

/// One file of the cache.
class CacheEntry {
 public:
  CacheEntry() = default;

  os::Path path;
  bool of_peer = false;
  Wall changed;
  unsigned mode = 0;
  /// Nothing when the file is damaged or not safe to use; `problem` says which.
  std::optional<TokenFile> file;
  std::string problem;
};

/// The files of the token cache: one per node, in our directory or in that of agent-relay-broker.
/// Calls block on a local disk for a moment.
class TokenStore {
 public:
  /// `files` outlives the store.
  TokenStore(os::Files& files, CachePlaces places);

  /// The cached token of a node, ours before the one of agent-relay-broker. A damaged file counts
  /// as none; one that is not safe to use (link, other owner, readable for others) is
  /// `unsafe_file`.
  [[nodiscard]] Result<std::optional<CacheEntry>> find(std::string_view node_id);

  /// Every file of both directories, damaged and unsafe ones with what is wrong with them.
  [[nodiscard]] Result<std::vector<CacheEntry>> list();

  /// Writes the file of a node, whole or not at all, 0600 whatever was there. `shared` puts it
  /// where agent-relay-broker looks. `conflict` when the name is taken by another node's file.
  [[nodiscard]] Result<os::Path> save(const TokenFile& file, bool shared);

  /// Removes the file of a node wherever it is; whether there was one.
  [[nodiscard]] Result<bool> remove(std::string_view node_id);

  /// Removes one listed file, whatever is in it.
  [[nodiscard]] Result<void> remove_file(const CacheEntry& entry);

  /// A file of agent-relay-broker that others may read no longer is readable for them.
  [[nodiscard]] Result<void> tighten(const CacheEntry& entry);

  /// Held while a token is minted, so that two processes do not take each other's token.
  /// `already_running` when another process holds it.
  [[nodiscard]] Result<std::unique_ptr<os::FileLock>> lock(std::string_view node_id);

  /// Held by the broker that is this node, while it runs: two would put each other out of the
  /// engine. `who` is told to the second one, in the message of its `already_running`.
  [[nodiscard]] Result<std::unique_ptr<os::FileLock>> claim(std::string_view node_id,
                                                            std::string_view who);

  /// The note that a token is being minted: put down before the engine is asked, taken away when
  /// the token is saved or was certainly not minted. Found at the next start, it means that the
  /// engine may have replaced the token by one that was lost.
  [[nodiscard]] Result<void> begin_mint(std::string_view node_id, std::string_view engine);
  [[nodiscard]] Result<void> end_mint(std::string_view node_id);
  [[nodiscard]] Result<bool> mint_pending(std::string_view node_id);

  [[nodiscard]] os::Path path_of(std::string_view node_id, bool shared) const;

 private:
  [[nodiscard]] os::Path directory_of(bool of_peer) const;
  [[nodiscard]] Result<std::string> content_of(const os::Path& path, bool of_peer);
  [[nodiscard]] Result<void> list_into(bool of_peer, std::vector<CacheEntry>& entries);
  [[nodiscard]] os::Path beside(std::string_view node_id, std::string_view ending) const;

  os::Files& files_;
  CachePlaces places_;
};

/// Those of `entries` that are nodes of this directory: enrolled here, or with an id that is made
/// from it. `engine` empty: of every engine.
[[nodiscard]] std::vector<CacheEntry> of_directory(const std::vector<CacheEntry>& entries,
                                                   const std::optional<MachineSeed>& seed,
                                                   const os::Path& directory,
                                                   std::string_view engine);

}  // namespace relay::token_cache
