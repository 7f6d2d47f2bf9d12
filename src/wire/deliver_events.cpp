#include "wire/deliver_events.hpp"

#include "wire/deliver_events_fields.hpp"

namespace relay::wire {
namespace {

template <class Event>
inline constexpr std::string_view kType{};
template <>
inline constexpr std::string_view kType<MessageCreated> = "message.created";
template <>
inline constexpr std::string_view kType<ThreadReplied> = "thread.reply";
template <>
inline constexpr std::string_view kType<DmReceived> = "dm.received";
template <>
inline constexpr std::string_view kType<GroupDmReceived> = "group_dm.received";
template <>
inline constexpr std::string_view kType<MessageReacted> = "message.reacted";
template <>
inline constexpr std::string_view kType<MessageRead> = "message.read";
template <>
inline constexpr std::string_view kType<ActionCompleted> = "action.completed";
template <>
inline constexpr std::string_view kType<ActionFailed> = "action.failed";
template <>
inline constexpr std::string_view kType<ActionDenied> = "action.denied";
template <>
inline constexpr std::string_view kType<DeliveryAccepted> = "delivery.accepted";
template <>
inline constexpr std::string_view kType<DeliveryDelivered> = "delivery.delivered";
template <>
inline constexpr std::string_view kType<DeliveryDeferred> = "delivery.deferred";
template <>
inline constexpr std::string_view kType<DeliveryFailed> = "delivery.failed";

template <class V, class Event>
void payload_fields(V& v, Event& event) {
  if constexpr (Of<Event, UnknownEvent>) {
    v.defaulted("type", event.type);
    v.defaulted("data", event.data);
  } else {
    v.constant("type", kType<std::remove_const_t<Event>>);
    v("data", event);
  }
}

template <class Event>
bool read_if_type(codec::Decoding& decoding, JsonView root, std::string_view type,
                  DeliverEvent& out) {
  if constexpr (!std::same_as<Event, UnknownEvent>) {
    if (type != kType<Event>) return false;
  }
  const JsonMembers members = root.members();
  codec::FieldReader from(decoding, root, members);
  payload_fields(from, out.emplace<Event>());
  return true;
}

template <class... Events>
void read_event(codec::Decoding& decoding, JsonView root, std::variant<Events...>& out) {
  const auto found = root.find("type");
  const auto type = found ? found->string() : std::nullopt;
  (void)(read_if_type<Events>(decoding, root, type.value_or(""), out) || ...);
}

}  // namespace

Json encode_payload(const DeliverEvent& event) {
  return Json::build([&event](JsonWriter& writer) {
    writer.begin_object();
    codec::FieldWriter to(writer);
    std::visit([&to](const auto& each) { payload_fields(to, each); }, event);
    writer.end_object();
  });
}

Result<DeliverEvent> decode_payload(const Json& payload) {
  const auto document = JsonDocument::parse(payload.text(), kEngineLimits);
  if (!document) return fail(document.error());
  codec::Decoding decoding(Strictness::lenient);
  Result<DeliverEvent> event;
  read_event(decoding, document->root(), *event);
  if (!decoding.ok()) return fail(decoding.error());
  return event;
}

}  // namespace relay::wire
