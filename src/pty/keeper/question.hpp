#pragma once

#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "os/files.hpp"
#include "pty/keeper/messages.hpp"

namespace relay::pty::keeper {

/// What the keeper at this socket holds. Who asks so does not become its broker: nothing changes by
/// it. Blocks. `broker_not_running` when nobody listens there, `timeout`, and `protocol_error` when
/// it says something else.
[[nodiscard]] Result<std::vector<SessionFacts>> ask_sessions(const os::Path& socket,
                                                             Duration at_most);

}  // namespace relay::pty::keeper
