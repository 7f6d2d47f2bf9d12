#include <doctest/doctest.h>

#include "raw_client.hpp"
#include "support/loop.hpp"

// The situations that a broker is tested in, each in a few lines of script; a node by hand stands
// in for the broker.
namespace relay::test {
namespace {

asio::awaitable<void> first_start(FakeEngine* engine) {
  co_await ask(engine->port(), "POST /v1/agents", kWorkspaceKey,
               R"({"name":"broker","type":"human"})");
  RawNode node;
  co_await start_node(engine, &node);
  co_await node.say(R"({"v":1,"type":"node.heartbeat","load":0,"active_agents":1,)"
                    R"("handlers_live":true})");
  const Record agents = co_await engine->next_request("POST /v1/agents");
  const Record nodes = co_await engine->next_request("POST /v1/nodes");
  const Record socket = co_await engine->next_request("GET /v1/node/ws");
  const Record registered = co_await engine->next_frame("node.register");
  const Record beat = co_await engine->next_frame("node.heartbeat");
  CHECK(agents.index < nodes.index);
  CHECK(nodes.index < socket.index);
  CHECK(socket.index < registered.index);
  CHECK(socket.header("Authorization") == "Bearer " + engine->state().node("builder-1").token);
  CHECK(beat.at - registered.at < std::chrono::seconds(1));
  CHECK(engine->state().node("builder-1").handlers_live);
  CHECK(engine->state().invalid_frames.empty());
}

asio::awaitable<void> workspaces(FakeEngine* engine) {
  const std::string other = engine->state().add_workspace("other");
  co_await minted_token(engine);
  const auto conflict = co_await ask(engine->port(), "POST /v1/nodes", other,
                                     R"({"node_id":"node_1","name":"builder-1"})");
  CHECK(has(conflict, "node_id_conflict"));
  const auto second = co_await ask(engine->port(), "POST /v1/nodes", other,
                                   R"({"node_id":"node_2","name":"builder-1"})");
  CHECK(has(second, "HTTP/1.1 201 "));
  const auto taken = co_await ask(engine->port(), "POST /v1/nodes", kWorkspaceKey,
                                  R"({"node_id":"node_3","name":"builder-1"})");
  CHECK(has(taken, "node_name_conflict"));
  const auto stranger = co_await ask(engine->port(), "GET /v1/nodes", "rk_live_x", "");
  CHECK(has(stranger, "HTTP/1.1 401 "));
  CHECK(engine->requests_of("POST /v1/nodes").size() == 4);
}

asio::awaitable<void> pinned_token(FakeEngine* engine) {
  engine->state().add_node("pinned", "node_9", "nt_live_pinned");
  RawNode node;
  const bool open = co_await node.open(engine->port(), "nt_live_pinned");
  CHECK(open);
  CHECK(engine->requests_of("POST /v1/nodes").empty());
}

asio::awaitable<void> refused_sockets(FakeEngine* engine) {
  engine->answer("GET /v1/node/ws", HttpScript::refusal(401, "node_token_invalid"), 6);
  const std::string token = co_await minted_token(engine);
  for (int i = 0; i < 6; ++i) {
    RawNode node;
    const bool open = co_await node.open(engine->port(), token);
    CHECK_FALSE(open);
  }
  RawNode node;
  const bool open = co_await node.open(engine->port(), token);
  CHECK(open);
}

asio::awaitable<void> spawn_and_release(FakeEngine* engine) {
  RawNode node;
  co_await start_node(engine, &node);
  const std::string id =
      engine->invoke("builder-1", "spawn:claude", R"({"name":"worker","cli":"claude"})");
  const auto invoke = co_await node.next();
  CHECK(json_string_at(invoke, "/action") == "spawn:claude");
  CHECK(json_string_at(invoke, "/input/name") == "worker");
  co_await node.say(R"({"v":1,"type":"action.result","invocation_id":")" + id +
                    R"(","output":{"spawned":true}})");
  co_await engine->next_frame("action.result");
  CHECK(engine->state().invocation(id).status == "completed");
  CHECK(engine->state().invocation(id).output.text() == R"({"spawned":true})");
  co_await ask(engine->port(), "POST /v1/agents/release", kWorkspaceKey, R"({"name":"worker"})");
  const auto release = co_await node.next();
  CHECK(json_string_at(release, "/action") == "release");
  co_await node.say(R"({"v":1,"type":"action.result","invocation_id":")" +
                    json_string_at(release, "/invocation_id") + R"(","output":null})");
  co_await engine->next_frame("action.result");
  CHECK(engine->state().agent("worker").status == "offline");
  // Nobody there: the name has to be known to be released.
  const auto unknown = co_await ask(engine->port(), "POST /v1/agents/release", kWorkspaceKey,
                                    R"({"name":"nobody"})");
  CHECK(has(unknown, "agent_not_found"));
}

