#pragma once

#include "cli/command.hpp"

namespace relay::cli {

/// `serve`: runs the broker of a directory until it is told to end.
[[nodiscard]] Command serve_command();

}  // namespace relay::cli
