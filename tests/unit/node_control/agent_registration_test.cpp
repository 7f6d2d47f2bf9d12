#include "node_control/agent_registration.hpp"

#include "base/redaction.hpp"
#include "node_control/node_questions.hpp"
#include "session_world.hpp"

namespace relay::node_control {
namespace {

using Scenario = asio::awaitable<void>;

constexpr const char* kOurs = "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f";
constexpr const char* kTheirs = "1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e";

struct World : SessionWorld {
  net::HttpClient client{io.get_executor(), net::HttpClientOptions(), random};
  AgentDirectory directory{client, engine.url(), Secret(FakeState::kWorkspaceKey),
                           [](std::string_view text) { return redact(text); }};

  static AgentClaim claim(std::string name, const char* proof = kOurs) {
    AgentClaim made(std::move(name));
    made.identity_hash = proof;
    made.session_ref = "5e5510";
    made.node_id = "node_1";
    return made;
  }
  asio::awaitable<Result<AgentIdentity>> enroll(std::string name) {
    AgentRegistration registration(*session, directory);
    AgentWish wish(name);
    AgentClaim made = claim(name);
    co_return co_await registration.enroll(std::move(wish), std::move(made));
  }
};

World& of(SessionWorld& world) {
  return dynamic_cast<World&>(world);
}

}  // namespace

TEST_CASE_FIXTURE(World, "with a connection the agent is registered over the node's socket") {
  run([](SessionWorld& any) -> Scenario {
    auto& w = of(any);
    co_await w.up();
    const auto agent = co_await w.enroll("ada");
    REQUIRE(agent.has_value());
    CHECK(agent->agent_id == w.engine.state().agent("ada").id);
    CHECK(agent->token.reveal() == w.engine.state().agent("ada").token);
    CHECK(w.engine.requests_of("POST /v1/agents").empty());
    CHECK(w.engine.frames_of("agent.register").size() == 1);
  });
}

TEST_CASE_FIXTURE(World, "without a connection: registered over HTTP and bound to the node") {
  run([](SessionWorld& any) -> Scenario {
    auto& w = of(any);
    co_await w.up();
    w.engine.answer("GET /v1/node/ws", HttpScript::status(503, "text/plain", "busy"), 1);
    w.engine.socket().reset();
    std::function<bool()> lost = [&w] { return !w.session->status().connected; };
    co_await w.broker.until(std::move(lost), "the connection is lost");
    const auto agent = co_await w.enroll("ada");
    REQUIRE(agent.has_value());
    CHECK(agent->created);
    CHECK(w.engine.state().agent("ada").node_id == "node_1");
    const Record made = co_await w.engine.next_request("POST /v1/agents");
    CHECK(made.string("/metadata/identity_key") == kOurs);
    CHECK(made.header("Authorization") == std::string("Bearer ") + FakeState::kWorkspaceKey);
    const Record bound = co_await w.engine.next_request("POST /v1/nodes/{name}/agents");
    CHECK(bound.target == "/v1/nodes/builder-1/agents");
    CHECK(bound.text == R"({"agent_name":"ada"})");
    // It gets its messages when the connection is back, also before its program runs.
    w.engine.dm("bob", "ada", "one");
    while (!w.session->status().connected) {
      co_await w.jump(30s);
      co_await w.settle_try();
    }
    std::function<bool()> came = [&w] { return w.broker.deliveries.size() == 1; };
    co_await w.broker.until(std::move(came), "the message");
    CHECK(w.broker.dead.empty());
  });
}

TEST_CASE_FIXTURE(World, "an engine that is away is told once, with who looks for the cause") {
  run([](SessionWorld& any) -> Scenario {
    auto& w = of(any);
    co_await w.up();
    w.engine.down();
    std::function<bool()> lost = [&w] { return !w.session->status().connected; };
    co_await w.broker.until(std::move(lost), "the connection is lost");
    AgentRegistration registration(*w.session, w.directory);
    AgentWish wish("ada");
    AgentClaim made = World::claim("ada");
    made.within = 5s;
    const auto agent = co_await registration.enroll(std::move(wish), std::move(made));
    REQUIRE_FALSE(agent.has_value());
    CHECK(agent.error().code == Code::engine_unreachable);
    CHECK(agent.error().message.starts_with("node_control_disconnected: the node is not"));
    CHECK(agent.error().message.find("Connection refused") != std::string::npos);
    CHECK(agent.error().message.find("POST ") == std::string::npos);
    CHECK(agent.error().hint == "relay-broker doctor looks for the cause");
    // Without a workspace key there is only the socket.
    AgentWish again("ada");
    const auto alone = co_await w.session->register_agent(std::move(again));
    REQUIRE_FALSE(alone.has_value());
    CHECK(alone.error().code == Code::node_not_ready);
    CHECK(alone.error().hint == "relay-broker doctor looks for the cause");
  });
}

TEST_CASE_FIXTURE(World, "a bind that fails is an error, and a new agent is deleted again") {
  run([](SessionWorld& any) -> Scenario {
    auto& w = of(any);
    w.engine.answer("POST /v1/nodes/{name}/agents", HttpScript::refusal(500, "no_binding_today"));
    const auto agent = co_await w.directory.claim_for_node(World::claim("ada"), "builder-1");
    REQUIRE_FALSE(agent.has_value());
    CHECK(agent.error().message.find("no_binding_today") != std::string::npos);
    CHECK(w.engine.requests_of("DELETE /v1/agents/{name}").size() == 1);
    CHECK_THROWS(w.engine.state().agent("ada"));
  });
}

TEST_CASE_FIXTURE(World, "when undoing fails too, both are said") {
  run([](SessionWorld& any) -> Scenario {
    auto& w = of(any);
    w.engine.answer("POST /v1/nodes/{name}/agents", HttpScript::refusal(500, "no_binding_today"));
    w.engine.answer("DELETE /v1/agents/{name}", HttpScript::refusal(403, "no_deletes"));
    const auto agent = co_await w.directory.claim_for_node(World::claim("ada"), "builder-1");
    REQUIRE_FALSE(agent.has_value());
    CHECK(agent.error().message.find("no_binding_today") != std::string::npos);
    CHECK(agent.error().message.find("no_deletes") != std::string::npos);
  });
}

TEST_CASE_FIXTURE(World, "a new agent that is gone before it is deleted is undone") {
  run([](SessionWorld& any) -> Scenario {
    auto& w = of(any);
    w.engine.answer("POST /v1/nodes/{name}/agents", HttpScript::refusal(500, "no_binding_today"));
    w.engine.answer("DELETE /v1/agents/{name}", HttpScript::refusal(404, "agent_not_found"));
    const auto agent = co_await w.directory.claim_for_node(World::claim("ada"), "builder-1");
    REQUIRE_FALSE(agent.has_value());
    CHECK(agent.error().message.find("no_binding_today") != std::string::npos);
    CHECK(agent.error().message.find("undone") == std::string::npos);
  });
}

TEST_CASE_FIXTURE(World, "an empty proof proves nothing, not even beside an empty proof") {
  run([](SessionWorld& any) -> Scenario {
    auto& w = of(any);
    REQUIRE((co_await w.directory.claim(World::claim("ada", ""))).has_value());
    const auto again = co_await w.directory.claim(World::claim("ada", ""));
    REQUIRE_FALSE(again.has_value());
    CHECK(again.error().code == Code::name_conflict);
  });
}

TEST_CASE_FIXTURE(World, "a bind that fails leaves an agent that was there before") {
  run([](SessionWorld& any) -> Scenario {
    auto& w = of(any);
    const auto first = co_await w.directory.claim(World::claim("ada"));
    REQUIRE(first.has_value());
    w.engine.answer("POST /v1/nodes/{name}/agents", HttpScript::refusal(404, "node_not_found"));
    const auto again = co_await w.directory.claim_for_node(World::claim("ada"), "builder-1");
    CHECK_FALSE(again.has_value());
    CHECK(w.engine.requests_of("DELETE /v1/agents/{name}").empty());
    CHECK(w.engine.state().agent("ada").id == first->agent_id);
  });
}

TEST_CASE_FIXTURE(World,
                  "12.1 11.4.2: a name of somebody else: an error, and no token is touched") {
  run([](SessionWorld& any) -> Scenario {
    auto& w = of(any);
    const auto theirs = co_await w.directory.claim(World::claim("ada", kTheirs));
    REQUIRE(theirs.has_value());
    w.engine.state().add_agent(w.engine.state().workspaces.front().id, "unproven");
    for (const char* name : {"ada", "unproven"}) {
      const auto agent = co_await w.directory.claim(World::claim(name));
      REQUIRE_FALSE(agent.has_value());
      CHECK(agent.error().code == Code::name_conflict);
      CHECK(agent.error().message.find("agent_identity_mismatch") != std::string::npos);
      auto nobody = World::claim(name, "");
      const auto none = co_await w.directory.claim(std::move(nobody));
      CHECK_FALSE(none.has_value());
    }
    const auto taken = co_await w.directory.take_over(World::claim("ada"), "cli");
    CHECK_FALSE(taken.has_value());
    CHECK(w.engine.state().agent("ada").token == theirs->token.reveal());
    CHECK(w.engine.requests_of("POST /v1/agents/{name}/rotate-token").empty());
    CHECK(w.engine.requests_of("POST /v1/agents/{name}/recover").empty());
    CHECK(w.engine.requests_of("POST /v1/agents/{name}/takeover").empty());
  });
}

TEST_CASE_FIXTURE(World,
                  "12.1 11.8.2: our own name on an engine that cannot recover: a new token") {
  run([](SessionWorld& any) -> Scenario {
    auto& w = of(any);
    const auto first = co_await w.directory.claim(World::claim("ada"));
    REQUIRE(first.has_value());
    const auto again = co_await w.directory.claim(World::claim("ada"));
    REQUIRE(again.has_value());
    CHECK(again->agent_id == first->agent_id);
    CHECK_FALSE(again->created);
    CHECK(again->token.reveal() == w.engine.state().agent("ada").token);
    CHECK(again->token.reveal() != first->token.reveal());
  });
}

TEST_CASE_FIXTURE(World, "12.1 11.8.2: recovery and takeover say whose, why and from where") {
  run([](SessionWorld& any) -> Scenario {
    auto& w = of(any);
    const auto first = co_await w.directory.claim(World::claim("ada"));
    REQUIRE(first.has_value());
    const std::string good = R"({"ok":true,"data":{"agent_id":")" + first->agent_id +
                             R"(","name":"ada","token":"at_live_new","audit_id":"au_1"}})";
    w.engine.answer("POST /v1/agents/{name}/recover",
                    HttpScript::status(200, "application/json", good));
    const auto again = co_await w.directory.claim(World::claim("ada"));
    REQUIRE(again.has_value());
    CHECK(again->token.reveal() == "at_live_new");
    const Record asked = co_await w.engine.next_request("POST /v1/agents/{name}/recover");
    CHECK(asked.string("/expected_agent_id") == first->agent_id);
    CHECK(asked.string("/session_ref") == "5e5510");
    CHECK(asked.string("/node_id") == "node_1");
    CHECK_FALSE(asked.string("/reason").empty());
    CHECK(w.engine.requests_of("POST /v1/agents/{name}/rotate-token").empty());

    w.engine.answer("POST /v1/agents/{name}/takeover",
                    HttpScript::status(200, "application/json", good));
    const auto taken = co_await w.directory.take_over(World::claim("ada"), "relay-broker attach");
    REQUIRE(taken.has_value());
    const Record over = co_await w.engine.next_request("POST /v1/agents/{name}/takeover");
    CHECK(over.string("/actor") == "relay-broker attach");
    CHECK(over.string("/expected_agent_id") == first->agent_id);
  });
}

