// Who may do what, agents and their places, actions, triggers and doors to the outside, over HTTP.
#include "engine/rest/call.hpp"
#include "engine/rest/rest_world.hpp"

using namespace relay::engine;

TEST_CASE("every answer is an envelope, and every token has its place") {
  RestWorld world;
  const auto ada = world.agent("ada");
  const auto health = world.get("/health", "");
  CHECK(health.at("/ok") == "true");
  CHECK(health.at("/version") == "test");
  CHECK(refusal(world.get("/v1/nothing", world.key)) == "404 not_found");
  CHECK(world.get("/v1/nothing", world.key).at("/ok") == "false");
  CHECK(world.engine.ask("OPTIONS", "/v1/agents", "").status == 204);
  CHECK(refusal(world.post("/v1/channels", world.key, "{\"name\":")) == "400 invalid_json");
  for (const char* path : {"/v1/triggers", "/v1/subscriptions", "/v1/agents", "/v1/nodes"}) {
    CAPTURE(path);
    CHECK(refusal(world.post(path, world.key, "{\"a\":")) == "400 invalid_json");
    CHECK(refusal(world.post(path, world.key, "[]")) == "400 invalid_request");
  }
  // It says which field is wrong.
  const auto wrong = world.post("/v1/channels", world.key, R"({"name":"a","topic":1})");
  CHECK(refusal(wrong) == "400 invalid_request");
  CHECK(wrong.at("/error/message").find("topic") != std::string::npos);

  CHECK(refusal(world.get("/v1/workspace", "")) == "401 unauthorized");
  CHECK(refusal(world.get("/v1/workspace", "rk_live_wrong")) == "401 unauthorized");
  CHECK(refusal(world.get("/v1/workspace", ada)) == "401 unauthorized");
  CHECK(refusal(world.get("/v1/agent", world.key)) == "401 unauthorized");
  CHECK(refusal(world.get("/v1/agent", "at_live_wrong")) == "401 agent_token_invalid");
  CHECK(refusal(world.get("/v1/channels", "nt_live_wrong")) == "401 node_token_invalid");
  CHECK(refusal(world.get("/v1/channels", "ot_live_wrong")) == "401 observer_token_invalid");
  CHECK(refusal(world.post("/v1/channels/general/messages", world.key, R"({"text":"x"})")) ==
        "403 agent_token_required");
  const auto node = world.post("/v1/nodes", world.key, R"({"name":"host"})");
  CHECK(refusal(world.get("/v1/channels", node.at("/data/token"))) == "401 node_token_forbidden");
}

TEST_CASE("what a busy engine has not done may be asked again") {
  const auto answer = rest::refused(Error(Code::queue_full, "inside"));
  CHECK(answer.status == 503);
  CHECK(answer.retry_after == 1);
  CHECK(answer.body.find(R"("code":"unavailable")") != std::string::npos);
  CHECK(answer.body.find("inside") == std::string::npos);
  // These may have been done all the same.
  for (const auto code : {Code::timeout, Code::cancelled, Code::io_error}) {
    CHECK(rest::refused(Error(code, "inside")).status == 500);
    CHECK(rest::refused(Error(code, "inside")).retry_after == 0);
  }
}

TEST_CASE("an observer sees what its scopes say, until it is revoked") {
  RestWorld world;
  const auto made =
      world.post("/v1/observer-tokens", world.key, R"({"name":"eye","scopes":["agents:read"]})");
  REQUIRE(made.status == 201);
  const auto token = made.at("/data/token");
  CHECK(token.starts_with("ot_live_"));
  CHECK(world.get("/v1/agents", token).status == 200);
  CHECK(refusal(world.get("/v1/channels", token)) == "403 insufficient_scope");
  CHECK(refusal(world.post("/v1/channels", token, R"({"name":"x"})")) ==
        "401 observer_token_forbidden");
  CHECK(refusal(world.post("/v1/observer-tokens", world.key,
                           R"({"name":"eye","scopes":["agents:read"]})")) ==
        "409 observer_token_name_conflict");
  CHECK(refusal(world.post("/v1/observer-tokens", world.key, R"({"name":"b","scopes":[]})")) ==
        "400 invalid_request");
  const auto path = "/v1/observer-tokens/" + made.at("/data/id");
  CHECK(world.get(path, world.key).at("/data/token") == "");
  const auto rotated = world.post(path + "/rotate", world.key);
  CHECK(refusal(world.get("/v1/agents", token)) == "401 observer_token_invalid");
  CHECK(world.get("/v1/agents", rotated.at("/data/token")).status == 200);
  CHECK(world.engine.ask("PATCH", path, world.key, R"({"expires_at":"2020-01-01T00:00:00Z"})")
            .status == 200);
  CHECK(refusal(world.get("/v1/agents", rotated.at("/data/token"))) ==
        "401 observer_token_invalid");
  CHECK(world.remove(path, world.key).status == 204);
  CHECK(refusal(world.get(path, world.key)) == "404 observer_token_not_found");
}

