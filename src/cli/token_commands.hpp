#pragma once

#include "cli/command.hpp"
#include "cli/node_setup.hpp"
#include <memory>
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

/// What was typed behind one of them; each uses some.
struct TokenOptions {
  std::string node;
  EngineOptions engine;
  std::string workspace;
  std::string name;
  std::string token;
  bool reveal = false;
  bool all = false;
};

using TokenRun = Result<void> (*)(Context&, const TokenOptions&, NodeSetup&);

/// Puts the command into the group: `run` gets the options, which are bound to its arguments, and
/// the token cache of the user.
void finish_token_command(Command& command, std::shared_ptr<TokenOptions> options, TokenRun run);

/// The nodes that a token is cached for, for completion.
[[nodiscard]] std::vector<std::string> cached_node_ids();

/// Adds the argument that names a node.
void add_node_argument(Command& command, TokenOptions& options);

}  // namespace relay::cli
