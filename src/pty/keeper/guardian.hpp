#pragma once

#include <sys/types.h>

#include "pty/keeper/home.hpp"

namespace relay::pty::keeper {

/// Waits for the end of the keeper, then kills everything below this process (a subreaper) and
/// everything with a mark of the place, until two walks in a row have found nothing.
void guard(pid_t keeper, const Place& place);

}  // namespace relay::pty::keeper