TEST_CASE("an observer sees no more than its filters say") {
  RestWorld world;
  const auto ada = world.agent("ada");
  const auto bob = world.agent("bob");
  world.channel("open", {ada, bob});
  world.channel("closed", {ada});
  const auto seen = world.say("open", ada, "word");
  const auto hidden = world.say("closed", ada, "word");
  world.dm(ada, "bob", "word");
  const auto made = world.post(
      "/v1/observer-tokens", world.key,
      R"({"name":"eye","scopes":["messages:read","channels:read","search:read","dms:read",)"
      R"("activity:read"],"filters":{"channel_names":["open"],"include_dms":false}})");
  const auto token = made.at("/data/token");
  CHECK(world.get("/v1/channels", token).at("/data/0/name") == "open");
  CHECK(world.get("/v1/channels", token).at("/data/1") == "");
  CHECK(world.get("/v1/channels/open/messages", token).at("/data/0/id") == seen);
  CHECK(refusal(world.get("/v1/channels/closed/messages", token)) == "404 channel_not_found");
  CHECK(world.get("/v1/messages/" + seen, token).status == 200);
  CHECK(refusal(world.get("/v1/messages/" + hidden, token)) == "404 message_not_found");
  CHECK(world.get("/v1/search?q=word", token).at("/data/0/id") == seen);
  CHECK(world.get("/v1/search?q=word", token).at("/data/1") == "");
  CHECK(world.get("/v1/activity", token).at("/data/1") == "");
  CHECK(world.get("/v1/dm/conversations/all", token).at("/data") == "[]");

  const auto later = world.post(
      "/v1/observer-tokens", world.key,
      R"({"name":"late","scopes":["messages:read"],"filters":{"created_after":"2100-01-01"}})");
  CHECK(world.get("/v1/channels/open/messages", later.at("/data/token")).at("/data") == "[]");
  CHECK(refusal(world.get("/v1/messages/" + seen, later.at("/data/token"))) ==
        "404 message_not_found");

  world.say("open", bob, "other");
  const auto her = world.get("/v1/messages/" + seen, world.key).at("/data/agent_id");
  const auto one = world.post("/v1/observer-tokens", world.key,
                              R"({"name":"one","scopes":["messages:read","search:read"],"filters":)"
                              R"({"agent_ids":[")" +
                                  her + R"("]}})");
  const auto listed = world.get("/v1/channels/open/messages", one.at("/data/token"));
  CHECK(listed.at("/data/0/id") == seen);
  CHECK(listed.at("/data/1") == "");
  CHECK(world.get("/v1/search?q=other", one.at("/data/token")).at("/data") == "[]");
}

