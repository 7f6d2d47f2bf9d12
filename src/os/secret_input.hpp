#pragma once

#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "os/environment.hpp"

namespace relay::os {

/// No key or token is near this long; a file that is has been named by mistake.
inline constexpr std::size_t kLongestSecret = 64 * 1024;

/// The secret that an option's argument stands for: `@file` (also a pipe, `@<(pass show key)`), or
/// `-` for what comes on `input` up to its end; of a terminal one line, which it does not show.
/// Anything else is refused, because arguments are
/// visible to every user and stay in the shell's history; what was typed is not repeated in the
/// message. One line end is taken off; nothing left is an error. The file needs no particular mode:
/// containers mount secrets readable for all. `option` and `variable` are named in messages:
/// "--workspace-key", "RELAY_BROKER_WORKSPACE_KEY".
[[nodiscard]] Result<Secret> secret_from_argument(std::string_view argument,
                                                  std::string_view option,
                                                  std::string_view variable, int input);

/// The secret in an environment variable: not_found when it is missing or empty.
[[nodiscard]] Result<Secret> secret_from_environment(const Environment& environment,
                                                     std::string_view variable);

}  // namespace relay::os
