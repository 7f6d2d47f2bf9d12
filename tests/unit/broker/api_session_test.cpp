// Sessions, health and what the API answers by itself.
#include "api_world.hpp"

namespace relay::broker {
namespace {

using test::ApiWorld;
using test::is;

}  // namespace

TEST_CASE("a session tells the key holder where the broker belongs") {
  ApiWorld world;
  world.operations.view.uptime = std::chrono::milliseconds(61'900);
  world.operations.view.node.node_id = "node_1";
  world.operations.view.node.node_name = "builder-1";
  CHECK(is(world.ask("GET", "/api/session"), 200, R"({
    "broker_version":"1.2.3","protocol_version":2,"workspace_key":"rk_live_1",
    "relay_base_url":"http://127.0.0.1:9","default_workspace_id":"ws_1","mode":"persist",
    "uptime_secs":61,"node_id":"node_1","node_name":"builder-1"})"));
  CHECK(is(world.ask("GET", "/api/config"), 200, R"({
    "workspaceKey":"rk_live_1","defaultWorkspaceId":"ws_1",
    "memberships":[{"workspace_id":"ws_1","workspace_alias":"home","is_default":true}]})"));
}

TEST_CASE("the engine's address and the alias are left out when there is none") {
  ApiWorld world;
  world.api.engine_ready(WorkspaceFacts("ws_2"));
  const auto session = world.ask("GET", "/api/session");
  CHECK(session.body.find(R"("relay_base_url":null)") != std::string::npos);
  CHECK(is(world.ask("GET", "/api/config"), 200, R"({"workspaceKey":"","defaultWorkspaceId":"ws_2",
    "memberships":[{"workspace_id":"ws_2","is_default":true}]})"));
}

TEST_CASE("a renewal is passed on, and says for how long it is good") {
  ApiWorld world;
  CHECK(is(world.ask("POST", "/api/session/renew"), 200,
           R"({"renewed":true,"expires_in_secs":0,"persist":true})"));
  CHECK(world.renewals == 1);

  auto settings = ApiWorld::settings();
  settings.persist = false;
  ApiWorld ephemeral(std::move(settings));
  ephemeral.api.engine_ready(ApiWorld::facts());
  CHECK(is(ephemeral.ask("POST", "/api/session/renew"), 200,
           R"({"renewed":true,"expires_in_secs":120,"persist":false})"));
  CHECK(ephemeral.ask("GET", "/api/session").body.find(R"("mode":"ephemeral")") !=
        std::string::npos);
}

TEST_CASE("health has real figures") {
  ApiWorld world;
  world.operations.add("w1");
  auto& view = world.operations.view;
  view.uptime = std::chrono::milliseconds(1500);
  view.pending = 3;
  view.dead_letters = 2;
  view.memory = std::uint64_t{5} << 20U;
  view.node.connected = true;
  CHECK(is(world.call(world.to("GET", "/health")), 200, R"({
    "status":"ok","service":"agent-relay-listen","version":"1.2.3","uptimeMs":1500,
    "workspaceId":"ws_1","defaultWorkspaceId":"ws_1",
    "memberships":[{"workspace_id":"ws_1","workspace_alias":"home","is_default":true}],
    "agentCount":1,"pendingDeliveryCount":3,"deadLetterCount":2,"wsConnections":0,"memoryMb":5,
    "relaycastConnected":true,"nodeConnected":true})"));
  view.node.hard_error = Error(Code::token_rejected, "the engine refuses the token");
  CHECK(world.call(world.to("GET", "/health")).body.find(R"("status":"degraded")") !=
        std::string::npos);
}

TEST_CASE("the broker is ready while work that comes can be done") {
  ApiWorld world;
  auto& view = world.operations.view;
  const auto ready = [&] {
    const auto reply = world.call(world.to("GET", "/readyz"));
    return std::to_string(reply.status) + ' ' + reply.body;
  };
  view.node.tunnel = node_control::Tunnel::connected;
  CHECK(ready() == "200 ready\n");
  view.node.tunnel = node_control::Tunnel::connecting_recovery;
  CHECK(ready() == "200 ready\n");
  view.node.tunnel = node_control::Tunnel::connecting_initial;
  CHECK(ready() == "503 the engine is not connected\n");
  view.tunnel_off = true;
  CHECK(ready() == "200 ready\n");
  view.node.store_error = Error(Code::disk_full, "no space");
  CHECK(ready() == "503 the journal cannot be written\n");
  view.draining = true;
  CHECK(ready() == "503 ending\n");
}

TEST_CASE("a shutdown is answered before it happens") {
  ApiWorld world;
  CHECK(is(world.ask("POST", "/api/shutdown"), 200, R"({"status":"shutting_down"})"));
  CHECK(world.operations.shut_downs == 1);
}

TEST_CASE("a preflight counts what it is given") {
  ApiWorld world;
  CHECK(is(world.ask("POST", "/api/preflight", R"({"agents":[{"name":"a","cli":"claude"},
    {"name":"b","cli":"codex"}]})"),
           200, R"({"queued":2})"));
  CHECK(world.ask("POST", "/api/preflight", R"({"agents":[{"name":"a"}]})").status == 422);
  CHECK(world.ask("POST", "/api/preflight", R"({"agents":"a"})").status == 422);
  CHECK(world.ask("POST", "/api/preflight", "{}").status == 422);
}

TEST_CASE("what the peer answers with constants") {
  ApiWorld world;
  CHECK(is(world.ask("GET", "/api/history/stats"), 200, R"({"messageCount":0,"sessionCount":0,
    "activeSessions":0,"uniqueAgents":0,"oldestMessageDate":null})"));
  const auto reply = world.ask("POST", "/api/agents/by-name/w1/interrupt");
  CHECK(reply.status == 501);
  CHECK(reply.body.starts_with(R"({"success":false,"name":"w1","error":")"));
}

TEST_CASE("bodies that are no JSON, or say they are none") {
  ApiWorld world;
  world.operations.add("w1");
  auto call = world.to("POST", "/api/input/w1");
  call.headers.add("X-API-Key", test::kApiKey);
  call.body = R"({"data":"x"})";
  call.headers.add("Content-Type", "text/plain");
  const auto reply = world.call(call);
  CHECK(reply.status == 415);
  CHECK(reply.body == "Expected request with `Content-Type: application/json`");
  call.headers.set("Content-Type", "application/json; charset=utf-8");
  CHECK(world.call(call).status == 200);
  call.headers.set("Content-Type", "application/vnd.relay+json");
  CHECK(world.call(call).status == 200);

  const auto broken = world.ask("POST", "/api/input/w1", R"({"data":)");
  CHECK(broken.status == 400);
  CHECK(broken.headers.get("Content-Type")->starts_with("text/plain"));
  const auto list = world.ask("POST", "/api/input/w1", "[]");
  CHECK(list.status == 422);
  CHECK(list.body.starts_with("Failed to deserialize the JSON body into the target type: "));
  const std::string deep(100, '[');
  CHECK(world.ask("POST", "/api/input/w1", deep + std::string(100, ']')).status == 400);
}

}  // namespace relay::broker
