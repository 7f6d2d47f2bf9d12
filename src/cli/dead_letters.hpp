#pragma once

#include "cli/command.hpp"

namespace relay::cli {

/// `dead-letters list|redeliver|drop`: messages that could not be delivered.
[[nodiscard]] Command dead_letters_command();

}  // namespace relay::cli
