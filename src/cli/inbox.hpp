#pragma once

#include "cli/command.hpp"

namespace relay::cli {

/// `inbox`: what an agent has not read yet, as the engine keeps it.
[[nodiscard]] Command inbox_command();

}  // namespace relay::cli
