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
#include "wire/node_frames.hpp"

namespace relay::wire {

/// One message or event for one agent.
struct Deliver {
  std::string delivery_id;
  std::string agent_id;
  std::string agent;  // its name
  std::string msg_id;
  /// Position in the agent's sequence from 1; 0 for events outside of it (reactions, results).
  std::uint64_t seq = 0;
  /// A mode that we do not know is read as wait.
  InjectionMode mode = InjectionMode::wait;
  /// An open object, usually {type, data}.
  Json payload;
};

struct ActionInvoke {
  std::string invocation_id;
  std::string action;
  Json input;
  std::optional<std::string> agent_id;
  std::optional<std::string> agent_name;
};

/// The good answer to the frame of that id.
struct Reply {
  std::string id;
  Json data;
};

/// The bad answer to the frame of that id.
struct ErrorFrame {
  std::string id;
  std::string code;
  std::string message;
};

struct Ping {};

/// Something around agents has changed; best effort.
struct ContextUpdate {
  std::string topic;  // presence, channel, thread or agent
  std::string event;
  std::optional<std::string> channel_id;
  std::optional<std::vector<std::string>> agent_ids;
  Json data;
};

/// What an engine sends on /v1/node/ws.
using EngineFrame =
    std::variant<Deliver, ActionInvoke, Reply, ErrorFrame, Ping, ContextUpdate, UnknownFrame>;

/// One text frame. An UnknownFrame is never sent; encoding one gives its type and nothing else.
[[nodiscard]] std::string encode(const EngineFrame& frame);

/// As a node reads it. Code::invalid_json, Code::too_large, or Code::protocol_error with the path
/// of the field. An unknown type is an UnknownFrame, and an error when strict.
[[nodiscard]] Result<EngineFrame> decode_engine_frame(std::string_view text,
                                                      Strictness strictness = Strictness::lenient);

/// Reply::data for an AgentRegister (and an AgentRecover).
struct AgentRegistered {
  std::string agent_id;
  std::string token;  // never empty
  std::optional<std::string> name;
  /// The engine's ack cursor. Only for a node that advertised "relay:delivery-cursor-v1": others
  /// refuse a key that they do not know.
  std::optional<std::uint64_t> delivery_ack_seq;
};

/// Reply::data for an InventorySync.
struct InventorySynced {
  std::uint32_t rebound_agents = 0;
  std::uint32_t open_invocations = 0;
  std::uint32_t completed_invocations = 0;
  std::uint32_t rescheduled_invocations = 0;
};

}  // namespace relay::wire
