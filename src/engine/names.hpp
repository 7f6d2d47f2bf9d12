#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/ids.hpp"
#include "wire/names.hpp"

namespace relay::engine {

/// The channel that every agent is a member of.
inline constexpr std::string_view kGeneral = "general";

/// Others are an `invalid_channel_name`.
using wire::is_channel_name;
/// What can be mentioned and shown on one line: no spaces, no control characters, no `@`, `#` or
/// `/`, at most 128 bytes.
[[nodiscard]] bool is_agent_name(std::string_view name);
/// Without one leading `#`, as people write channels and nodes.
[[nodiscard]] std::string_view without_hash(std::string_view name);

/// The handles behind `@` in a text, each once, in their order. A hyphen or dot inside belongs to
/// the handle, one at its end does not.
[[nodiscard]] std::vector<std::string> mentions_in(std::string_view text);

/// `name`, or the first of name-2, name-3 … that `is_taken` denies.
[[nodiscard]] std::string free_name(std::string_view name,
                                    const std::function<bool(const std::string&)>& is_taken);

/// What a spawn asks of a node: "claude" and "spawn:claude" are "spawn:claude", nothing is "spawn".
[[nodiscard]] std::string spawn_capability(std::string_view asked);
/// Whether a node that has this capability offers an action of that name. `spawn`, `release` and
/// `spawn:…` only say what it has room for: were they actions, the first node with one would get
/// every spawn of the workspace.
[[nodiscard]] bool is_action_capability(std::string_view capability);

/// The node that stands for an agent which connects by itself.
[[nodiscard]] std::string direct_node_id(Id agent);
[[nodiscard]] std::string direct_node_name(Id agent);

}  // namespace relay::engine