asio::awaitable<void> hole(FakeEngine* engine) {
  RawNode node;
  co_await start_node(engine, &node);
  engine->outgoing("deliver", FrameScript::duplicate(), 1, 1);
  engine->outgoing("deliver", FrameScript::drop());
  for (const char* text : {"1", "2", "3", "4"}) engine->dm("boss", "worker", text);
  const auto live = co_await next_texts(&node, 4);
  CHECK(live == "1 2 2 4");
  engine->state().expire(engine->state().agent("worker"), 3);
  co_await node.say(ack_of("worker", 2));
  co_await node.say(kRegister);
  const auto reply = co_await node.next();
  CHECK(json_at(reply, "/ok") == "true");
  const auto again = co_await node.next();
  CHECK(json_at(again, "/seq") == "4");
}

asio::awaitable<void> respawn(FakeEngine* engine) {
  RawNode node;
  co_await start_node(engine, &node);
  engine->dm("boss", "worker", "old");
  co_await next_texts(&node, 1);
  co_await node.say(ack_of("worker", 1));
  co_await node.say(R"({"v":1,"type":"agent.deregister","agent_id":")" +
                    engine->state().agent("worker").id + "\"}");
  co_await engine->next_frame("agent.deregister");
  engine->dm("boss", "worker", "while away");
  co_await node.say(kAgent);
  co_await node.next();
  const auto next = co_await node.next();
  CHECK(json_at(next, "/seq") == "2");
  CHECK(json_string_at(next, "/payload/data/text") == "while away");
}

asio::awaitable<void> outside_the_sequence(FakeEngine* engine) {
  RawNode node;
  co_await start_node(engine, &node);
  const std::string denied = R"({"type":"action.denied","data":{"action_name":"x"}})";
  engine->notify("worker", "x", denied);
  engine->notify("worker", "x", denied);
  for (int i = 0; i < 2; ++i) {
    const auto frame = co_await node.next();
    CHECK(json_at(frame, "/seq") == "0");
    CHECK(json_string_at(frame, "/msg_id") == "x");
    CHECK(json_at(frame, "/payload") == denied);
  }
  co_await node.say(ack_of("worker", 0));
  co_await engine->next_frame("delivery.ack");
}

asio::awaitable<void> ten_restarts(FakeEngine* engine) {
  const std::string token = co_await minted_token(engine);
  for (int i = 0; i < 10; ++i) {
    RawNode node;
    const bool open = co_await node.open(engine->port(), token);
    REQUIRE(open);
    engine->down();
    const auto end = co_await node.next();
    CHECK(end == "[reset]");
    engine->up();
  }
  CHECK(engine->requests_of("GET /v1/node/ws").size() == 10);
}

asio::awaitable<void> late_reply(FakeEngine* engine) {
  RawNode node;
  co_await start_node(engine, &node);
  engine->outgoing("reply:agent.register", FrameScript::hold());
  co_await node.say(R"({"v":1,"type":"agent.register","id":"late","name":"late"})");
  co_await engine->next_note("held reply:agent.register");
  engine->release_frames();
  const auto reply = co_await node.next();
  CHECK(json_string_at(reply, "/id") == "late");
  co_await node.say(R"({"v":1,"type":"agent.deregister","agent_id":")" +
                    json_string_at(reply, "/data/agent_id") + R"(","name":"late"})");
  const Record gone = co_await engine->next_frame("agent.deregister");
  CHECK(gone.string("/name") == "late");
}

asio::awaitable<void> refused_frames(FakeEngine* engine) {
  RawNode node;
  co_await start_node(engine, &node);
  co_await node.say(R"({"v":1,"type":"agent.register","id":"a2","name":"w","extra":1})");
  const auto strict = co_await node.next();
  CHECK(json_string_at(strict, "/code") == "invalid_message");
  co_await node.say(json_with(kRegister, "/node_id", "\"node_2\""));
  const auto other = co_await node.next();
  CHECK(json_string_at(other, "/code") == "node_id_mismatch");
  CHECK(json_string_at(other, "/id") == "r1");
  co_await node.say(json_with(kRegister, "/max_agents", "1"));
  co_await node.next();
  co_await node.say(R"({"v":1,"type":"agent.register","id":"a3","name":"w"})");
  const auto full = co_await node.next();
  CHECK(json_string_at(full, "/code") == "node_capacity_exceeded");
  co_await node.say(R"({"v":1,"type":"inventory.sync","agents":[{"agent_id":"x",)"
                    R"("name":"worker"}]})");
  const auto mismatch = co_await node.next();
  CHECK(json_string_at(mismatch, "/code") == "agent_identity_mismatch");
  CHECK(engine->state().invalid_frames.size() == 1);
}

