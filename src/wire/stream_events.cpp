#include "wire/stream_events.hpp"

#include <array>

#include "wire/deliver_events_fields.hpp"

namespace relay::wire {
namespace {

/// The types of an event; one that ends in a dot stands for all that begin so.
template <class Event>
inline constexpr std::array<std::string_view, 2> kTypes{};
template <>
inline constexpr std::array<std::string_view, 2> kTypes<StreamMessage>{"message.created",
                                                                       "thread.reply"};
template <>
inline constexpr std::array<std::string_view, 2> kTypes<StreamDm>{"dm.received",
                                                                  "group_dm.received"};
template <>
inline constexpr std::array<std::string_view, 2> kTypes<StreamReacted>{"message.reacted"};
template <>
inline constexpr std::array<std::string_view, 2> kTypes<StreamRead>{"message.read"};
template <>
inline constexpr std::array<std::string_view, 2> kTypes<StreamAgentStatus>{"agent.status."};
template <>
inline constexpr std::array<std::string_view, 2> kTypes<StreamChannel>{"channel."};
template <>
inline constexpr std::array<std::string_view, 2> kTypes<StreamMember>{"member."};
template <>
inline constexpr std::array<std::string_view, 2> kTypes<StreamAction>{"action."};
template <>
inline constexpr std::array<std::string_view, 2> kTypes<StreamDelivery>{"delivery."};
template <>
inline constexpr std::array<std::string_view, 2> kTypes<StreamWebhook>{"webhook.received"};
template <>
inline constexpr std::array<std::string_view, 2> kTypes<StreamResyncAck>{"resync_ack"};

template <class Event>
bool is_type_of(std::string_view type) {
  if constexpr (std::same_as<Event, StreamOther>) return true;
  for (const std::string_view each : kTypes<Event>) {
    if (each.empty()) continue;
    if (each.back() == '.' ? type.starts_with(each) : type == each) return true;
  }
  return false;
}

}  // namespace

template <class V, Of<StreamEvent> S>
void fields(V& v, S& s) {
  v("type", s.type);
  v.id("id", s.id);
  v("seq", s.seq);
}

template <class V, Of<StreamMessage> S>
void fields(V& v, S& s) {
  fields_of<StreamEvent>(v, s);
  v("channel", s.channel);
  v.id("parent_id", s.parent_id);
  v("message", s.message);
}

template <class V, Of<StreamDm> S>
void fields(V& v, S& s) {
  fields_of<StreamEvent>(v, s);
  v.id("conversation_id", s.conversation_id);
  v("message", s.message);
}

template <class V, Of<StreamReacted> S>
void fields(V& v, S& s) {
  fields_of<StreamEvent>(v, s);
  fields(v, s.reaction);
}

template <class V, Of<StreamRead> S>
void fields(V& v, S& s) {
  fields_of<StreamEvent>(v, s);
  fields(v, s.read);
}

template <class V, Of<StreamAgent> S>
void fields(V& v, S& s) {
  v("name", s.name);
}

template <class V, Of<StreamAgentStatus> S>
void fields(V& v, S& s) {
  fields_of<StreamEvent>(v, s);
  v("agent", s.agent);
  v("status", s.status);
}

template <class V, Of<StreamChannelName> S>
void fields(V& v, S& s) {
  v("name", s.name);
  v("topic", s.topic);
}

template <class V, Of<StreamChannel> S>
void fields(V& v, S& s) {
  fields_of<StreamEvent>(v, s);
  v("channel", s.channel);
}

template <class V, Of<StreamMember> S>
void fields(V& v, S& s) {
  fields_of<StreamEvent>(v, s);
  v("channel", s.channel);
  v("agent_name", s.agent_name);
}

template <class V, Of<StreamAction> S>
void fields(V& v, S& s) {
  fields_of<StreamEvent>(v, s);
  v.id("invocation_id", s.invocation_id);
  v("action_name", s.action_name);
  v("caller_name", s.caller_name);
  v.id("handler_agent_id", s.handler_agent_id);
  v("input", s.input);
  v("status", s.status);
  v("output", s.output);
  v("error", s.error);
}

template <class V, Of<StreamDelivery> S>
void fields(V& v, S& s) {
  fields_of<StreamEvent>(v, s);
  fields(v, s.notice);
}

template <class V, Of<StreamWebhookMessage> S>
void fields(V& v, S& s) {
  v.id("id", s.id);
  v("text", s.text);
  v("source", s.source);
  v("author", s.author);
}

template <class V, Of<StreamWebhook> S>
void fields(V& v, S& s) {
  fields_of<StreamEvent>(v, s);
  v.id("webhook_id", s.webhook_id);
  v("channel", s.channel);
  v("message", s.message);
}

template <class V, Of<StreamResyncAck> S>
void fields(V& v, S& s) {
  fields_of<StreamEvent>(v, s);
  v("last_seen_seq", s.last_seen_seq);
  v("current_seq", s.current_seq);
  v("replayed", s.replayed);
  v("gap_detected", s.gap_detected);
}

template <class V, Of<StreamOther> S>
void fields(V& v, S& s) {
  fields_of<StreamEvent>(v, s);
  v("agent_name", s.agent_name);
  v("payload", s.payload);
}

template <class V, Of<StreamRequest> S>
void fields(V& v, S& s) {
  v("type", s.type);
  v("channels", s.channels);
  v("last_seen_seq", s.last_seen_seq);
  v("since", s.since);
}

namespace {

template <class... Events>
void read_stream_event(codec::Decoding& decoding, JsonView root, std::variant<Events...>& out) {
  const auto found = root.find("type");
  const auto type = found ? found->string().value_or("") : "";
  const auto read_if = [&]<class Event>(std::type_identity<Event>) {
    if (!is_type_of<Event>(type)) return false;
    codec::read(decoding, root, out.template emplace<Event>());
    return true;
  };
  (void)(read_if(std::type_identity<Events>{}) || ...);
}

}  // namespace

std::string encode(const StreamMessageToClient& event) {
  return std::visit([](const auto& each) { return encode_body(each); }, event);
}

Result<StreamMessageToClient> decode_stream_event(std::string_view text) {
  const auto document = JsonDocument::parse(text, kEngineLimits);
  if (!document) return fail(document.error());
  codec::Decoding decoding(Strictness::lenient);
  Result<StreamMessageToClient> event;
  read_stream_event(decoding, document->root(), *event);
  if (!decoding.ok()) return fail(decoding.error());
  return event;
}

RELAY_WIRE_BODY(StreamRequest);

}  // namespace relay::wire