TEST_CASE("what an observer may not see takes no place on its page") {
  RestWorld world;
  const auto ada = world.agent("ada");
  const auto bob = world.agent("bob");
  world.channel("open", {ada, bob});
  const auto root = world.say("open", ada, "word");
  const auto answers = "/v1/messages/" + root + "/replies";
  const auto direct = world.dm(ada, "bob", "word");
  for (const char* text : {"word 1", "word 2", "word 3"}) {
    const std::string body = R"({"text":")" + std::string(text) + R"("})";
    REQUIRE(world.post(answers, bob, body).status == 201);
    world.say("open", bob, text);
    world.dm(bob, "ada", text);
  }
  const auto answer = world.post(answers, ada, R"({"text":"word 4"})").at("/data/id");
  const auto two = world.say("open", ada, "word");
  for (const char* text : {"word 5", "word 6"}) world.say("open", bob, text);
  const auto her = world.get("/v1/messages/" + root, world.key).at("/data/agent_id");
  const auto token =
      world
          .post("/v1/observer-tokens", world.key,
                R"({"name":"eye","scopes":["messages:read","threads:read","search:read",)"
                R"("dms:read","activity:read"],"filters":{"agent_ids":[")" +
                    her + R"("]}})")
          .at("/data/token");
  const auto conversation = world.get("/v1/dm/conversations/all", world.key).at("/data/0/id");

  const auto first = world.get("/v1/channels/open/messages?limit=1", token);
  CHECK(first.at("/data/0/id") == two);
  CHECK(first.at("/data/1") == "");
  const auto before = world.get("/v1/channels/open/messages?limit=1&before=" + two, token);
  CHECK(before.at("/data/0/id") == root);
  CHECK(world.get("/v1/channels/open/messages?limit=3", token).at("/data/1/id") == root);
  CHECK(world.get(answers + "?limit=1", token).at("/data/replies/0/id") == answer);
  const auto dms = world.get("/v1/dm/conversations/" + conversation + "/messages?limit=1", token);
  CHECK(dms.at("/data/0/id") == direct);
  CHECK(world.get("/v1/search?q=word&limit=4", token).at("/data/3/agent_name") == "ada");
  CHECK(world.get("/v1/activity?limit=1", token).at("/data/0/id") == two);
}

TEST_CASE(
    "H1-H5: what happens is kept once somebody has asked for it, and shown to who may see it") {
  RestWorld world;
  const auto ada = world.agent("ada");
  const auto bob = world.agent("bob");
  world.channel("open", {ada, bob});
  world.channel("other", {ada});
  const std::string log = "/v1/workspace/events";
  world.say("open", ada, "before");
  const auto first = world.get(log, world.key);
  CHECK(first.at("/data/events") == "[]");
  const auto start = std::stoull(first.at("/data/latest_seq"));
  CHECK(start > 0);
  world.say("open", ada, "one");
  world.say("other", ada, "two");
  world.dm(ada, "bob", "three");
  const auto since = [&](std::uint64_t seq) { return log + "?since=" + std::to_string(seq); };
  const auto all = world.get(since(start), world.key);
  const auto last = std::to_string(start + 3);
  CHECK(all.at("/data/events/0/seq") == std::to_string(start + 1));
  CHECK(all.at("/data/events/0/type") == "message.created");
  CHECK(all.at("/data/events/0/payload/message/text") == "one");
  CHECK(all.at("/data/events/0/payload/seq") == "");
  CHECK(all.at("/data/events/2/type") == "dm.received");
  CHECK(all.at("/data/events/2/seq") == last);
  CHECK(all.at("/data/events/3/seq") == "");
  CHECK(all.at("/data/latest_seq") == last);
  CHECK(all.at("/data/next_since") == last);
  const auto one = world.get(since(start + 1) + "&limit=1", world.key);
  CHECK(one.at("/data/events/0/payload/message/text") == "two");
  CHECK(one.at("/data/events/1/seq") == "");
  CHECK(one.at("/data/next_since") == std::to_string(start + 2));
  CHECK(world.get(since(start + 3), world.key).at("/data/next_since") == last);

  for (const char* wrong : {"?limit=0", "?limit=501", "?since=-1", "?since=x"}) {
    CAPTURE(wrong);
    CHECK(refusal(world.get(log + wrong, world.key)) == "400 invalid_request");
  }
  CHECK(refusal(world.get(log, ada)) == "401 unauthorized");
  const auto observer = [&](const std::string& name, const std::string& rest) {
    return world
        .post("/v1/observer-tokens", world.key,
              R"({"name":")" + name + R"(","scopes":)" + rest + "}")
        .at("/data/token");
  };
  CHECK(refusal(world.get(log, observer("blind", R"(["messages:read"])"))) ==
        "403 insufficient_scope");
  const auto eye = observer("eye", R"(["stream:read"],"filters":{"channel_names":["other"],)"
                                   R"("include_dms":false})");
  const auto seen = world.get(since(start), eye);
  CHECK(seen.at("/data/events/0/payload/message/text") == "two");
  CHECK(seen.at("/data/events/1/seq") == "");
  CHECK(seen.at("/data/next_since") == last);
  const auto dms = observer("dms", R"(["stream:read"],"filters":{"event_types":["dm.received"]})");
  CHECK(world.get(since(start), dms).at("/data/events/0/seq") == last);
}

