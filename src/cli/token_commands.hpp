#pragma once

#include "cli/command.hpp"
#include <string>

namespace relay::cli {

// The commands of the group `token`. First those that ask nobody.
[[nodiscard]] Command token_list_command();
[[nodiscard]] Command token_show_command();
[[nodiscard]] Command token_path_command();
[[nodiscard]] Command token_set_command();
[[nodiscard]] Command token_clear_command();
// These ask the engine.
[[nodiscard]] Command token_mint_command();
[[nodiscard]] Command token_verify_command();
[[nodiscard]] Command token_revoke_command();

/// Adds the argument that names a node.
void add_node_argument(Command& command, std::string& into);

}  // namespace relay::cli
