#pragma once

#include "cli/command.hpp"

namespace relay::cli {

/// `send <to> <text|->`: a message for an agent or a channel, here or through the engine.
[[nodiscard]] Command send_command();

}  // namespace relay::cli
