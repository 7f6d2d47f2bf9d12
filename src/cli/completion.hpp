#pragma once

#include "cli/command.hpp"
#include <functional>
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
/// Values of options in front go into their targets; then `prepare` gives the command what it has
/// from elsewhere, so that a look-up asks the broker that the command would. Pure but for that:
/// this is all that `__complete` prints.
using PrepareLook = std::function<void(const Command& command)>;
[[nodiscard]] std::vector<std::string> candidates(std::span<const std::string> words,
                                                  const std::vector<Option>& global,
                                                  const std::vector<Command>& commands,
                                                  const PrepareLook& prepare = {});

}  // namespace relay::cli
