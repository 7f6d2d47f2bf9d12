#pragma once

#include "cli/command.hpp"
#include <span>
#include <string>
#include <vector>

namespace relay::cli {

/// `completion bash|zsh|fish`: prints the script that makes a shell ask `relay-broker __complete`.
[[nodiscard]] Command completion_command();

/// What may stand where the last word of `words` is being typed, one "value\tdescription" each.
/// Pure but for values that have to be looked up: this is all that `__complete` prints.
[[nodiscard]] std::vector<std::string> candidates(std::span<const std::string> words,
                                                  const std::vector<Option>& global,
                                                  const std::vector<Command>& commands);

}  // namespace relay::cli
