#pragma once

#include "cli/command.hpp"

namespace relay::cli {

/// `release <agent>…`: ends agents, their whole process trees. Good to say twice.
[[nodiscard]] Command release_command();

}  // namespace relay::cli
