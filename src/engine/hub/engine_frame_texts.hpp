#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/happenings.hpp"
#include "wire/json.hpp"

namespace relay::engine {

// What goes to nodes outside of mailboxes, as the texts of frames.

[[nodiscard]] std::string reply_frame(const std::string& id, const wire::Json& data);
/// A refusal by its name, `unavailable` for what may be asked again later; anything else is a
/// `node_control_failed`.
[[nodiscard]] std::string error_frame(const std::string& id, const Error& error);
/// What came is no frame.
[[nodiscard]] std::string invalid_frame(const std::string& id, const std::string& why);

/// A notice for one agent. Nodes know events again by the id of their delivery, so `occasion` tells
/// two apart that are about the same thing.
[[nodiscard]] std::string notice_frame(const Notice& notice, const wire::Json& payload, Id occasion,
                                       Id agent, const std::string& agent_name);

/// `handler_name`: of the agent that handles it, empty when the node does.
[[nodiscard]] std::string invoke_frame(const Invocation& invocation,
                                       const std::string& handler_name);

/// For a node that has these agents; without them when they are not what the news is about.
[[nodiscard]] std::string context_frame(const ContextNews& news, const std::vector<Id>& agents);

}  // namespace relay::engine
