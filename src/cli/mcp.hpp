#pragma once

#include "cli/command.hpp"

namespace relay::cli {

/// `mcp`: the server that an agent's own program starts to send and read messages, over standard
/// input and output.
[[nodiscard]] Command mcp_command();

}  // namespace relay::cli