TEST_CASE("a workspace: made, found, changed, and gone with all that is in it") {
  RestWorld world;
  const auto again = world.post("/v1/workspaces", world.key, R"({"name":"team"})");
  CHECK(again.status == 200);
  CHECK(again.at("/data/api_key") == world.key);
  CHECK(world.key.starts_with("rk_live_"));
  CHECK(world.get("/v1/workspaces/by-name/team", "").at("/data/id") ==
        again.at("/data/workspace_id"));
  CHECK(refusal(world.get("/v1/workspaces/by-name/none", "")) == "404 workspace_not_found");
  CHECK(world.engine.ask("PATCH", "/v1/workspace", world.key, R"({"name":"crew"})")
            .at("/data/name") == "crew");
  CHECK(world.engine.ask("PUT", "/v1/workspace/system-prompt", world.key, R"({"prompt":"be kind"})")
            .at("/data/is_default") == "false");
  CHECK(world.get("/v1/workspace/system-prompt", world.key).at("/data/prompt") == "be kind");
  CHECK(world.engine.ask("PUT", "/v1/workspace/fleet-nodes", world.key, R"({"enabled":true})")
            .at("/data/enabled") == "true");
  const auto ada = world.agent("ada");
  world.say("general", ada, "to be found");
  CHECK(world.get("/v1/search?q=found", ada).at("/data/0/text") == "to be found");
  CHECK(world.get("/v1/activity", world.key).at("/data/0/type") == "message");
  CHECK(world.remove("/v1/workspace", world.key).status == 204);
  CHECK(refusal(world.get("/v1/workspace", world.key)) == "401 unauthorized");
  CHECK(refusal(world.get("/v1/agent", ada)) == "401 agent_token_invalid");
}

TEST_CASE("an agent: registered once, known to all, seen when it calls") {
  RestWorld world;
  const auto made = world.post(
      "/v1/agents", world.key,
      R"({"name":"ada","type":"human","metadata":{"a":1,"b":1},"skills":[{"name":"c++"}]})");
  REQUIRE(made.status == 201);
  CHECK(made.at("/data/handle") == "@ada");
  CHECK(made.at("/data/status") == "active");
  CHECK(made.at("/data/token").starts_with("at_live_"));
  CHECK(refusal(world.post("/v1/agents", world.key, R"({"name":"ada"})")) ==
        "409 agent_already_exists");
  const auto ada = made.at("/data/token");
  CHECK(world.get("/v1/agent", ada).at("/data/channels/0/name") == "general");
  CHECK(world.get("/v1/agents", world.key).at("/data/0/type") == "human");
  const auto changed = world.engine.ask("PATCH", "/v1/agents/ada", world.key,
                                        R"({"metadata":{"b":2},"status":"idle"})");
  CHECK(changed.at("/data/metadata") == R"({"a":1,"b":2})");
  CHECK(changed.at("/data/capabilities") == R"({"skills":[{"name":"c++"}]})");
  CHECK(changed.at("/data/status") == "idle");
  CHECK(world.get("/v1/agents?status=offline", world.key).at("/data") == "[]");
  (void)world.engine.heard();
  // A call that only reads brings it back too.
  CHECK(world.get("/v1/channels", ada).status == 200);
  CHECK(world.engine.heard() == std::vector<std::string>{"agent.status.active"});
  CHECK(world.post("/v1/agents/disconnect", ada).body == R"({"ok":true})");
  CHECK(world.get("/v1/agents/presence", world.key).at("/data/0/status") == "offline");
  CHECK(world.post("/v1/agents/heartbeat", ada, "{}").body == R"({"ok":true})");
  CHECK(world.get("/v1/agents/presence", ada).at("/data/0/status") == "online");

  const auto bob = world.agent("bob");
  CHECK(world.post("/v1/agents/ada/events", ada, R"({"type":"status.blocked","payload":{}})")
            .status == 201);
  CHECK(world.get("/v1/agents/ada", world.key).at("/data/status") == "blocked");
  CHECK(refusal(world.post("/v1/agents/ada/events", bob, R"({"type":"harness.x","payload":{}})")) ==
        "403 forbidden");
  CHECK(refusal(world.post("/v1/agents/ada/events", ada, R"({"type":"a b","payload":{}})")) ==
        "400 invalid_event_type");
  (void)world.engine.heard();
  world.post("/v1/agents/bob/events", bob, R"({"type":"harness.tool","payload":{"n":1}})");
  CHECK(world.engine.heard() == std::vector<std::string>{"harness.tool"});
  CHECK(world.get("/v1/agents/bob/events", world.key).at("/data/0/payload") == R"({"n":1})");

  const auto token = world.post("/v1/agents/ada/rotate-token", world.key).at("/data/token");
  CHECK(refusal(world.get("/v1/agent", ada)) == "401 agent_token_invalid");
  CHECK(world.get("/v1/agent", token).status == 200);
  CHECK(world.remove("/v1/agents/ada", world.key).status == 204);
  CHECK(refusal(world.get("/v1/agents/ada", world.key)) == "404 agent_not_found");
}

