#pragma once

#include "cli/command.hpp"
#include <string>
#include <vector>

namespace relay::cli {

/// The first page: what the program is, its commands, its global options. At most 24 lines of 80
/// columns.
[[nodiscard]] std::string main_page(const std::vector<Option>& global,
                                    const std::vector<Command>& commands);

/// `help [COMMAND]`: the first page, or that of a command. `commands` are those that it can tell
/// of.
[[nodiscard]] Command help_command(const std::vector<Option>& global,
                                   const std::vector<Command>& commands);

/// "relay-broker send [options] <to> <text>".
[[nodiscard]] std::string usage_of(const Command& command);

/// What stands for an option's value: its choices, "on|off", or its name.
[[nodiscard]] std::string shown_value_of(const Option& option);

/// The page of one command, its examples last. At most 24 lines of 80 columns.
[[nodiscard]] std::string command_page(const Command& command, const std::vector<Option>& global);

}  // namespace relay::cli
