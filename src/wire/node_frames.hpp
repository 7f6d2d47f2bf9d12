#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "wire/body.hpp"
#include "wire/common.hpp"
#include "wire/json.hpp"

namespace relay::wire {

/// The first frame of every connection, and again whenever the manifest changes.
struct NodeRegister {
  std::optional<std::string> id;
  std::string name;
  std::string node_id;
  std::vector<Capability> capabilities;
  std::uint32_t max_agents = 0;
  std::vector<std::string> tags;
  std::string version;
  /// Always on the wire, as null: an engine resumes from its own record of the acks.
  std::optional<std::string> resume_cursor;
  std::optional<Provider> provider;
  /// "owner/repo"; an empty list clears what the engine knows.
  std::optional<std::vector<std::string>> repo_keys;
  std::optional<std::string> machine_id;
};

struct NodeHeartbeat {
  std::optional<std::string> id;
  std::optional<std::string> name;
  std::optional<std::string> node_id;
  std::optional<std::vector<Capability>> capabilities;
  std::optional<std::uint32_t> max_agents;
  std::optional<std::string> version;
  /// Used share of the node, 0 to 1 (0 when unbounded). Encoded as 0 when negative or not finite.
  double load = 0;
  std::uint32_t active_agents = 0;
  bool handlers_live = false;
  std::optional<Provider> provider;
};

struct NodeDeregister {
  std::optional<std::string> id;
  std::optional<Provider> provider;
};

/// Answered with a Reply that carries AgentRegistered.
struct AgentRegister {
  std::optional<std::string> id;
  std::string name;
  std::optional<std::string> invocation_id;
  std::optional<std::string> session_ref;
  std::optional<bool> resumable;
  /// Of an agent that there was not, as in `AgentCreate`.
  std::optional<bool> auto_join_general;
};

struct AgentRecover {
  std::optional<std::string> id;
  std::string name;
  std::string expected_agent_id;
  std::optional<std::string> invocation_id;
  std::optional<std::string> session_ref;
  std::optional<bool> resumable;
};

struct AgentDeregister {
  std::optional<std::string> id;
  std::string agent_id;
  std::optional<std::string> name;
};

struct InventoryEntry {
  std::string agent_id;
  std::string name;
  std::optional<std::string> invocation_id;
  std::optional<std::string> session_ref;
};

/// Every agent of the node; what is missing here goes offline.
struct InventorySync {
  std::optional<std::string> id;
  std::vector<InventoryEntry> agents;
};

/// Everything for this agent up to this number has arrived.
struct DeliveryAck {
  std::optional<std::string> id;
  std::string agent;
  std::uint64_t up_to_seq = 0;
};

/// The error of an action of which nothing was done: the engine gives it to another node.
inline constexpr std::string_view kHandlerUnavailable = "handler_unavailable";

/// The one answer to an ActionInvoke.
struct ActionResult {
  std::optional<std::string> id;
  std::string invocation_id;
  /// The output, any JSON, or the error.
  std::variant<Json, std::string> outcome;
};

/// A frame of a type that we do not know: to be passed over quietly.
struct UnknownFrame {
  std::string type;
};

/// What a node sends on /v1/node/ws.
using NodeFrame =
    std::variant<NodeRegister, NodeHeartbeat, NodeDeregister, AgentRegister, AgentRecover,
                 AgentDeregister, InventorySync, DeliveryAck, ActionResult, UnknownFrame>;

/// One text frame. An UnknownFrame is never sent; encoding one gives its type and nothing else.
[[nodiscard]] std::string encode(const NodeFrame& frame);

/// What an answer to this frame bears; nothing when it wants none.
[[nodiscard]] std::optional<std::string> id_of(const NodeFrame& frame);

/// As an engine reads it. Code::invalid_json, Code::too_large, or Code::protocol_error with the
/// path of the field. An unknown type is an UnknownFrame, and an error when strict.
[[nodiscard]] Result<NodeFrame> decode_node_frame(std::string_view text,
                                                  Strictness strictness = Strictness::lenient);

}  // namespace relay::wire