TEST_CASE("who does not want to be in general is not put there") {
  RestWorld world;
  (void)world.agent("ada");
  const auto members = [&] {
    return world.get("/v1/channels/general", world.key).at("/data/member_count");
  };
  CHECK(world.post("/v1/agents", world.key, R"({"name":"bob","auto_join_general":false})").status ==
        201);
  CHECK(members() == "1");
  CHECK(world.post("/v1/agents", world.key, R"({"name":"cy","auto_join_general":true})").status ==
        201);
  CHECK(members() == "2");
}

TEST_CASE("a channel and its members") {
  RestWorld world;
  const auto ada = world.agent("ada");
  const auto bob = world.agent("bob");
  const auto made = world.post("/v1/channels", ada, R"({"name":"build","topic":"ci"})");
  CHECK(made.status == 201);
  CHECK(made.at("/data/created_by") == "ada");
  CHECK(made.at("/data/member_count") == "1");
  CHECK(refusal(world.post("/v1/channels", ada, R"({"name":"build"})")) ==
        "409 channel_already_exists");
  CHECK(refusal(world.post("/v1/channels", ada, R"({"name":"No"})")) == "400 invalid_channel_name");
  CHECK(refusal(world.post("/v1/channels/build/invite", bob, R"({"agent_name":"ada"})")) ==
        "403 not_a_member");
  CHECK(refusal(world.post("/v1/channels/build/mute", bob)) == "403 not_a_member");
  CHECK(world.post("/v1/channels/build/invite", ada, R"({"agent_name":"bob"})").at("/data/agent") ==
        "bob");
  CHECK(world.post("/v1/channels/build/join", bob).at("/data/already_member") == "true");
  CHECK(world.get("/v1/channels/build", bob).at("/data/members/0/role") == "owner");
  // Muted: nothing comes but what mentions the agent.
  CHECK(world.post("/v1/channels/build/mute", bob).at("/data/muted") == "true");
  world.say("build", ada, "noise");
  const auto id = world.say("build", ada, "look, @bob");
  const auto list = world.get("/v1/deliveries", bob);
  CHECK(list.at("/data/0/message_id") == id);
  CHECK(list.at("/data/0/reason") == "mention");
  CHECK(world.post("/v1/channels/build/unmute", bob).at("/data/muted") == "false");
  CHECK(world.engine.ask("PATCH", "/v1/channels/build/topic", ada, R"({"topic":"cd"})")
            .at("/data/topic") == "cd");
  CHECK(world.post("/v1/channels/build/leave", bob).status == 204);
  CHECK(refusal(world.remove("/v1/channels/general", ada)) == "400 cannot_archive_general");
  CHECK(world.remove("/v1/channels/build", ada).status == 204);
  CHECK(refusal(world.post("/v1/channels/build/messages", ada, R"({"text":"x"})")) ==
        "400 channel_archived");
  CHECK(world.get("/v1/channels", ada).at("/data/1") == "");
  CHECK(world.get("/v1/channels?include_archived=true", ada).at("/data/0/is_archived") == "true");
}

