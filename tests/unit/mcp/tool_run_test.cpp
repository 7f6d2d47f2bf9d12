#include "mcp/tool_run.hpp"

#include <doctest/doctest.h>
#include <string>

namespace relay::mcp {
namespace {

Offer everything() {
  Offer offer;
  offer.spawning = offer.results = true;
  return offer;
}

Result<ToolRun> plan(std::string_view tool, std::string_view arguments) {
  const Tool* found = find_tool(tool, everything());
  REQUIRE(found != nullptr);
  const auto document = wire::JsonDocument::parse(arguments, wire::kInboundLimits);
  REQUIRE(document);
  return ToolRun::plan(*found, document->root());
}

std::string asked(std::string_view tool, std::string_view arguments) {
  const auto run = plan(tool, arguments);
  if (!run) return "error: " + run.error().message;
  const EngineRequest& request = run->request();
  return request.method + " " + request.path + (request.body.empty() ? "" : " ") + request.body;
}

}  // namespace

TEST_CASE("each tool asks the engine for one thing") {
  CHECK(asked("send_dm", R"({"to":"@bob","text":"hi","mode":"steer","as":"x"})") ==
        R"(POST /v1/dm {"to":"bob","text":"hi","mode":"steer"})");
  CHECK(asked("post_message", R"({"channel":"#dev","text":"a\"b","attachments":["f1"]})") ==
        R"(POST /v1/channels/dev/messages {"text":"a\"b","attachments":["f1"]})");
  CHECK(asked("reply_to_thread", R"({"message_id":"12","text":"x"})") ==
        R"(POST /v1/messages/12/replies {"text":"x"})");
  CHECK(asked("add_reaction", R"({"message_id":"12","emoji":":eyes:"})") ==
        R"(POST /v1/messages/12/reactions {"emoji":"👀"})");
  CHECK(asked("remove_reaction", R"({"message_id":"12","emoji":"👍"})") ==
        "DELETE /v1/messages/12/reactions/%F0%9F%91%8D");
  CHECK(asked("check_inbox", R"({"limit":5})") == "GET /v1/inbox?limit=5");
  CHECK(asked("check_inbox", R"({"limit":null})") == "GET /v1/inbox");
  CHECK(asked("search_messages", R"({"query":"a b&c","from":"@bob","limit":3.0})") ==
        "GET /v1/search?q=a%20b%26c&from=bob&limit=3");
  CHECK(asked("list_channels", R"({"include_archived":true})") ==
        "GET /v1/channels?include_archived=true");
  CHECK(asked("list_agents", R"({"status":"online"})") == "GET /v1/agents/presence");
  CHECK(asked("join_channel", R"({"channel":"dev"})") == "POST /v1/channels/dev/join {}");
  CHECK(asked("invite_to_channel", R"({"channel":"dev","agent":"bob"})") ==
        R"(POST /v1/channels/dev/invite {"agent_name":"bob"})");
  CHECK(asked("archive_channel", R"({"channel":"dev"})") == "DELETE /v1/channels/dev");
  CHECK(
      asked("spawn", R"({"name":"eve","cli":"codex","target_node":"n"})") ==
      R"(POST /v1/actions/spawn/invoke {"input":{"name":"eve","cli":"codex","target_node":"n"}})");
  CHECK(asked("invoke_action", R"({"name":"deploy","input":{"a":1}})") ==
        R"(POST /v1/actions/deploy/invoke {"input":{"a":1}})");
  CHECK(asked("submit_result", R"({"data":[1,2]})") == R"(POST  {"data":[1,2]})");
}

TEST_CASE("an argument that does not fit is named, and never becomes a path of its own") {
  CHECK(asked("send_dm", R"({"to":"bob"})") == "error: send_dm: the argument \"text\" is missing");
  CHECK(asked("send_dm", R"({"to":7,"text":"x"})") ==
        "error: send_dm: the argument \"to\" has to be a text");
  CHECK(asked("send_dm", R"({"to":"@","text":"x"})") ==
        "error: send_dm: the argument \"to\" is empty");
  CHECK(asked("send_dm", R"({"to":"b","text":"x","mode":"now"})").find("wait|steer") !=
        std::string::npos);
  for (const char* limit : {"0", "-1", "1.5", "\"5\"", "1e300", "true"}) {
    CAPTURE(limit);
    CHECK(asked("check_inbox", "{\"limit\":" + std::string(limit) + "}").starts_with("error: "));
  }
  CHECK(asked("join_channel", R"({"channel":".."})").starts_with("error: "));
  CHECK(asked("join_channel", R"({"channel":"../../agents"})") ==
        "POST /v1/channels/..%2F..%2Fagents/join {}");
  const std::string longer(600, 'x');
  CHECK(asked("join_channel", R"({"channel":")" + longer + "\"}").starts_with("error: "));
  CHECK(asked("search_messages", R"({"query":")" + longer + "\"}").starts_with("error: "));
  CHECK(asked("send_group_dm", R"({"participants":[],"text":"x"})").starts_with("error: "));
  CHECK(asked("send_group_dm", R"({"participants":[1],"text":"x"})").starts_with("error: "));
  CHECK(asked("list_channels", R"({"include_archived":"yes"})").starts_with("error: "));
}

