#pragma once

#include "os/files.hpp"

namespace relay::pty::keeper {

/// Where a keeper lives.
struct Place {
  /// The runtime directory of the instance, absolute. It says which instance this is.
  os::Path directory;
  /// The socket; usually `directory`/keeper.sock.
  os::Path socket;
};

}  // namespace relay::pty::keeper
