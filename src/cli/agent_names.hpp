#pragma once

#include <string>

#include "base/random.hpp"
#include "base/result.hpp"

namespace relay::cli {

/// A name for an agent that was given none: that of its program and four letters that nobody has
/// to type, "claude-3f9c".
[[nodiscard]] std::string agent_name_for(const std::string& program, Random& random);

/// Whether a channel can be called so, with or without a `#` in front: else wrong usage.
[[nodiscard]] Result<void> check_channel_name(const std::string& name);

}  // namespace relay::cli
