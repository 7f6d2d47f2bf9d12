#include "wire/node_frames.hpp"

#include "wire/common_fields.hpp"
#include "wire/frame_codec.hpp"

namespace relay::wire {
namespace codec {

template <>
inline constexpr std::string_view kFrameType<NodeRegister> = "node.register";
template <>
inline constexpr std::string_view kFrameType<NodeHeartbeat> = "node.heartbeat";
template <>
inline constexpr std::string_view kFrameType<NodeDeregister> = "node.deregister";
template <>
inline constexpr std::string_view kFrameType<AgentRegister> = "agent.register";
template <>
inline constexpr std::string_view kFrameType<AgentRecover> = "agent.recover";
template <>
inline constexpr std::string_view kFrameType<AgentDeregister> = "agent.deregister";
template <>
inline constexpr std::string_view kFrameType<InventorySync> = "inventory.sync";
template <>
inline constexpr std::string_view kFrameType<DeliveryAck> = "delivery.ack";
template <>
inline constexpr std::string_view kFrameType<ActionResult> = "action.result";

}  // namespace codec

template <class V, Of<NodeRegister> S>
void fields(V& v, S& s) {
  v("id", s.id);
  v("name", s.name);
  v("node_id", s.node_id);
  v("capabilities", s.capabilities);
  v("max_agents", s.max_agents);
  v("tags", s.tags);
  v("version", s.version);
  v.nullable("resume_cursor", s.resume_cursor);
  v("provider", s.provider);
  v("repo_keys", s.repo_keys);
  v("machine_id", s.machine_id);
}

template <class V, Of<NodeHeartbeat> S>
void fields(V& v, S& s) {
  v("id", s.id);
  v("name", s.name);
  v("node_id", s.node_id);
  v("capabilities", s.capabilities);
  v("max_agents", s.max_agents);
  v("version", s.version);
  v.at_least_0("load", s.load);
  v("active_agents", s.active_agents);
  v("handlers_live", s.handlers_live);
  v("provider", s.provider);
}

template <class V, Of<NodeDeregister> S>
void fields(V& v, S& s) {
  v("id", s.id);
  v("provider", s.provider);
}

template <class V, Of<AgentRegister> S>
void fields(V& v, S& s) {
  v("id", s.id);
  v("name", s.name);
  v("invocation_id", s.invocation_id);
  v("session_ref", s.session_ref);
  v("resumable", s.resumable);
  v("auto_join_general", s.auto_join_general);
}

template <class V, Of<AgentRecover> S>
void fields(V& v, S& s) {
  v("id", s.id);
  v("name", s.name);
  v("expected_agent_id", s.expected_agent_id);
  v("invocation_id", s.invocation_id);
  v("session_ref", s.session_ref);
  v("resumable", s.resumable);
}

template <class V, Of<AgentDeregister> S>
void fields(V& v, S& s) {
  v("id", s.id);
  v("agent_id", s.agent_id);
  v("name", s.name);
}

template <class V, Of<InventoryEntry> S>
void fields(V& v, S& s) {
  v("agent_id", s.agent_id);
  v("name", s.name);
  v("invocation_id", s.invocation_id);
  v("session_ref", s.session_ref);
}

template <class V, Of<InventorySync> S>
void fields(V& v, S& s) {
  v("id", s.id);
  v("agents", s.agents);
}

template <class V, Of<DeliveryAck> S>
void fields(V& v, S& s) {
  v("id", s.id);
  v("agent", s.agent);
  v("up_to_seq", s.up_to_seq);
}

template <class V, Of<ActionResult> S>
void fields(V& v, S& s) {
  v("id", s.id);
  v("invocation_id", s.invocation_id);
  v.either("output", "error", s.outcome);
}

std::string encode(const NodeFrame& frame) {
  return codec::encode_frame(frame);
}

std::optional<std::string> id_of(const NodeFrame& frame) {
  return std::visit(
      [](const auto& each) -> std::optional<std::string> {
        if constexpr (requires { each.id; }) {
          return each.id;
        } else {
          return std::nullopt;
        }
      },
      frame);
}

Result<NodeFrame> decode_node_frame(std::string_view text, Strictness strictness) {
  return codec::decode_frame<NodeFrame>(text, kInboundLimits, strictness);
}

}  // namespace relay::wire
