#include "token_cache/http_engine_access.hpp"

#include <asio/io_context.hpp>
#include <doctest/doctest.h>

#include "base/redaction.hpp"
#include "os/system_random.hpp"
#include "support/fake_engine.hpp"
#include "support/loop.hpp"

namespace relay::token_cache {
namespace {

using test::FakeEngine;
using test::FakeState;
using test::HttpScript;

struct World {
  asio::io_context io;
  os::SystemRandom random;
  FakeEngine fake{io};
  net::HttpClient client{io.get_executor(), net::HttpClientOptions(), random};
  HttpEngineAccess engine{client, net::NetworkSettings(), random,
                          [](std::string_view text) { return redact(text); }};
  Secret key{FakeState::kWorkspaceKey};

  template <class T>
  T run(asio::awaitable<T> work) {
    return test::run(io, std::move(work));
  }
  MintAnswer mint(const char* node, const char* name) {
    MintRequest request;
    request.node_id = node;
    request.node_name = name;
    request.version = "relay-broker/test";
    return run(engine.mint(fake.url(), key, std::move(request)));
  }
};

}  // namespace

TEST_CASE_FIXTURE(World, "a token is minted with the body that engines expect") {
  const auto answer = mint("node_1", "box");
  REQUIRE(answer.result);
  CHECK(answer.result->node_id == "node_1");
  CHECK(answer.result->node_name == "box");
  CHECK(answer.result->token.reveal().starts_with("nt_live_"));
  const auto requests = fake.requests_of("POST /v1/nodes");
  REQUIRE(requests.size() == 1);
  CHECK(requests.front().text == R"({"node_id":"node_1","name":"box","kind":"ws","role":"broker",)"
                                 R"("version":"relay-broker/test"})");
  CHECK(requests.front().header("Authorization") ==
        std::string("Bearer ") + FakeState::kWorkspaceKey);
}

TEST_CASE_FIXTURE(World, "workspace, new workspace, and who has a name") {
  const auto workspace = run(engine.workspace(fake.url(), key));
  REQUIRE(workspace);
  CHECK_FALSE(workspace->id.empty());
  const auto made = run(engine.create_workspace(fake.url(), "lab"));
  REQUIRE(made);
  CHECK(made->key.reveal().starts_with("rk_live_"));
  CHECK(made->id != workspace->id);
  CHECK_FALSE(run(engine.node_named(fake.url(), key, "box")).value());
  REQUIRE(mint("node_1", "box").result);
  CHECK(run(engine.node_named(fake.url(), key, "box")).value() == std::string("node_1"));
}

TEST_CASE_FIXTURE(World, "verify tells good from bad without opening a socket") {
  const auto first = mint("node_1", "box");
  REQUIRE(first.result);
  CHECK(run(engine.verify(fake.url(), first.result->token)).value());
  CHECK_FALSE(run(engine.verify(fake.url(), Secret("nt_live_wrong"))).value());
  // Minting again is what makes the first one bad.
  REQUIRE(mint("node_1", "box").result);
  CHECK_FALSE(run(engine.verify(fake.url(), first.result->token)).value());
  CHECK(fake.open_sockets() == 0);
  CHECK(fake.requests_of("POST /v1/nodes").size() == 2);
}

TEST_CASE_FIXTURE(World, "verify asks an engine that cannot be probed by a whole handshake") {
  const auto minted = mint("node_1", "box");
  REQUIRE(minted.result);
  // It looks at the WebSocket version before the token: both probes get 426.
  fake.answer("GET /v1/node/ws", HttpScript::refusal(426, "upgrade_required"), 2);
  CHECK(run(engine.verify(fake.url(), minted.result->token)).value());
  fake.answer("GET /v1/node/ws", HttpScript::refusal(426, "upgrade_required"), 2);
  CHECK_FALSE(run(engine.verify(fake.url(), Secret("nt_live_wrong"))).value());
  run(fake.stop());
}

TEST_CASE_FIXTURE(World, "what goes wrong has the right code, and says whether it may be done") {
  struct Case {
    HttpScript script;
    Code code;
    bool maybe;
  };
  const std::vector<Case> cases{
      {HttpScript::refusal(401, "unauthorized"), Code::unauthorized, false},
      {HttpScript::refusal(403, "forbidden"), Code::forbidden, false},
      {HttpScript::refusal(409, "node_name_conflict"), Code::name_conflict, false},
      {HttpScript::refusal(429, "rate_limit_exceeded"), Code::rate_limited, false},
      {HttpScript::refusal(500, "internal_error"), Code::engine_error, true},
      {HttpScript::html(502), Code::engine_error, true},
      {HttpScript::html(200), Code::engine_error, true},
      {HttpScript::half_json(201), Code::engine_error, true},
      {HttpScript::empty(201), Code::engine_error, true},
      {HttpScript::status(201, "application/json", R"({"ok":true,"data":{"id":"n","name":"b"}})"),
       Code::engine_error, true},
      {HttpScript::standard().cut_after(40), Code::connection_closed, true},
      {HttpScript::close(), Code::connection_closed, true},
  };
  for (const Case& each : cases) {
    CAPTURE(name_of(each.code));
    fake.answer("POST /v1/nodes", each.script);
    const auto answer = mint("node_1", "box");
    REQUIRE_FALSE(answer.result);
    CHECK(answer.result.error().code == each.code);
    CHECK(answer.may_have_minted == each.maybe);
    CHECK(answer.result.error().message.find(FakeState::kWorkspaceKey) == std::string::npos);
    fake.clear_scripts();
  }
  fake.down();
  const auto answer = mint("node_1", "box");
  REQUIRE_FALSE(answer.result);
  CHECK(answer.result.error().code == Code::engine_unreachable);
  CHECK_FALSE(answer.may_have_minted);
}

TEST_CASE_FIXTURE(World, "an engine that repeats a secret in its refusal does not leak it") {
  fake.answer(
      "GET /v1/workspace",
      HttpScript::status(403, "application/json",
                         std::string(R"({"ok":false,"error":{"code":"forbidden","message":"no )") +
                             FakeState::kWorkspaceKey + R"("}})"));
  const auto refused = run(engine.workspace(fake.url(), key));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find(FakeState::kWorkspaceKey) == std::string::npos);
  CHECK(refused.error().message.find("forbidden") != std::string::npos);
}

}  // namespace relay::token_cache
