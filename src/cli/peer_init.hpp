#pragma once

#include "cli/command.hpp"

namespace relay::cli {

/// `init`: what `serve` is called by programs that were written for agent-relay-broker, with its
/// options, places and words. Hidden.
[[nodiscard]] Command peer_init_command();

}  // namespace relay::cli
