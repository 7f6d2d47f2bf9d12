#pragma once

#include "cli/command.hpp"

namespace relay::cli {

/// `keeper`: starts the parent of all sessions of an instance in the background. Hidden: the broker
/// calls it, people do not.
[[nodiscard]] Command keeper_command();

}  // namespace relay::cli
