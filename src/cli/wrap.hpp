#pragma once

#include "cli/command.hpp"

namespace relay::cli {

/// `wrap`: runs one program in this terminal, reachable by messages.
[[nodiscard]] Command wrap_command();

}  // namespace relay::cli