TEST_CASE("an action of an agent: seen, invoked and ended by those who may") {
  RestWorld world;
  const auto ada = world.agent("ada");
  const auto bob = world.agent("bob");
  const auto eve = world.agent("eve");
  const std::string deploy =
      R"({"name":"deploy","description":"d","handler_agent":"ada","available_to":["bob"]})";
  CHECK(refusal(world.post("/v1/actions", bob, deploy)) == "403 forbidden");
  CHECK(world.post("/v1/actions", ada, deploy).status == 201);
  CHECK(world.post("/v1/actions", ada, deploy).status == 200);
  CHECK(refusal(world.post("/v1/actions", ada, R"({"name":"x","description":""})")) ==
        "400 invalid_action_handler");
  CHECK(refusal(world.post("/v1/actions", ada,
                           R"({"name":"spawn","description":"","handler_agent":"ada"})")) ==
        "400 invalid_request");
  CHECK(world.get("/v1/actions", world.key).at("/data") == "[]");
  CHECK(refusal(world.get("/v1/actions/deploy", eve)) == "404 action_not_found");
  CHECK(world.get("/v1/actions/deploy", bob).at("/data/handler_agent") == "ada");
  (void)world.engine.heard();
  CHECK(refusal(world.post("/v1/actions/deploy/invoke", eve, "{}")) == "403 action_denied");
  CHECK(world.engine.heard() == std::vector<std::string>{"action.denied"});
  CHECK(refusal(world.post("/v1/actions/deploy/invoke", world.key, "{}")) ==
        "403 agent_token_required");
  const auto invoked = world.post("/v1/actions/deploy/invoke", bob, R"({"input":{"to":"prod"}})");
  CHECK(invoked.status == 201);
  CHECK(invoked.at("/data/status") == "pending");
  CHECK(invoked.at("/data/input") == R"({"to":"prod"})");
  const auto path = "/v1/actions/deploy/invocations/" + invoked.at("/data/invocation_id");
  CHECK(refusal(world.post(path + "/complete", eve, "{}")) == "403 forbidden");
  const auto ended = world.post(path + "/complete", ada, R"({"output":[1],"duration_ms":3})");
  CHECK(ended.at("/data/status") == "completed");
  CHECK(ended.at("/data/output") == "[1]");
  CHECK(refusal(world.post(path + "/complete", ada, "{}")) == "404 invocation_not_found");
  CHECK(world.get(path, bob).at("/data/caller_name") == "bob");
  CHECK(refusal(world.remove("/v1/actions/deploy", eve)) == "403 forbidden");
  CHECK(world.remove("/v1/actions/deploy", ada).status == 204);
}

TEST_CASE("nodes, and spawns that find one or not") {
  RestWorld world;
  const auto ada = world.agent("ada");
  const auto made = world.post(
      "/v1/nodes", world.key,
      R"({"name":"host","node_id":"node_1","capabilities":["spawn:claude"],"max_agents":2})");
  REQUIRE(made.status == 201);
  CHECK(made.at("/data/token").starts_with("nt_live_"));
  CHECK(made.at("/data/status") == "offline");
  const auto again = world.post("/v1/nodes", world.key, R"({"name":"host2","node_id":"node_1"})");
  CHECK(again.at("/data/id") == "node_1");
  CHECK(again.at("/data/token") != made.at("/data/token"));
  const auto name = again.at("/data/name");
  CHECK(world.get("/v1/nodes?capability=spawn:claude", world.key).at("/data/0/id") == "node_1");
  CHECK(world.get("/v1/nodes?capability=spawn:none", world.key).at("/data") == "[]");
  CHECK(world.get("/v1/nodes/%23" + name, ada).at("/data/max_agents") == "2");
  CHECK(refusal(
            world.post("/v1/nodes", world.key, R"({"name":"d","role":"direct","max_agents":0})")) ==
        "400 direct_node_capacity_exceeded");
  const auto posted_to =
      world.post("/v1/nodes", world.key, R"({"name":"hook","kind":"http_push"})");
  CHECK(refusal(posted_to) == "400 invalid_request");
  CHECK(posted_to.at("/error/message").find("http_push") != std::string::npos);
  CHECK(refusal(world.get("/v1/nodes/hook", world.key)) == "404 node_not_found");

  CHECK(world.post("/v1/agent/node-token", ada, "{}").status == 200);
  const auto bound =
      world.post("/v1/nodes/" + name + "/agents", world.key, R"({"agent_name":"ada"})");
  CHECK(bound.status == 201);
  CHECK(bound.at("/data/node_name") == name);
  CHECK(refusal(world.post("/v1/agent/node-token", ada, "{}")) == "409 agent_bound_to_node");
  CHECK(world.get("/v1/nodes/" + name + "/agents", ada).at("/data/0/agent_name") == "ada");

  const std::string worker = R"({"name":"w","cli":"claude","task":"t")";
  CHECK(refusal(world.post("/v1/agents/spawn", world.key, worker + "}")) ==
        "503 handler_unavailable");
  CHECK(refusal(world.post("/v1/agents/spawn", world.key, worker + R"(,"target_node":"none"})")) ==
        "404 node_not_found");
  const auto queued =
      world.post("/v1/agents/spawn", ada, worker + R"(,"target_node":")" + name + R"("})");
  CHECK(queued.status == 201);
  CHECK(queued.at("/data/status") == "pending");
  CHECK(queued.at("/data/action_name") == "spawn");
  CHECK(queued.at("/data/input") ==
        R"({"name":"w","cli":"claude","task":"t","channel":null,"persona":null,"model":null,)"
        R"("metadata":null})");
  CHECK(world.get("/v1/actions/spawn/invocations/" + queued.at("/data/invocation_id"), ada)
            .at("/data/dispatched_at") == "null");

  const auto released = world.post("/v1/agents/release", world.key, R"({"name":"ada"})");
  CHECK(released.status == 201);
  CHECK(released.at("/data/action_name") == "release");
  CHECK(refusal(world.post("/v1/agents/release", world.key, R"({"name":"nobody"})")) ==
        "404 agent_not_found");
  CHECK(world.remove("/v1/nodes/" + name + "/agents/ada", world.key).status == 204);
  CHECK(refusal(world.post("/v1/agents/release", world.key, R"({"name":"ada"})")) ==
        "409 agent_not_node_bound");
}

