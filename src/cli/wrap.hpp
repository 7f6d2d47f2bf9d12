#pragma once

#include "cli/command.hpp"

namespace relay::cli {

/// `wrap`: runs one program in this terminal.
[[nodiscard]] Command wrap_command();

}  // namespace relay::cli
