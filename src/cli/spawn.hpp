#pragma once

#include "cli/command.hpp"

namespace relay::cli {

/// `spawn <cli>`: starts an agent on the running broker.
[[nodiscard]] Command spawn_command();

}  // namespace relay::cli
