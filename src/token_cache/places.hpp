#pragma once

#include "os/files.hpp"
#include "os/paths.hpp"

namespace relay::token_cache {

/// Where the identity and the tokens of this user are. One home directory has one of each.
struct CachePlaces {
  /// Ours: `machine-id`, and `nodes/` with one file per node.
  os::Path own;
  /// Of agent-relay-broker: `machine-id`, and `node-tokens/` with files of the same form.
  os::Path peer;
  /// Whose files those have to be.
  uid_t user = 0;
};

[[nodiscard]] CachePlaces cache_places(const os::UserPaths& paths);

/// The content of a file that agent-relay-broker wrote. It writes 0644, so what others may read is
/// taken here; what others may change, links, and files of other users are `unsafe_file`.
[[nodiscard]] Result<std::string> read_peer_file(os::Files& files, const CachePlaces& places,
                                                 const os::Path& path);

/// No file of the cache is near this size.
inline constexpr std::size_t kCacheFileMost = 64 * 1024;

}  // namespace relay::token_cache
