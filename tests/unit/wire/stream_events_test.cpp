#include "wire/stream_events.hpp"

#include <doctest/doctest.h>

#include "support/same_json.hpp"

namespace relay::wire {
namespace {

template <class Event>
Event stream_survives(std::string_view text) {
  const auto event = decode_stream_event(text);
  REQUIRE_MESSAGE(event.has_value(), (event ? "" : event.error().message));
  REQUIRE(std::holds_alternative<Event>(*event));
  CHECK(test::same_json(text, encode(*event)));
  return std::get<Event>(*event);
}

}  // namespace

TEST_CASE("each kind of event on the workspace stream") {
  const auto message = stream_survives<StreamMessage>(
      R"({"type":"message.created","id":"6f0b6f0e-0000-5000-8000-000000000001","seq":7,
      "channel":"general","message":{"id":"1","agent_id":"2","agent_name":"ann","text":"hi",
      "attachments":[],"injection_mode":"wait"}})");
  CHECK(message.seq == 7);
  CHECK(message.message.agent_name == "ann");
  stream_survives<StreamMessage>(R"({"type":"thread.reply","channel":"general","parent_id":"9",
      "message":{"id":"1","agent_id":"2","agent_name":"ann","text":"hi","attachments":null,
      "injection_mode":"wait"}})");
  for (const char* type : {"dm.received", "group_dm.received"}) {
    stream_survives<StreamDm>(std::string(R"({"type":")") + type +
                              R"(","conversation_id":"dm_1","message":{"id":"1","agent_id":"2",
      "agent_name":"ann","text":"hi","attachments":[],"injection_mode":"wait"}})");
  }
  const auto reacted = stream_survives<StreamReacted>(
      R"({"type":"message.reacted","message_id":"1","agent_name":"a","emoji":"+1",
      "action":"removed"})");
  CHECK(reacted.reaction.emoji == "+1");
  stream_survives<StreamRead>(
      R"({"type":"message.read","message_id":"1","agent_id":"2","read_at":"2026-01-05T10:15:00Z"})");
  const auto status = stream_survives<StreamAgentStatus>(
      R"({"type":"agent.status.idle","agent":{"name":"a"},"status":"idle"})");
  CHECK(status.agent.name == "a");
  stream_survives<StreamChannel>(
      R"({"type":"channel.updated","channel":{"name":"general","topic":"news"}})");
  stream_survives<StreamMember>(R"({"type":"member.joined","channel":"general","agent_name":"a"})");
  stream_survives<StreamAction>(R"({"type":"action.completed","invocation_id":"inv_1",
      "action_name":"spawn","status":"completed","output":{"a":1}})");
  stream_survives<StreamDelivery>(
      R"({"type":"delivery.failed","message_id":"1","reason":"ttl_expired"})");
  stream_survives<StreamWebhook>(R"({"type":"webhook.received","webhook_id":"w","channel":"general",
      "message":{"id":"1","text":"t","source":"ci","author":"bot"}})");
  const auto ack = stream_survives<StreamResyncAck>(R"({"type":"resync_ack","last_seen_seq":1,
      "current_seq":5,"replayed":4,"gap_detected":false})");
  CHECK(ack.replayed == 4);
  CHECK(stream_survives<StreamOther>(R"({"type":"pong"})").type == "pong");
  stream_survives<StreamOther>(R"({"type":"agent.statusless"})");
}

TEST_CASE("what a client asks on the stream") {
  CHECK(decode_body<StreamRequest>(R"({"type":"ping"})")->type == "ping");
  const auto resync = decode_body<StreamRequest>(R"({"type":"resync","last_seen_seq":41})");
  CHECK(resync->last_seen_seq == 41);
  CHECK(decode_body<StreamRequest>(R"({"type":"subscribe","channels":["a"]})")->channels->size() ==
        1);
  CHECK(decode_body<StreamRequest>("{}").error().message == "type: missing");
}

TEST_CASE("a broken event names its field") {
  CHECK(decode_stream_event(R"({"type":"member.left","channel":"c"})").error().message ==
        "agent_name: missing");
  CHECK(decode_stream_event("7").error().message == "expected an object, got a number");
}

}  // namespace relay::wire
