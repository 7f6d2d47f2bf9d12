#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace relay::token_cache {

/// The node that a directory is in a workspace: "node_" and 32 hex digits of SHA-256 over
/// `seed 0 directory 0 workspace`. agent-relay-broker from version 10 on computes the same.
/// `directory` is absolute and without symbolic links.
[[nodiscard]] std::string derived_node_id(std::string_view seed,
                                          const std::filesystem::path& directory,
                                          std::string_view workspace_id);

/// The node that agent-relay-broker up to version 9 makes of a directory: without the workspace.
/// Only for finding what it left; we never enrol under this id.
[[nodiscard]] std::string peer_node_id(std::string_view seed,
                                       const std::filesystem::path& directory);

/// "<host>-<basename>-<8 hex>": different for every directory of a machine, and never the bare host
/// name, which agent-relay-broker takes. Engines of version 5 know a node by its name alone, so two
/// nodes of one name take each other's token.
[[nodiscard]] std::string default_node_name(std::string_view host,
                                            const std::filesystem::path& directory);

/// Lower-case hex of SHA-256: how an engine keeps the key that proves whose an agent is.
[[nodiscard]] std::string sha256_hex(std::string_view text);

/// Whether an engine could know a node by this id: 1 to 128 of letters, digits, '.', '_', ':', '-'.
[[nodiscard]] Result<void> check_node_id(std::string_view id);

/// 1 to 128 printable ASCII characters without spaces and slashes, and no '#' in front: engines
/// take that off, and the name would be another one.
[[nodiscard]] Result<void> check_node_name(std::string_view name);

/// An engine's address as tokens are scoped by it: http or https, a host, no end slash, no user, no
/// query. The host and scheme in lower case.
[[nodiscard]] Result<std::string> engine_address(std::string_view url);

}  // namespace relay::token_cache
