// Messages that are sent from here, conversations, and what agents hand in.
#include "api_world.hpp"

namespace relay::broker {
namespace {

using test::ApiWorld;
using test::is;

net::HttpReply hand_in(ApiWorld& world, const char* field, const char* token,
                       const std::string& body) {
  auto call = world.to("POST", "/api/agent-result");
  call.headers.add(field, token);
  call.headers.add("Content-Type", "application/json");
  call.body = body;
  return world.call(std::move(call));
}

}  // namespace

TEST_CASE("a message to an agent here, and one through the engine") {
  ApiWorld world;
  world.operations.send_answer.event_id = "http_1";
  world.operations.send_answer.delivered = 1;
  CHECK(is(world.ask("POST", "/api/send",
                     R"({"to":" w1 ","text":" hi ","from":"amy","threadId":"t","mode":"steer"})"),
           200, R"({"success":true,"event_id":"http_1","delivered":1,"local":true,
    "workspace_id":"ws_1","workspace_alias":"home"})"));
  REQUIRE(world.operations.sent.size() == 1);
  const auto& sent = world.operations.sent[0];
  CHECK(sent.to == "w1");
  CHECK(sent.text == "hi");
  CHECK(sent.from == "amy");
  CHECK(sent.thread_id == "t");
  CHECK(sent.steer);
  world.operations.send_answer.delivered = 0;
  world.operations.send_answer.published = true;
  CHECK(is(world.ask("POST", "/api/send", R"({"to":"#dev","message":"hi"})"), 200,
           R"({"success":true,"event_id":"http_1","delivered":0,"local":false,
    "relaycast_published":true,"workspace_id":"ws_1","workspace_alias":"home"})"));
}

TEST_CASE("people at this machine are the broker, under whatever name") {
  ApiWorld world;
  for (const auto* from :
       {R"({"to":"w1","body":"x"})", R"({"to":"w1","content":"x","from":"Dashboard"})",
        R"({"to":"w1","text":"x","from":"human:dashboard"})",
        R"({"to":"w1","text":"x","from":"human:orchestrator"})",
        R"({"to":"w1","text":"x","from":"BROKER-1"})"}) {
    CHECK(world.ask("POST", "/api/send", from).status == 200);
    CHECK(world.operations.sent.back().from == "broker-1");
  }
  world.api.engine_ready(WorkspaceFacts("ws_1"));
  CHECK(world.ask("POST", "/api/send", R"({"to":"w1","text":"x"})").status == 200);
  CHECK(world.operations.sent.back().from == "human:orchestrator");
}

TEST_CASE("a message that cannot be sent as it is asked for") {
  ApiWorld world;
  const auto refused = [&](const char* body) {
    const auto reply = world.ask("POST", "/api/send", body);
    CHECK(reply.status == 400);
    const auto document = wire::JsonDocument::parse(reply.body, wire::kEngineLimits);
    REQUIRE(document.has_value());
    CHECK(document->root().find("success")->boolean() == false);
    return std::string(document->root().find("error")->string().value_or(""));
  };
  CHECK(refused(R"({"text":"x"})") == "Missing required field: to");
  CHECK(refused(R"({"to":"w1","text":"  "})") == "Missing required field: message");
  CHECK(refused(R"({"to":"w1","text":"x","mode":"now"})") ==
        "invalid mode 'now'. expected 'wait' or 'steer'");
  CHECK(refused(R"({"to":"w1","text":"x","workspaceId":"ws_9"})") ==
        "workspace 'ws_9' is not joined");
  CHECK(refused(R"({"to":"w1","text":"x","workspaceAlias":"away"})") ==
        "workspace alias 'away' is not joined");
  CHECK(world.operations.sent.empty());
  CHECK(world
            .ask("POST", "/api/send",
                 R"({"to":"w1","text":"x","workspace_id":"ws_1","workspaceAlias":"HOME"})")
            .status == 200);
}

TEST_CASE("a message that the engine does not take") {
  ApiWorld world;
  const auto body = R"({"to":"w9","text":"x"})";
  world.operations.failure = Error(Code::agent_not_found, "no such agent");
  CHECK(is(world.ask("POST", "/api/send", body), 404, R"({"success":false,"to":"w9",
    "error":"Agent \"w9\" not found and Relaycast publish failed: no such agent",
    "code":"agent_not_found"})"));
  world.operations.failure = Error(Code::engine_error, "it broke");
  CHECK(world.ask("POST", "/api/send", body).status == 502);
  world.operations.failure = Error(Code::timeout, "no end within 30 s");
  CHECK(is(world.ask("POST", "/api/send", body), 504,
           R"({"success":false,"to":"w9","error":"broker request timed out: no end within 30 s",
    "code":"timeout","hint":"it may have been sent all the same: look before you send it again"})"));
  Error late(Code::timeout, "no time is left to send it", "nothing was sent");
  world.operations.failure = late;
  CHECK(is(
      world.ask("POST", "/api/send", body), 504,
      R"({"success":false,"to":"w9","error":"broker request timed out: no time is left to send it",
    "code":"timeout","hint":"nothing was sent"})"));
  CHECK(is(world.ask("GET", "/api/threads"), 200, R"({"threads":[]})"));
}

TEST_CASE("conversations are listed with their last message") {
  ApiWorld world;
  CHECK(world.ask("POST", "/api/send", R"({"to":"w1","text":"one"})").status == 200);
  world.clock.advance(1s);
  CHECK(world.ask("POST", "/api/send", R"({"to":"#dev","text":"two"})").status == 200);
  CHECK(is(world.ask("GET", "/api/threads"), 200, R"({"threads":[
    {"threadId":"#dev","name":"#dev","unreadCount":0,"lastMessage":"two",
     "lastMessageAt":"2026-01-01T00:00:01.000000000Z"},
    {"threadId":"direct:broker-1:w1","name":"w1","unreadCount":0,"lastMessage":"one",
     "lastMessageAt":"2026-01-01T00:00:00.000000000Z"}]})"));
}

TEST_CASE("an agent hands in with its own token") {
  ApiWorld world;
  CHECK(
      is(hand_in(world, "X-Agent-Result-Token", " arr_w1 ", R"({"data":{"a":[1,2]},"name":"w1"})"),
         200, R"({"success":true,"name":"w1","result_id":"ar_1"})"));
  CHECK(is(hand_in(world, "Authorization", "Bearer arr_w1",
                   R"({"result":null,"final":false,"metadata":{"k":1}})"),
           200, R"({"success":true,"name":"w1","result_id":"ar_1"})"));
  REQUIRE(world.operations.handed_in.size() == 2);
  CHECK(world.operations.handed_in[0].data.text() == R"({"a":[1,2]})");
  CHECK(world.operations.handed_in[0].final);
  CHECK_FALSE(world.operations.handed_in[0].metadata.has_value());
  CHECK(world.operations.handed_in[1].data.is_null());
  CHECK_FALSE(world.operations.handed_in[1].final);
  CHECK(world.operations.handed_in[1].metadata->text() == R"({"k":1})");
}

TEST_CASE("a result with another's token, or without data") {
  ApiWorld world;
  const auto invalid =
      R"({"success":false,"error":"invalid_result_token","code":"invalid_result_token"})";
  CHECK(is(hand_in(world, "X-Agent-Result-Token", "arr_w2", R"({"data":1})"), 401, invalid));
  CHECK(is(hand_in(world, "X-Agent-Result-Token", "arr_w1", R"({"data":1,"agent":"w2"})"), 401,
           invalid));
  // The API's key is no result token.
  CHECK(is(hand_in(world, "Authorization", "Bearer br_0123456789abcdef0123456789abcdef",
                   R"({"data":1})"),
           401, invalid));
  CHECK(hand_in(world, "X-Agent-Result-Token", "arr_w1", "{}").status == 400);
  CHECK(hand_in(world, "X-Agent-Result-Token", "arr_w1", "nope").status == 400);
  CHECK(world.operations.handed_in.empty());
}

}  // namespace relay::broker