TEST_CASE("only what says something to others carries a key against saying it twice") {
  CHECK(plan("send_dm", R"({"to":"b","text":"x"})")->request().keyed);
  CHECK_FALSE(plan("check_inbox", "{}")->request().keyed);
  CHECK_FALSE(plan("add_agent", R"({"name":"a","cli":"x","task":"y"})")->request().keyed);
}

TEST_CASE("the answer is the engine's data, under a name where it is a list") {
  CHECK(plan("check_inbox", "{}")->take(R"({"ok":true,"data":{"mentions":[]}})")->text ==
        R"({"mentions":[]})");
  CHECK(plan("list_channels", "{}")->take(R"({"ok":true,"data":[{"name":"a"}]})")->text ==
        R"({"channels":[{"name":"a"}]})");
  auto joined = plan("join_channel", R"({"channel":"#dev"})");
  CHECK(joined->take(R"({"ok":true,"data":{}})")->text == "Joined #dev");
  auto online = plan("list_agents", R"({"status":"online"})");
  CHECK(online
            ->take(R"({"data":[{"agent_name":"a","status":"online"},
                                 {"agent_name":"b","status":"offline"}]})")
            ->text == R"({"agents":[{"agent_name":"a","status":"online"}]})");
  CHECK(plan("check_inbox", "{}")->take("no JSON")->text == "null");
}

TEST_CASE("a message for an agent that does not run says so") {
  auto run = plan("send_dm", R"({"to":"bob","text":"x"})");
  REQUIRE(run);
  const auto away = run->take(R"({"ok":true,"data":{"id":"1","recipient_status":"offline"}})");
  REQUIRE(away);
  CHECK_FALSE(away->is_error);
  CHECK(away->text.find("does not run now") != std::string::npos);
  CHECK(away->text.find("\"id\":\"1\"") != std::string::npos);
  run = plan("send_dm", R"({"to":"bob","text":"x"})");
  CHECK(run->take(R"({"ok":true,"data":{"id":"1"}})")->text == R"({"id":"1"})");
}

TEST_CASE("a group's first message goes into the conversation that was made for it") {
  auto run = plan("send_group_dm", R"({"participants":["bob","eve"],"name":"n","text":"hi"})");
  REQUIRE(run);
  CHECK(run->request().path == "/v1/dm/group");
  CHECK(run->request().body == R"({"participants":["bob","eve"],"name":"n"})");
  CHECK_FALSE(run->take(R"({"ok":true,"data":{"id":"99"}})"));
  CHECK(run->request().path == "/v1/dm/99/messages");
  CHECK(run->request().body == R"({"text":"hi"})");
  CHECK(run->request().keyed);
  CHECK(run->take(R"({"ok":true,"data":{"id":"100"}})")->text == R"({"id":"100"})");
  auto other = plan("send_group_dm", R"({"participants":["bob"],"text":"hi"})");
  CHECK(other->take(R"({"ok":true,"data":{}})")->is_error);
}

