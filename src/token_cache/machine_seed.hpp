#pragma once

#include <optional>
#include <string>

#include "base/random.hpp"
#include "base/result.hpp"
#include "os/files.hpp"
#include "token_cache/places.hpp"

namespace relay::token_cache {

/// What every node id of this user on this machine is made from. Made once and never again: a new
/// one would be a new identity for every directory.
struct MachineSeed {
  std::string text;
  /// agent-relay-broker has the same one, so it makes the same node ids and their tokens are shared
  /// with it.
  bool of_peer = false;
};

/// The seed, or nothing when there is none yet. Changes nothing on disk.
[[nodiscard]] Result<std::optional<MachineSeed>> find_machine_seed(os::Files& files,
                                                                   const CachePlaces& places);

/// The seed; when there is none, the one of agent-relay-broker or else a new one is put in place.
/// Of several processes that start at once all get the same. Only a file that is not there is
/// replaced: one that cannot be read, or holds no seed, is an error with its cause.
[[nodiscard]] Result<MachineSeed> machine_seed(os::Files& files, const CachePlaces& places,
                                               Random& random);

/// The node id that an operator put into a machine-id file, as agent-relay-broker wants it together
/// with RELAY_NODE_TOKEN: its own file counts first, because that is the one its manual names.
[[nodiscard]] Result<std::optional<std::string>> pinned_seed(os::Files& files,
                                                             const CachePlaces& places);

}  // namespace relay::token_cache
