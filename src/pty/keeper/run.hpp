#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "pty/keeper/home.hpp"

namespace relay::pty::keeper {

/// Starts the keeper of a place in the background and returns when it can be reached: in a session
/// of its own, without any descriptor of ours. Forks, so call it in a process without threads.
/// `already_running` when a keeper (or the guardian of a dead one, which is still ending its
/// agents) has the place.
///
/// Two processes are started. The guardian is the keeper's parent and a subreaper like it: when the
/// keeper is killed, its whole family becomes the guardian's, which kills what it finds until
/// nothing is left. It holds the place's lock as long as it lives, so that the next keeper starts
/// on clean ground.
Result<void> start_in_background(const Place& place, Duration orphan_grace);

}  // namespace relay::pty::keeper