asio::awaitable<void> flood(FakeEngine* engine) {
  RawNode node;
  co_await start_node(engine, &node);
  for (int i = 0; i < 50; ++i) {
    co_await node.say(R"({"v":1,"type":"agent.register","id":"x","name":"w)" + std::to_string(i) +
                      "\"}");
    co_await node.next();
  }
  for (int i = 0; i < 10000; ++i) engine->dm("boss", "w" + std::to_string(i % 50), "text");
  std::vector<int> seqs(50);
  for (int i = 0; i < 10000; ++i) {
    const auto frame = co_await node.next();
    const int which = std::stoi(json_string_at(frame, "/agent").substr(1));
    const int seq = std::stoi(json_at(frame, "/seq"));
    REQUIRE(seq == ++seqs.at(static_cast<std::size_t>(which)));
  }
  for (int i = 0; i < 50; ++i) co_await node.say(ack_of("w" + std::to_string(i), 200));
  for (int i = 0; i < 50; ++i) co_await engine->next_frame("delivery.ack");
  CHECK(engine->state().agent("w49").mailbox.empty());
}

asio::awaitable<void> channel_and_secrets(FakeEngine* engine) {
  const auto made = co_await ask(engine->port(), "POST /v1/agents", kWorkspaceKey,
                                 R"({"name":"boss","type":"human"})");
  const std::string token = json_string_at(body_of(made), "/data/token");
  RawNode node;
  co_await start_node(engine, &node);
  const auto general =
      co_await ask(engine->port(), "POST /v1/channels", token, R"({"name":"general","topic":"x"})");
  CHECK(has(general, "HTTP/1.1 409 "));
  const auto joined = co_await ask(engine->port(), "POST /v1/channels/general/join", token, "");
  CHECK(has(joined, R"("already_member":true)"));
  const auto posted = co_await ask(engine->port(), "POST /v1/channels/general/messages", token,
                                   R"({"text":"to all"})");
  CHECK(has(posted, "HTTP/1.1 201 "));
  const auto frame = co_await node.next();
  CHECK(json_string_at(frame, "/payload/type") == "message.created");
  CHECK(json_string_at(frame, "/payload/data/channel_name") == "general");
  const auto sent =
      co_await ask(engine->port(), "POST /v1/dm", token, R"({"to":"worker","text":"you"})");
  CHECK(has(sent, "HTTP/1.1 201 "));
  const auto direct = co_await next_texts(&node, 1);
  CHECK(direct == "you");
  co_await ask(engine->port(), "POST /v1/agents/boss/rotate-token", kWorkspaceKey, "");
  const auto dead = co_await ask(engine->port(), "GET /v1/agent", token, "");
  CHECK(has(dead, "agent_token_invalid"));
  const auto& secrets = engine->state().secrets;
  CHECK(std::count(secrets.begin(), secrets.end(), token) == 1);
}

struct Scenario {
  std::string name;
  asio::awaitable<void> (*play)(FakeEngine* engine);
};

TEST_CASE("each situation of a broker can be played") {
  for (const Scenario& each : std::vector<Scenario>{
           {"first start", first_start},
           {"workspaces", workspaces},
           {"pinned token", pinned_token},
           {"six 401 and then none", refused_sockets},
           {"spawn and release by action", spawn_and_release},
           {"duplicate, loss and a hole", hole},
           {"respawn with a sequence that goes on", respawn},
           {"frames outside of the sequence", outside_the_sequence},
           {"ten restarts of the engine", ten_restarts},
           {"a late reply", late_reply},
           {"frames that a strict engine refuses", refused_frames},
           {"a flood", flood},
           {"channel, direct message, dead token", channel_and_secrets},
       }) {
    CAPTURE(each.name);
    asio::io_context io;
    FakeEngine engine(io);
    run(io, each.play(&engine));
  }
}

}  // namespace
}  // namespace relay::test
