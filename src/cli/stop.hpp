#pragma once

#include "cli/command.hpp"

namespace relay::cli {

/// `stop`: ends the broker of a directory and its agents, as SIGTERM does, and waits for it.
[[nodiscard]] Command stop_command();

}  // namespace relay::cli
