#pragma once

#include <memory>
#include <sys/types.h>

#include "os/fd.hpp"
#include "pty/keeper/leftovers.hpp"
#include "pty/keeper/place.hpp"

namespace relay::pty::keeper {

/// What could not be ended before the keeper started.
struct Unfinished {
  /// Null when all was ended.
  std::unique_ptr<Leftovers> leftovers;
  /// Closed once it is ended after all.
  os::Fd until;
};

/// Waits for the end of the keeper, then kills everything below this process (a subreaper) and
/// everything with a mark of the place, until two walks in a row have found nothing, or only what
/// no signal ends. While the keeper lives it tries to end what is unfinished, less and less often.
void guard(pid_t keeper, const Place& place, Unfinished unfinished);

}  // namespace relay::pty::keeper
