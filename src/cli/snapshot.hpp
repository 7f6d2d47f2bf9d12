#pragma once

#include "cli/command.hpp"

namespace relay::cli {

/// `snapshot <agent>`: what its terminal shows.
[[nodiscard]] Command snapshot_command();

}  // namespace relay::cli
