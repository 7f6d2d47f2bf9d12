#pragma once

#include "cli/command.hpp"

namespace relay::cli {

/// `attach <agent>`: its terminal in this one.
[[nodiscard]] Command attach_command();

}  // namespace relay::cli
