// Who may ask the local API what, and in which phase.
#include <unistd.h>

#include "api_world.hpp"

namespace relay::broker {
namespace {

using test::ApiWorld;
using test::is;
using test::kApiKey;

constexpr const char* kUnauthorized =
    R"({"error":{"code":"unauthorized","message":"Missing or invalid API key","retryable":false,)"
    R"("statusCode":401}})";

net::HttpReply ask_with(ApiWorld& world, const char* field, const std::string& value,
                        const char* path = "/api/spawned") {
  auto call = world.to("GET", path);
  call.headers.add(field, value);
  return world.call(std::move(call));
}

bool has(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("every route but the health checks and the agents' own wants the key") {
  ApiWorld world;
  for (const auto* path : {"/api/spawned", "/api/session", "/api/config", "/api/status", "/metrics",
                           "/ws", "/api/input/w1/stream", "/api/nope"}) {
    CAPTURE(path);
    const auto reply = world.call(world.to("GET", path));
    CHECK(is(reply, 401, kUnauthorized));
    CHECK(reply.headers.get("WWW-Authenticate") == "Bearer");
  }
  for (const auto* path : {"/health", "/healthz"}) {
    CHECK(world.call(world.to("GET", path)).status == 200);
  }
  CHECK(world.call(world.to("POST", "/api/agent-result")).status == 401);
  CHECK(is(world.call(world.to("POST", "/api/agent-result")), 401,
           R"({"success":false,"error":"missing_result_token","code":"missing_result_token"})"));
  CHECK(is(world.call(world.to("GET", "/api/agent-result")), 401, kUnauthorized));
}

TEST_CASE("the key comes as X-API-Key or as bearer token, and nowhere else") {
  ApiWorld world;
  const std::string key = kApiKey;
  CHECK(ask_with(world, "X-API-Key", key).status == 200);
  CHECK(ask_with(world, "x-api-key", "  " + key + " ").status == 200);
  CHECK(ask_with(world, "Authorization", "Bearer " + key).status == 200);
  CHECK(ask_with(world, "Authorization", "bearer   " + key).status == 200);
  CHECK(ask_with(world, "Authorization", "Basic " + key).status == 401);
  CHECK(ask_with(world, "X-API-Key", key + "x").status == 401);
  CHECK(ask_with(world, "X-API-Key", key.substr(0, key.size() - 1)).status == 401);
  CHECK(world.call(world.to("GET", "/api/spawned?api_key=" + key)).status == 401);

  // Two keys: the field of its own decides, and there must be one of it.
  auto call = world.to("GET", "/api/spawned");
  call.headers.add("X-API-Key", "wrong");
  call.headers.add("Authorization", "Bearer " + key);
  CHECK(world.call(call).status == 401);
  auto twice = world.to("GET", "/api/spawned");
  twice.headers.add("X-API-Key", key);
  twice.headers.add("X-API-Key", "wrong");
  CHECK(world.call(twice).status == 401);
}

TEST_CASE("a broker without a key lets nobody in over TCP") {
  ApiWorld world{LocalApiSettings()};
  world.api.engine_ready(ApiWorld::facts());
  const std::string port = std::to_string(world.port);
  for (const std::string field : {"X-API-Key:", "X-API-Key: ", "Authorization: Bearer "}) {
    const auto text = world.raw("GET /api/spawned HTTP/1.1\r\nHost: localhost:" + port + "\r\n" +
                                field + "\r\nConnection: close\r\n\r\n");
    CHECK(has(text, "HTTP/1.1 401 "));
  }
}

TEST_CASE("an unknown path is 404 with the key, a wrong method 405") {
  ApiWorld world;
  CHECK(world.ask("GET", "/api/nope").status == 404);
  CHECK(world.ask("GET", "/").status == 404);
  const auto reply = world.ask("GET", "/api/spawn");
  CHECK(reply.status == 405);
  CHECK(reply.headers.get("Allow") == "POST");
  CHECK(world.ask("PATCH", "/api/spawned/w1/delivery-mode").status == 405);
}

TEST_CASE("S3: a page of another site reaches nothing, whatever name it rebinds to this machine") {
  ApiWorld world;
  const std::string port = std::to_string(world.port);
  const std::string key = std::string("X-API-Key: ") + kApiKey + "\r\nConnection: close\r\n";
  for (const std::string& fields :
       {"Host: evil.test:" + port, "Host: localhost.evil.test:" + port,
        "Host: 127.0.0.1.evil:" + port, "Host: [::ffff:127.0.0.1]:" + port, "Host: [::2]:" + port,
        std::string("Host: 127.0.0.1:1"), std::string("Host: 127.0.0.1"),
        "Host: 127.0.0.1:" + port + "\r\nOrigin: null",
        "Host: 127.0.0.1:" + port + "\r\nOrigin: http://evil.test",
        "Host: 127.0.0.1:" + port + "\r\nOrigin: http://127.0.0.1:" + port}) {
    for (const auto* path : {"/health", "/api/spawned", "/ws", "/api/agent-result"}) {
      CAPTURE(fields);
      CAPTURE(path);
      const std::string line = std::string("GET ") + path + " HTTP/1.1\r\n";
      CHECK(has(world.raw(line + fields + "\r\n" + key + "\r\n"), "HTTP/1.1 403 "));
    }
  }
  // No Host and two Hosts are no HTTP/1.1 at all.
  const std::string line = "GET /api/spawned HTTP/1.1\r\n";
  const auto none = world.raw(line + key + "\r\n");
  const auto two = world.raw(line + "Host: 127.0.0.1:" + port + "\r\nHost: localhost:" + port +
                             "\r\n" + key + "\r\n");
  for (const auto& text : {none, two}) {
    CHECK((has(text, "HTTP/1.1 403 ") || has(text, "HTTP/1.1 400 ")));
  }
  for (const std::string host : {"localhost:", "LOCALHOST:", "127.0.0.1:", "[::1]:"}) {
    CHECK(has(world.raw(line + "Host: " + host + port + "\r\n" + key + "\r\n"), "HTTP/1.1 200 "));
  }
}

TEST_CASE("before the engine has answered there is health, and everything else comes later") {
  ApiWorld world{ApiWorld::settings()};
  CHECK(is(world.call(world.to("GET", "/health")), 200, R"({
    "status":"ok","service":"agent-relay-listen","version":"1.2.3","uptimeMs":0,
    "workspaceId":"ws_unknown","defaultWorkspaceId":null,"memberships":[],"agentCount":0,
    "pendingDeliveryCount":0,"deadLetterCount":0,"wsConnections":0,"memoryMb":0,
    "relaycastConnected":false,"nodeConnected":false})"));
  CHECK(world.call(world.to("GET", "/healthz")).status == 200);
  const auto ready = world.call(world.to("GET", "/readyz"));
  CHECK(ready.status == 503);
  CHECK(ready.body == "starting\n");
  // Before the key is looked at, whatever the path.
  for (const auto* path : {"/api/session", "/ws", "/nope", "/"}) {
    const auto reply = world.call(world.to("GET", path));
    CHECK(reply.status == 503);
    CHECK(reply.body == "Broker is starting, please retry");
    CHECK(reply.headers.get("Content-Type")->starts_with("text/plain"));
  }
  CHECK(world.ask_unix("GET", "/api/session").status == 503);
  CHECK(world.ask("GET", "/api/broker").status == 503);
  CHECK(world.ask("POST", "/api/shutdown").status == 503);
  // Its user sees it, and can end it.
  CHECK(world.ask_unix("GET", "/api/broker").status == 200);
  CHECK(world.ask_unix("POST", "/api/shutdown").status == 200);
  CHECK(world.operations.shut_downs == 1);
  world.api.engine_ready(ApiWorld::facts());
  CHECK(world.ask("GET", "/api/session").status == 200);
}

TEST_CASE("over the Unix socket the user is enough, and an Origin still too much") {
  ApiWorld world;
  CHECK(world.ask_unix("GET", "/api/spawned").status == 200);
  net::HttpCall call("GET", "http://relay/api/spawned");
  call.unix_socket = (world.dir / "api.sock").string();
  call.headers.add("Origin", "http://evil.test");
  CHECK(world.call(std::move(call)).status == 403);
}

TEST_CASE("a body has 2 MiB at most, and the key is asked for first") {
  ApiWorld world;
  world.operations.add("w1");
  const std::string keys(std::size_t{2} * 1024 * 1024 - 100, 'x');
  CHECK(world.ask("POST", "/api/input/w1", R"({"data":")" + keys + R"("})").status == 200);
  const std::string more(std::size_t{2100} * 1024, 'x');
  CHECK(world.ask("POST", "/api/input/w1", R"({"data":")" + more + R"("})").status == 413);
  auto call = world.to("POST", "/api/input/w1");
  call.body = more;
  CHECK(world.call(std::move(call)).status == 401);
}

}  // namespace relay::broker
