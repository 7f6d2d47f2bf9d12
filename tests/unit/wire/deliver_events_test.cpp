#include "wire/deliver_events.hpp"

#include <doctest/doctest.h>

#include "support/same_json.hpp"

namespace relay::wire {
namespace {

template <class Event>
Event event_survives(std::string_view text) {
  const auto event = decode_payload(Json::parse(text).value());
  REQUIRE_MESSAGE(event.has_value(), (event ? "" : event.error().message));
  REQUIRE(std::holds_alternative<Event>(*event));
  CHECK(test::same_json(text, encode_payload(*event).text()));
  return std::get<Event>(*event);
}

}  // namespace

TEST_CASE("a channel message and a thread reply") {
  const auto created = event_survives<MessageCreated>(
      R"({"type":"message.created","data":{"id":"1","channel_id":"2","channel_name":"general",
      "agent_id":"3","agent_name":"ann","from_name":"ann","text":"hi","blocks":null,"metadata":{},
      "has_attachments":false,"thread_id":null,"created_at":"2026-01-05T10:15:00.000Z",
      "mentions":["bob"],"attachments":[],"injection_mode":"steer"}})");
  CHECK(created.text == "hi");
  CHECK(created.mentions == std::vector<std::string>{"bob"});
  CHECK(created.injection_mode == InjectionMode::steer);
  const auto replied = event_survives<ThreadReplied>(
      R"({"type":"thread.reply","data":{"id":"1","channel_id":"2","channel_name":"general",
      "agent_id":"3","agent_name":"ann","from_name":"ann","thread_id":"9","text":"hi","blocks":null,
      "metadata":null,"has_attachments":false,"created_at":"2026-01-05T10:15:00.000Z"}})");
  CHECK(replied.thread_id == "9");
}

TEST_CASE("direct and group messages") {
  const auto dm = event_survives<DmReceived>(
      R"({"type":"dm.received","data":{"conversation_id":"dm_1","message":{"id":"1","agent_id":"2",
      "agent_name":"ann","text":"hi","injection_mode":"wait","attachments":[]},
      "created_at":"2026-01-05T10:15:00.000Z","id":"1","from_agent_id":"2","to":"bob","text":"hi",
      "injection_mode":"wait","attachments":[],"from_name":"ann"}})");
  CHECK(dm.message.agent_name == "ann");
  const auto group = event_survives<GroupDmReceived>(
      R"({"type":"group_dm.received","data":{"conversation_id":"7","message":{"id":"1",
      "agent_id":"2","agent_name":"ann","text":"hi","injection_mode":"wait","attachments":[]},
      "created_at":"2026-01-05T10:15:00.000Z","id":"1","agent_id":"2","text":"hi",
      "injection_mode":"wait","attachments":[],"from_name":"ann"}})");
  CHECK(group.agent_id == "2");
}

TEST_CASE("events around messages and actions") {
  event_survives<MessageReacted>(
      R"({"type":"message.reacted","data":{"message_id":"1","agent_name":"a",
      "emoji":"+1","action":"added"}})");
  event_survives<MessageRead>(R"({"type":"message.read","data":{"message_id":"1","agent_id":"2",
      "read_at":"2026-01-05T10:15:00.000Z","agent_name":"a"}})");
  const auto done = event_survives<ActionCompleted>(R"({"type":"action.completed","data":{
      "invocation_id":"inv_1","action_name":"spawn","status":"completed","output":{"a":[1]},
      "error":null}})");
  CHECK(done.output.text() == R"({"a":[1]})");
  event_survives<ActionFailed>(R"({"type":"action.failed","data":{"invocation_id":"inv_1",
      "action_name":"spawn","status":"failed","output":null,"error":"x"}})");
  event_survives<ActionDenied>(R"({"type":"action.denied","data":{"action_name":"deploy",
      "caller_name":"a","error":"no"}})");
  const auto failed = event_survives<DeliveryFailed>(R"({"type":"delivery.failed","data":{
      "message_id":"1","target_agent_name":"a","reason":"depth_cap","error":"full",
      "retryable":false}})");
  CHECK(failed.reason == "depth_cap");
  event_survives<DeliveryDeferred>(R"({"type":"delivery.deferred","data":{"message_id":"1"}})");
}

TEST_CASE("an unknown payload is kept, a broken one names its field") {
  const auto exited = event_survives<UnknownEvent>(R"({"type":"agent.exited","data":{"x":[1]}})");
  CHECK(exited.type == "agent.exited");
  CHECK(exited.data.text() == R"({"x":[1]})");
  const auto bare = decode_payload(Json::parse(R"({"text":"hi"})").value());
  CHECK(std::get<UnknownEvent>(*bare).type.empty());
  CHECK(decode_payload(Json::parse(R"({"type":"message.read","data":{"message_id":[]}})").value())
            .error()
            .message == "data.message_id: expected an id, got an array");
}

}  // namespace relay::wire