TEST_CASE("a person is told of commands and not of tools") {
  for (const char* code :
       {"agent_not_found", "channel_not_found", "channel_already_exists", "not_a_member",
        "message_not_found", "action_not_found", "node_not_found"}) {
    CAPTURE(code);
    const std::string body = std::string(R"({"error":{"code":")") + code + R"(","message":"x"}})";
    const auto hint = engine_refusal(404, body, Credential::agent, Audience::person).hint;
    // The names of tools.
    CHECK(hint.find('_') == std::string::npos);
    const auto tools = engine_refusal(404, body, Credential::agent, Audience::model).hint;
    CHECK(tools.find('_') != std::string::npos);
  }
}

TEST_CASE("an engine that does not answer is named, and what may have been sent is said so") {
  const auto failed = [](Code code, std::string_view tool, std::string_view arguments) {
    const auto run = plan(tool, arguments);
    REQUIRE(run);
    const Error error(code, "POST http://e:1/v1/dm: cannot connect to e:1", "check the proxy");
    return ToolResult::of(engine_failure(error, run->request(), "http://e:1")).text;
  };
  const char* message = R"({"to":"bob","text":"hi"})";
  CHECK(failed(Code::engine_unreachable, "send_dm", message) ==
        "engine_unreachable: the engine at http://e:1 cannot be reached: cannot connect to e:1\n"
        "hint: relay-broker doctor looks for the cause");
  for (const Code code : {Code::timeout, Code::connection_closed}) {
    const auto lost = failed(code, "send_dm", message);
    CHECK(lost.find("the engine at http://e:1 has not answered: cannot") != std::string::npos);
    CHECK(lost.find("\nhint: the message may have been sent") != std::string::npos);
    CHECK(failed(code, "check_inbox", "{}").find("may have been") == std::string::npos);
  }
  CHECK(failed(Code::timeout, "submit_result", R"({"data":1})").find("asked for results has not") !=
        std::string::npos);
  CHECK(failed(Code::tls_failed, "send_dm", message).ends_with("hint: check the proxy"));
}

TEST_CASE("a refusal has the engine's words and what may help") {
  const auto refused = [](int status, std::string_view body, Credential by = Credential::agent) {
    return ToolResult::of(engine_refusal(status, body, by, Audience::model)).text;
  };
  CHECK(refused(404,
                R"({"ok":false,"error":{"code":"agent_not_found","message":"no agent \u001b b"}})")
            .starts_with("not_found: agent_not_found: no agent "));
  CHECK(refused(404, R"({"error":{"code":"agent_not_found","message":"x"}})")
            .ends_with("\nhint: list_agents shows who is there"));
  CHECK(refused(401, R"({"error":{"code":"agent_token_invalid","message":"x"}})")
            .find("released or replaced") != std::string::npos);
  CHECK(refused(401, R"({"error":{"code":"unauthorized","message":"x"}})", Credential::workspace)
            .find("\nhint: the workspace's key is wrong") != std::string::npos);
  CHECK(refused(401, "", Credential::results).find("identity") == std::string::npos);
  CHECK(refused(502, "<html>") == "engine_error: the engine answered with status 502");
  CHECK(refused(429, "").starts_with("rate_limited: "));
  CHECK(ToolResult::of(Error(Code::timeout, "m")).json() ==
        R"({"content":[{"type":"text","text":"timeout: m"}],"isError":true})");
}

}  // namespace relay::mcp
