#pragma once

#include "engine/hub/node_operations.hpp"

namespace relay::engine {

/// When this was a release that has succeeded: its agent is on no node and offline, or removed if
/// that was asked for. Nothing for any other invocation.
[[nodiscard]] Result<void> finish_release(Store& store, const Invocation& ended, Outcome& outcome);

/// JSON of an agent with `release` {reason, released_at} in it.
[[nodiscard]] std::string with_release(const std::string& metadata,
                                       const std::optional<std::string>& reason, Wall at);

}  // namespace relay::engine
