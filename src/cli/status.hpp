#pragma once

#include "cli/command.hpp"

namespace relay::cli {

/// `status`: the broker, its engine, its agents and what waits, on one screen.
[[nodiscard]] Command status_command();

}  // namespace relay::cli
