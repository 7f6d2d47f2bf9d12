#include <doctest/doctest.h>

#include "net/timeout.hpp"
#include "raw_client.hpp"
#include "support/fake_engine.hpp"
#include "support/json_edit.hpp"
#include "support/loop.hpp"

// Every way in which the fake engine can answer a request, seen by a client that reads bytes.
namespace relay::test {
namespace {

struct Case {
  std::string name;
  HttpScript script;
  /// What the client gets, all of it or its parts.
  std::vector<std::string> parts;
};

asio::awaitable<void> check_case(FakeEngine* engine, const Case* each) {
  const std::string got =
      co_await ask(engine->port(), "POST /v1/nodes", kWorkspaceKey, R"({"name":"builder-1"})");
  for (const auto& part : each->parts) {
    CAPTURE(part);
    CHECK(has(got, part));
  }
  // The script is used up: the next request works.
  const std::string next =
      co_await ask(engine->port(), "POST /v1/nodes", kWorkspaceKey, R"({"name":"builder-1"})");
  CHECK(has(next, "HTTP/1.1 201 Created\r\n"));
}

TEST_CASE("each scripted answer is what the client gets, once") {
  const std::vector<Case> cases{
      {"401",
       HttpScript::refusal(401, "unauthorized"),
       {"HTTP/1.1 401 Unauthorized\r\n", R"("error":{"code":"unauthorized")", "[eof]"}},
      {"403", HttpScript::refusal(403, "forbidden"), {"HTTP/1.1 403 ", R"("ok":false)", "[eof]"}},
      {"409", HttpScript::refusal(409, "agent_already_exists"), {"HTTP/1.1 409 ", "[eof]"}},
      {"429",
       HttpScript::refusal(429, "rate_limit_exceeded").header("Retry-After", "2"),
       {"HTTP/1.1 429 ", "\r\nRetry-After: 2\r\n", "[eof]"}},
      {"503", HttpScript::refusal(503, "x"), {"HTTP/1.1 503 ", "[eof]"}},
      {"html", HttpScript::html(502), {"HTTP/1.1 502 ", "Content-Type: text/html\r\n", "<html>"}},
      {"half JSON", HttpScript::half_json(), {"HTTP/1.1 200 OK\r\n", R"("nt_li[eof])"}},
      {"empty", HttpScript::empty(200), {"Content-Length: 0\r\n\r\n[eof]"}},
      {"garbage", HttpScript::bytes("SSH-2.0-x\r\n"), {"SSH-2.0-x\r\n[eof]"}},
      {"cut in the head", HttpScript::html().cut_after(10), {"HTTP/1.1 5[eof]"}},
      {"answer lost", HttpScript::standard().cut_after(0), {"[eof]"}},
      {"closed", HttpScript::close(), {"[eof]"}},
      {"reset", HttpScript::reset(), {"[reset]"}},
  };
  for (const Case& each : cases) {
    CAPTURE(each.name);
    asio::io_context io;
    FakeEngine engine(io);
    engine.answer("POST /v1/nodes", each.script);
    run(io, check_case(&engine, &each));
    CHECK(engine.requests_of("POST /v1/nodes").size() == 2);
    const Record first = engine.requests_of("POST /v1/nodes").front();
    CHECK(first.string("/name") == "builder-1");
    CHECK(first.header("authorization") == "Bearer " + kWorkspaceKey);
  }
}

asio::awaitable<void> check_order(FakeEngine* engine) {
  engine->answer("GET /v1/agents/{name}", HttpScript::html(500), 1, 1);
  engine->answer("GET /v1/nodes", HttpScript::html(503), kAlways);
  std::string statuses;
  for (int i = 0; i < 3; ++i) {
    const auto got = co_await ask(engine->port(), "GET /v1/agents/a", kWorkspaceKey, "");
    statuses += got.substr(9, 4);
  }
  for (int i = 0; i < 2; ++i) {
    const auto got = co_await ask(engine->port(), "GET /v1/nodes", kWorkspaceKey, "");
    statuses += got.substr(9, 4);
  }
  CHECK(statuses == "404 500 404 503 503 ");
  engine->clear_scripts();
  const auto got = co_await ask(engine->port(), "GET /v1/nodes", kWorkspaceKey, "");
  CHECK(got.substr(9, 3) == "200");
}

TEST_CASE("a script is for so many requests after so many others, or for all") {
  asio::io_context io;
  FakeEngine engine(io);
  run(io, check_order(&engine));
}

asio::awaitable<void> check_lost_answer(FakeEngine* engine) {
  engine->answer("POST /v1/agents", HttpScript::standard().cut_after(0));
  engine->answer("POST /v1/agents", HttpScript::close());
  const auto lost =
      co_await ask(engine->port(), "POST /v1/agents", kWorkspaceKey, R"({"name":"a"})");
  CHECK(lost == "[eof]");
  const auto refused =
      co_await ask(engine->port(), "POST /v1/agents", kWorkspaceKey, R"({"name":"b"})");
  CHECK(refused == "[eof]");
  CHECK(engine->state().agents.size() == 1);
  CHECK(engine->state().agent("a").name == "a");
}

TEST_CASE("a lost answer has been acted upon, a closed request has not") {
  asio::io_context io;
  FakeEngine engine(io);
  run(io, check_lost_answer(&engine));
}

asio::awaitable<void> check_held(FakeEngine* engine) {
  engine->answer("GET /v1/workspace", HttpScript::standard().held());
  engine->answer("POST /v1/nodes", HttpScript::hang());
  RawClient held;
  co_await held.connect(engine->port());
  co_await held.send(request_text("GET /v1/workspace", kWorkspaceKey, ""));
  co_await engine->next_note("held");
  RawClient hanging;
  co_await hanging.connect(engine->port());
  co_await hanging.send(request_text("POST /v1/nodes", kWorkspaceKey, R"({"name":"n"})"));
  co_await engine->next_note("hanging");
  CHECK(held.stream().try_read(std::span<char>(held.heard)).error);
  engine->release_answers();
  co_await held.hear_all();
  CHECK(has(held.heard, "HTTP/1.1 200 OK\r\n"));
  hanging.leave();
  co_await engine->next_note("client left");
  CHECK(engine->state().nodes.empty());
}

TEST_CASE("a held answer comes when it is released, a hanging one never") {
  asio::io_context io;
  FakeEngine engine(io);
  run(io, check_held(&engine));
}

asio::awaitable<void> check_down(FakeEngine* engine) {
  const auto port = engine->port();
  RawClient idle;
  co_await idle.connect(port);
  co_await idle.send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
  co_await idle.hear(R"("ok":true)");
  engine->down();
  co_await idle.hear_all();
  CHECK(idle.end == "reset");
  const auto refused = co_await net::dial_tcp("127.0.0.1", std::to_string(port), kSoon);
  CHECK_FALSE(refused.has_value());
  engine->up();
  CHECK(engine->port() == port);
  const auto got = co_await ask(port, "GET /v1/workspace", kWorkspaceKey, "");
  CHECK(got.substr(9, 3) == "200");
}

TEST_CASE("a restarted engine has the port and the state it had") {
  asio::io_context io;
  FakeEngine engine(io);
  run(io, check_down(&engine));
}

asio::awaitable<void> check_waiting(FakeEngine* engine) {
  for (const char* name : {"a", "b"}) {
    const std::string body = std::string(R"({"name":")") + name + "\"}";
    co_await ask(engine->port(), "POST /v1/agents", kWorkspaceKey, body);
  }
  const auto rotate = "POST /v1/agents/b/rotate-token";
  co_await ask(engine->port(), rotate, kWorkspaceKey, "");
  const Record turned = co_await engine->next_request("POST /v1/agents/{name}/rotate-token");
  const Record first = co_await engine->next_request("POST /v1/agents");
  const Record second = co_await engine->next_request("POST /v1/agents");
  CHECK(first.string("/name") == "a");
  CHECK(second.string("/name") == "b");
  CHECK(first.index < second.index);
  CHECK(second.index < turned.index);
  std::string complaint;
  try {
    co_await engine->next_request("POST /v1/agents", std::chrono::milliseconds(5));
  } catch (const NotSeen& error) {
    complaint = error.what();
  }
  CHECK(has(complaint, "no => POST /v1/agents came"));
  CHECK(has(complaint, R"(=> POST /v1/agents {"name":"a"})"));
}

TEST_CASE("waiting gives each request once and complains with the transcript") {
  asio::io_context io;
  FakeEngine engine(io);
  run(io, check_waiting(&engine));
}

TEST_CASE("a pattern means itself, every variant of it, or every value of a segment") {
  CHECK(is_meant("*", "deliver"));
  CHECK(is_meant("reply", "reply:agent.register"));
  CHECK(is_meant("reply:agent.register", "reply:agent.register"));
  CHECK_FALSE(is_meant("reply:agent.register", "reply:node.register"));
  CHECK_FALSE(is_meant("node", "node.register"));
  CHECK(is_meant("POST /v1/agents/{name}", "POST /v1/agents/a"));
  CHECK_FALSE(is_meant("POST /v1/agents/{name}", "POST /v1/agents"));
  CHECK_FALSE(is_meant("POST /v1/agents/{name}", "POST /v1/agents/a/rotate-token"));
  CHECK_FALSE(is_meant("POST /v1/agents/{name}", "GET /v1/agents/a"));
  CHECK(is_meant("GET /v1/nodes/{n}/agents", "GET /v1/nodes/x/agents"));
}

TEST_CASE("JSON is edited at a pointer") {
  const std::string text = R"({"a":{"b":1,"c":[2]},"d":"e"})";
  CHECK(json_without(text, "/a/b") == R"({"a":{"c":[2]},"d":"e"})");
  CHECK(json_with(text, "/a/b", "9") == R"({"a":{"c":[2],"b":9},"d":"e"})");
  CHECK(json_with(text, "/x", "null") == R"({"a":{"b":1,"c":[2]},"d":"e","x":null})");
  CHECK(json_at(text, "/a/c/0") == "2");
  CHECK(json_at(text, "/d") == "\"e\"");
  CHECK(json_string_at(text, "/d") == "e");
  CHECK(json_at(text, "/nothing").empty());
  CHECK_THROWS_AS((void)json_without(text, "/a/x"), std::invalid_argument);
  CHECK_THROWS_AS((void)json_with("half {", "/a", "1"), std::invalid_argument);
}

}  // namespace
}  // namespace relay::test
