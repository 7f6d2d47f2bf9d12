#pragma once

#include "cli/command.hpp"

namespace relay::cli {

/// `enroll`: makes this directory a node of an engine and caches its token.
[[nodiscard]] Command enroll_command();

}  // namespace relay::cli
