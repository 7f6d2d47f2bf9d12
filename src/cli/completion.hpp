#pragma once

#include "cli/command.hpp"
#include <span>
#include <string>
#include <vector>

namespace relay::cli {

/// `completion bash|zsh|fish`: prints the script that makes a shell ask `relay-broker __complete`.
[[nodiscard]] Command completion_command();

/// What may stand where the last word of `words` is being typed, one "value\tdescription" each, and
/// at the end perhaps what the shell knows better:
/// - ":file", ":directory", ":command": names of these;
/// - ":@file": the same with an @ before it;
/// - ":rest N": the words from N on (the program's name is word 0) are another command line.
/// Values of options in front go into their targets, so that a look-up asks the broker that is
/// named. Pure but for that: this is all that `__complete` prints.
[[nodiscard]] std::vector<std::string> candidates(std::span<const std::string> words,
                                                  const std::vector<Option>& global,
                                                  const std::vector<Command>& commands);

}  // namespace relay::cli
