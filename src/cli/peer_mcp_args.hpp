#pragma once

#include "cli/command.hpp"

namespace relay::cli {

/// The hidden `mcp-args` that programs written for agent-relay-broker call: the arguments that tell
/// an agent CLI of its message tools, for a start of their own.
[[nodiscard]] Command peer_mcp_args_command();

}  // namespace relay::cli
