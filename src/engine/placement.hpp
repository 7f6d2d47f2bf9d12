#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "engine/store/nodes.hpp"

namespace relay::engine {

/// A node is live that is online and was heard of within this time: three heartbeats of an SDK
/// client would be 90 s, a broker's are 12 s apart.
inline constexpr Duration kNodeSilence = std::chrono::seconds(45);

/// The status alone is not believed, and neither is a stamp of the future.
[[nodiscard]] bool is_live(const Node& node, Wall now);
[[nodiscard]] bool has_room(const Node& node);
[[nodiscard]] bool has_capability(const Node& node, const std::string& capability);

/// An agent that a direct node is of: it may have no other one.
[[nodiscard]] bool is_own_agent(const Node& node, const Agent& agent);

/// Those that could do something with this capability, best first: least load, then fewest agents
/// (those on their way count), then by name. With `takes_place` they could take one more agent.
[[nodiscard]] std::vector<Node> ranked(std::vector<Node> nodes, const std::string& capability,
                                       bool takes_place, Wall now);

// What becomes of a spawn that names its node.
enum class TargetVerdict {
  dispatch,
  /// It cannot take it now; it waits for it.
  wait,
};
/// capability_mismatch; handler_unavailable when it is full.
[[nodiscard]] Result<TargetVerdict> judge_target(const Node& node, const std::string& capability,
                                                 Wall now);

}  // namespace relay::engine
