#pragma once

#include <optional>
#include <string>

#include "wire/json.hpp"

namespace relay::wire {

/// How a message reaches an agent that is at work: after its turn, or into it.
enum class InjectionMode { wait, steer };

/// What a node can do: "spawn:claude", "release", or an action of its own.
struct Capability {
  std::string name;
  std::optional<std::string> kind;
  std::optional<Json> metadata;
  std::optional<bool> global;
  std::optional<bool> queue;
};

/// One of several processes that serve one node.
struct Provider {
  std::string name;
  std::string instance_id;
};

}  // namespace relay::wire
