#pragma once

#include "cli/command.hpp"

namespace relay::cli {

/// `token list|show|path|set|mint|verify|revoke|clear`: the token cache.
[[nodiscard]] Command token_command();

}  // namespace relay::cli