TEST_CASE_FIXTURE(World,
                  "a recovery that the engine refuses, or an agent that is gone, is an error") {
  run([](SessionWorld& any) -> Scenario {
    auto& w = of(any);
    REQUIRE((co_await w.directory.claim(World::claim("ada"))).has_value());
    for (const auto& [status, code] :
         {std::pair(404, "agent_not_found"), {403, "recovery_refused"}, {500, "internal_error"}}) {
      w.engine.answer("POST /v1/agents/{name}/recover", HttpScript::refusal(status, code));
      const auto agent = co_await w.directory.claim(World::claim("ada"));
      REQUIRE_FALSE(agent.has_value());
      CHECK(agent.error().message.find(code) != std::string::npos);
    }
    CHECK(w.engine.requests_of("POST /v1/agents/{name}/rotate-token").empty());
  });
}

TEST_CASE_FIXTURE(World, "12.1 11.6.5: one deadline for all of it, whichever answer hangs") {
  run([](SessionWorld& any) -> Scenario {
    auto& w = of(any);
    // What comes before the second, and what undoes it, is to be done in its time.
    const std::pair<const char*, Duration> each_hangs[] = {
        {"POST /v1/agents", 100ms}, {"POST /v1/nodes/{name}/agents", 1200ms}};
    for (const auto& [what, within] : each_hangs) {
      w.engine.answer(what, HttpScript::hang());
      auto claim = World::claim("ada");
      claim.within = within;
      const auto agent = co_await w.directory.claim_for_node(std::move(claim), "builder-1");
      REQUIRE_FALSE(agent.has_value());
      CHECK(agent.error().code == Code::timeout);
    }
    // The first may have been made: that is said. The second was, and was deleted.
    CHECK(w.engine.requests_of("DELETE /v1/agents/{name}").size() == 1);
  });
}

