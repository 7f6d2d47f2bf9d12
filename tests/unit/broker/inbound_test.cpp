#include "broker/inbound.hpp"

#include <doctest/doctest.h>

namespace relay::broker {
namespace {

Inbound read(const std::string& payload, const std::string& mode = "wait") {
  const auto inbound = read_inbound(
      R"({"v":1,"type":"deliver","agent":"ada","agent_id":"agt_1","delivery_id":"del_1",)"
      R"("msg_id":"msg_1","seq":1,"mode":")" +
      mode + R"(","payload":)" + payload + "}");
  REQUIRE(inbound);
  return *inbound;
}

}  // namespace

TEST_CASE("every name of a message is typed, notices are not, nor is what nobody knows") {
  for (const char* type : {"message.created",
                           "message.received",
                           "message.new",
                           "message.sent",
                           "message.delivered",
                           "thread.reply",
                           "thread.message.created",
                           "thread.message.sent",
                           "dm.received",
                           "dm.created",
                           "dm.new",
                           "dm.sent",
                           "dm.message.created",
                           "direct_message.received",
                           "direct_message.created",
                           "direct_message.new",
                           "direct_message.sent",
                           "group_dm.received",
                           "group_dm.created",
                           "group_dm.new",
                           "group_dm.sent",
                           "group_dm.message.created",
                           "action.completed",
                           "action.failed",
                           "action.denied"}) {
    CAPTURE(type);
    CHECK(read(R"({"type":")" + std::string(type) + R"(","data":{"text":"x"}})").what ==
          InboundClass::inject);
  }
  CHECK(read(R"({"text":"x"})").what == InboundClass::inject);
  CHECK(read(R"({"type":"message.reacted","data":{}})").what == InboundClass::notice);
  CHECK(read(R"({"type":"message.read","data":{}})").what == InboundClass::notice);
  CHECK(read(R"({"type":"agent.exited","data":{}})").what == InboundClass::unknown);
}

TEST_CASE("a reaction says who, to what and with what; one that is taken back says nothing") {
  const auto in = read(R"({"type":"message.reacted","data":{
      "message_id":"msg_9","agent_name":"bob","emoji":"✅","action":"added"}})");
  CHECK(in.letter.sender == "bob");
  CHECK(in.reacted_to == "msg_9");
  CHECK(in.emoji == "✅");
  CHECK(read(R"({"type":"message.reacted","data":{
      "message_id":"msg_9","agent_name":"bob","emoji":"x","action":"removed"}})")
            .reacted_to.empty());
}

TEST_CASE("fields come from the envelope first, and from flat places else") {
  auto in = read(R"({"type":"message.created","from":"x","text":"flat","data":{
      "agent_name":"bob","text":" hello\n","channel_name":"general","thread_id":"th_1"}})");
  CHECK(in.letter.sender == "bob");
  CHECK(in.letter.body == " hello\n");
  CHECK(in.letter.target == "#general");
  CHECK(in.letter.thread == "th_1");
  CHECK(in.letter.id == "msg_1");
  CHECK(in.letter.kind == pty::MessageKind::channel);
  CHECK(in.priority == 3);
  in = read(R"({"sender":"eve","body":"b","to":"#x","threadId":7})");
  CHECK(in.letter.sender == "eve");
  CHECK(in.letter.body == "b");
  CHECK(in.letter.target == "#x");
  CHECK(in.letter.thread == "7");
  in = read(R"({"type":"dm.received","data":{"message":{"agent_name":"bob","text":"inner"}}})");
  CHECK(in.letter.sender == "bob");
  CHECK(in.letter.body == "inner");
  CHECK(in.priority == 2);
  CHECK(in.letter.target.empty());
  CHECK(read(R"({"type":"dm.received","data":{"text":"x"}})").letter.sender == "relaycast");
}

TEST_CASE("a result that is no text is written out") {
  CHECK(read(R"({"type":"action.completed","data":{"output":{"a":1}}})").letter.body ==
        R"({"a":1})");
  CHECK(read(R"({"type":"action.failed","data":{"output":null,"error":"boom"}})").letter.body ==
        "boom");
  CHECK(read(R"({"type":"action.denied","data":{"action_name":"x"}})").letter.body ==
        R"({"action_name":"x"})");
  CHECK(read(R"({"type":"dm.received"})").letter.body == R"({"type":"dm.received"})");
}

TEST_CASE("priorities: numbers, words, and what is usual") {
  CHECK(read(R"({"data":{"text":"x","priority":9}})").priority == 9);
  CHECK(read(R"({"data":{"text":"x","priority":"urgent"}})").priority == 4);
  CHECK(read(R"({"data":{"text":"x","metadata":{"priority":"Low"}}})").priority == 1);
  CHECK(read(R"({"data":{"text":"x","priority":256}})").priority == 2);
  CHECK(read(R"({"data":{"text":"x"}})", "steer").steer);
  CHECK_FALSE(read(R"({"data":{"text":"x"}})").steer);
}

TEST_CASE("what is no deliver frame is an error") {
  CHECK_FALSE(read_inbound("{"));
  CHECK_FALSE(read_inbound(R"({"v":1,"type":"ping"})"));
}

}  // namespace relay::broker