TEST_CASE("a trigger fires once, not for what an action says, and no pattern takes for ever") {
  RestWorld world;
  const auto ada = world.agent("ada");
  world.post("/v1/actions", ada, R"({"name":"build","description":"","handler_agent":"ada"})");
  CHECK(refusal(world.post("/v1/triggers", ada, R"({"action_name":"build","pattern":"("})")) ==
        "400 invalid_pattern");
  for (const char* dear : {"((a{99}){99}){99}", "(?=.*a)b", "(?!.*a)b"}) {
    CAPTURE(dear);
    CHECK(refusal(world.post("/v1/triggers", ada,
                             std::string(R"({"action_name":"build","pattern":")") + dear +
                                 R"("})")) == "400 invalid_pattern");
  }
  const auto made = world.post(
      "/v1/triggers", ada, R"({"action_name":"build","pattern":"^(a+)+b$","channel":"#general"})");
  REQUIRE(made.status == 201);
  CHECK(made.at("/data/enabled") == "true");
  const auto path = "/v1/triggers/" + made.at("/data/id");
  (void)world.engine.heard();
  world.say("general", ada, std::string(3000, 'a'));
  world.post("/v1/channels/general/messages", ada, R"({"text":"aab","data":{"source":"action"}})");
  CHECK(world.engine.heard() == std::vector<std::string>{"message.created", "message.created"});
  world.say("general", ada, "aab");
  CHECK(world.engine.heard() == std::vector<std::string>{"message.created", "action.invoked"});
  world.say("general", ada, "aab");
  CHECK(world.engine.heard() == std::vector<std::string>{"message.created"});
  CHECK(world.get(path, ada).at("/data/last_triggered_at").ends_with("Z"));
  CHECK(world.engine.ask("PATCH", path, ada, R"({"enabled":false})").at("/data/enabled") ==
        "false");
  CHECK(world.remove(path, ada).status == 204);
  CHECK(refusal(world.get(path, ada)) == "404 trigger_not_found");

  const auto inside = R"({"action_name":"build","pattern":"x|gr(?:ee|e)n \\{"})";
  REQUIRE(world.post("/v1/triggers", ada, inside).status == 201);
  (void)world.engine.heard();
  world.say("general", ada, std::string(2000, ' ') + "green {");
  CHECK(world.engine.heard() == std::vector<std::string>{"message.created"});
  world.say("general", ada, "is\\ngreen {");
  CHECK(world.engine.heard() == std::vector<std::string>{"message.created", "action.invoked"});
  for (int more = 1; more < 100; ++more) {
    REQUIRE(world.post("/v1/triggers", ada, inside).status == 201);
  }
  CHECK(refusal(world.post("/v1/triggers", ada, inside)) == "400 invalid_request");
}

TEST_CASE("webhooks write into a channel with their token only") {
  RestWorld world;
  const auto ada = world.agent("ada");
  const auto made = world.post("/v1/webhooks", world.key, R"({"name":"ci","channel":"general"})");
  REQUIRE(made.status == 201);
  CHECK(made.at("/data/url").starts_with("http://engine.test/v1/hooks/"));
  const auto token = made.at("/data/token");
  const auto path = "/v1/hooks/" + made.at("/data/webhook_id");
  CHECK(refusal(world.post(path, "", R"({"text":"x"})")) == "401 webhook_token_invalid");
  CHECK(refusal(world.post(path, "wh_live_no", R"({"text":"x"})")) == "401 webhook_token_invalid");
  const auto said = world.post(path, token, R"({"message":"green","author":"ci","source":"gh"})");
  CHECK(said.status == 201);
  CHECK(said.at("/data/author") == "ci");
  CHECK(world.get("/v1/deliveries", ada).at("/data/0/message/text") == "green");
  CHECK(world.remove("/v1/webhooks/" + made.at("/data/webhook_id"), world.key).status == 204);
  CHECK(refusal(world.post(path, token, R"({"text":"x"})")) == "401 webhook_token_invalid");

  const auto subscribed = world.post(
      "/v1/subscriptions", world.key,
      R"({"url":"http://127.0.0.1:9/x","events":["message.created"],"headers":{"X-A":"s3cret"}})");
  CHECK(subscribed.status == 201);
  CHECK(subscribed.at("/data/headers") == R"({"X-A":"[redacted]"})");
  CHECK(refusal(world.post("/v1/subscriptions", world.key,
                           R"({"url":"http://x","events":["a"],"headers":{"a b":"c"}})")) ==
        "400 invalid_request");
  for (const char* name :
       {"Host", "content-length", "Transfer-Encoding", "CONNECTION", "Expect", "Upgrade"}) {
    CAPTURE(name);
    const auto refused = world.post(
        "/v1/subscriptions", world.key,
        R"({"url":"http://x","events":["a"],"headers":{")" + std::string(name) + R"(":"c"}})");
    CHECK(refusal(refused) == "400 invalid_request");
  }
  // What a subscription is told an agent could not read: conversations of others.
  const auto one = "/v1/subscriptions/" + subscribed.at("/data/id");
  CHECK(refusal(world.post("/v1/subscriptions", ada,
                           R"({"url":"http://127.0.0.1:9/x","events":["dm.received"]})")) ==
        "401 unauthorized");
  CHECK(refusal(world.get("/v1/subscriptions", ada)) == "401 unauthorized");
  CHECK(refusal(world.get(one, ada)) == "401 unauthorized");
  CHECK(refusal(world.remove(one, ada)) == "401 unauthorized");
  CHECK(world.remove(one, world.key).status == 204);
}

TEST_CASE("a file is uploaded by its ticket and goes with a message") {
  RestWorld world;
  const auto ada = world.agent("ada");
  const auto bob = world.agent("bob");
  const auto begun =
      world.post("/v1/files/upload", ada,
                 R"({"filename":"a.txt","content_type":"text/plain","size_bytes":5})");
  REQUIRE(begun.status == 201);
  const auto id = begun.at("/data/id");
  const auto url = begun.at("/data/upload_url");
  const auto path = url.substr(url.find("/v1/"));
  CHECK(refusal(world.post("/v1/channels/general/messages", ada,
                           R"({"text":"x","attachments":[")" + id + R"("]})")) ==
        "400 invalid_request");
  CHECK(refusal(world.engine.ask("PUT", path + "0", "", "hello")) == "404 file_not_found");
  CHECK(world.engine.ask("PUT", path, "", "hello").status == 200);
  CHECK(refusal(world.post("/v1/files/" + id + "/complete", bob)) == "403 forbidden");
  CHECK(world.post("/v1/files/" + id + "/complete", ada).at("/data/size_bytes") == "5");
  CHECK(refusal(world.engine.ask("PUT", path, "", "other")) == "403 forbidden");
  CHECK(world.get(path, "").body == "hello");
  const auto said = world.post("/v1/channels/general/messages", ada,
                               R"({"text":"see","attachments":[")" + id + R"("]})");
  CHECK(said.at("/data/has_attachments") == "true");
  CHECK(said.at("/data/attachments/0/filename") == "a.txt");
  CHECK(world.get("/v1/files?uploaded_by=ada", bob).at("/data/0/id") == id);
  CHECK(world.remove("/v1/files/" + id, ada).status == 204);
  CHECK(refusal(world.get("/v1/files/" + id, ada)) == "404 file_not_found");
}
