#include "wire/engine_frames.hpp"

#include "wire/common_fields.hpp"
#include "wire/frame_codec.hpp"

namespace relay::wire {
namespace codec {

template <>
inline constexpr std::string_view kFrameType<Deliver> = "deliver";
template <>
inline constexpr std::string_view kFrameType<ActionInvoke> = "action.invoke";
template <>
inline constexpr std::string_view kFrameType<Reply> = "reply";
template <>
inline constexpr std::string_view kFrameType<ErrorFrame> = "error";
template <>
inline constexpr std::string_view kFrameType<Ping> = "ping";
template <>
inline constexpr std::string_view kFrameType<ContextUpdate> = "context.update";

}  // namespace codec

template <class V, Of<Deliver> S>
void fields(V& v, S& s) {
  v.id("delivery_id", s.delivery_id);
  v.id("agent_id", s.agent_id);
  v("agent", s.agent);
  v.id("msg_id", s.msg_id);
  v("seq", s.seq);
  v.known_or("mode", s.mode);
  v.object("payload", s.payload);
}

template <class V, Of<ActionInvoke> S>
void fields(V& v, S& s) {
  v.id("invocation_id", s.invocation_id);
  v("action", s.action);
  v.defaulted("input", s.input);
  v.id("agent_id", s.agent_id);
  v("agent_name", s.agent_name);
}

template <class V, Of<Reply> S>
void fields(V& v, S& s) {
  v.id("id", s.id);
  v.constant("ok", true);
  v.defaulted("data", s.data);
}

template <class V, Of<ErrorFrame> S>
void fields(V& v, S& s) {
  v.id("id", s.id);
  v.constant("ok", false);
  v("code", s.code);
  v("message", s.message);
}

template <class V, Of<Ping> S>
void fields(V&, S&) {}

template <class V, Of<ContextUpdate> S>
void fields(V& v, S& s) {
  v("topic", s.topic);
  v("event", s.event);
  v.nullable("channel_id", s.channel_id);
  v("agent_ids", s.agent_ids);
  v.defaulted("data", s.data);
}

template <class V, Of<AgentRegistered> S>
void fields(V& v, S& s) {
  v.id("agent_id", s.agent_id);
  v.token("token", s.token);
  v("name", s.name);
  v("delivery_ack_seq", s.delivery_ack_seq);
}

template <class V, Of<InventorySynced> S>
void fields(V& v, S& s) {
  v.defaulted("rebound_agents", s.rebound_agents);
  v.defaulted("open_invocations", s.open_invocations);
  v.defaulted("completed_invocations", s.completed_invocations);
  v.defaulted("rescheduled_invocations", s.rescheduled_invocations);
}

std::string encode(const EngineFrame& frame) {
  return codec::encode_frame(frame);
}

Result<EngineFrame> decode_engine_frame(std::string_view text, Strictness strictness) {
  return codec::decode_frame<EngineFrame>(text, kEngineLimits, strictness);
}

RELAY_WIRE_BODY(AgentRegistered);
RELAY_WIRE_BODY(InventorySynced);

}  // namespace relay::wire
