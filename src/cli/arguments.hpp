#pragma once

#include "cli/command.hpp"
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace relay::cli {

/// What a command line asks for.
struct Parsed {
  /// Null when only global options were given; a group when its command is missing.
  const Command* command = nullptr;
  bool help = false;
};

/// Reads a command line (without the program's name) into the targets of the options it finds.
/// Global options may stand before or behind the command. Errors are `invalid_argument` with the
/// near name as the hint.
Result<Parsed> parse(std::span<const std::string> words, const std::vector<Option>& global,
                     const std::vector<Command>& commands);

}  // namespace relay::cli