TEST_CASE_FIXTURE(World, "what the engine refuses over the socket is not tried over HTTP") {
  run([](SessionWorld& any) -> Scenario {
    auto& w = of(any);
    w.options.manifest.max_agents = 1;
    co_await w.up();
    REQUIRE((co_await w.enroll("ada")).has_value());
    const auto refused = co_await w.enroll("bert");
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().message.find("node_capacity_exceeded") != std::string::npos);
    CHECK(w.engine.requests_of("POST /v1/agents").empty());
  });
}

TEST_CASE("what the engine cannot do now is worth another try later") {
  wire::ErrorFrame frame;
  frame.code = "unavailable";
  frame.message = "cannot commit: No space left on device";
  const Error full = engine_refusal(frame);
  CHECK(full.code == Code::relay_deferred);
  CHECK(full.message == "the engine cannot do this now: " + frame.message);
  CHECK_FALSE(full.hint.empty());
  CHECK(full.retry_after);
  frame.code = "node_control_failed";
  const Error broken = engine_refusal(frame);
  CHECK(broken.code == Code::engine_error);
  CHECK_FALSE(broken.retry_after);
}

TEST_CASE_FIXTURE(World, "the errors of a claim hold no secrets") {
  run([](SessionWorld& any) -> Scenario {
    auto& w = of(any);
    w.engine.answer("POST /v1/agents", HttpScript::refusal(400, FakeState::kWorkspaceKey));
    const auto agent = co_await w.directory.claim(World::claim("ada"));
    REQUIRE_FALSE(agent.has_value());
    CHECK(agent.error().message.find(FakeState::kWorkspaceKey) == std::string::npos);
  });
}

}  // namespace relay::node_control
