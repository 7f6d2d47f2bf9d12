#pragma once

#include "cli/command.hpp"

namespace relay::cli {

/// `doctor`: what may be wrong on this machine, and the mend for each.
[[nodiscard]] Command doctor_command();

}  // namespace relay::cli
