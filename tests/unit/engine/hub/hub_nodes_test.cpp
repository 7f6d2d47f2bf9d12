// Nodes on their sockets: who may connect, what they say, and what becomes of their agents.
#include <chrono>
#include <fmt/format.h>

#include "engine/hub/hub_world.hpp"
#include "support/figure.hpp"

namespace relay::engine {
namespace {

using namespace std::chrono_literals;

std::string refusal_of_socket(HubWorld& world, const std::string& path, const std::string& token,
                              bool in_query) {
  const auto outcome = world.connect(path, token, in_query);
  if (outcome.connected) return "connected";
  if (!outcome.refusal) return outcome.connected.error().message;
  return std::to_string(outcome.refusal->status) + " " +
         Heard(outcome.refusal->body).at("/error/code");
}

}  // namespace

TEST_CASE("a node connects with its own token, in the field or in the address, and nobody else") {
  HubWorld world;
  world.broker("box");
  const auto bob = world.agent("bob");
  CHECK(refusal_of_socket(world, "/v1/node/ws", "", false) == "401 unauthorized");
  CHECK(refusal_of_socket(world, "/v1/node/ws", "nt_wrong", false) == "401 node_token_invalid");
  CHECK(refusal_of_socket(world, "/v1/node/ws", "rk_live_team", false) == "401 unauthorized");
  CHECK(refusal_of_socket(world, "/v1/node/ws", "nt_box", false) == "connected");
  CHECK(refusal_of_socket(world, "/v1/node/ws", "nt_box", true) == "connected");
  CHECK(refusal_of_socket(world, "/v1/node/ws", world.direct_token(bob), true) == "connected");

  NodeEnrolment hook;
  hook.workspace = world.workspace.id;
  hook.name = "hook";
  hook.kind = NodeKind::poll;
  hook.token_hash = sha256_hex("nt_hook");
  world.get<Node>([hook](Store& store) { return store.enroll_node(hook); });
  CHECK(refusal_of_socket(world, "/v1/node/ws", "nt_hook", false) == "403 forbidden");
}

TEST_CASE("a node is who its token says, and keeps the name that it was given") {
  HubWorld world;
  const auto box = world.broker("box");
  auto peer = world.node_socket("nt_box");
  peer->say(R"({"v":1,"type":"node.register","id":"r1","name":"box","node_id":"node_other",)"
            R"("capabilities":[],"max_agents":0,"tags":[],"version":"1","resume_cursor":null})");
  const auto refused = peer->hear("error");
  CHECK(refused.at("/id") == "r1");
  CHECK(refused.at("/ok") == "false");
  CHECK(refused.at("/code") == "node_id_mismatch");
  CHECK_FALSE(world.look(box).online);

  peer->say(R"({"v":1,"type":"node.register","name":"some-host","node_id":"node_box",)"
            R"("capabilities":[{"name":"spawn:claude"},{"name":"deploy","kind":"action"}],)"
            R"("max_agents":3,"tags":["a"],"version":"9","resume_cursor":null})");
  const auto reply = peer->hear("reply");
  CHECK(reply.at("/id") != "");
  CHECK(reply.at("/data/id") == "node_box");
  CHECK(reply.at("/data/name") == "box");
  CHECK(reply.at("/data/status") == "online");
  CHECK(reply.at("/data/max_agents") == "3");
  CHECK(reply.at("/data/capabilities/0/name") == "spawn:claude");
  CHECK(world.look(box).online);

  peer->say(R"({"v":1,"type":"node.heartbeat","node_id":"node_other","load":0,"active_agents":0,)"
            R"("handlers_live":true})");
  CHECK(peer->hear("error").at("/code") == "node_id_mismatch");
  peer->say(R"({"v":1,"type":"node.heartbeat","load":0.5,"active_agents":2,"handlers_live":true})");
  peer->expect_silence();
  CHECK(world.look(box).load == 0.5);
  CHECK(world.look(box).active_agents == 2);
}

TEST_CASE("what is no frame is answered, and the connection goes on") {
  HubWorld world;
  auto peer = world.node(world.broker("box"));
  peer->say("{");
  const auto broken = peer->hear("error");
  CHECK(broken.at("/code") == "invalid_message");
  CHECK(broken.at("/id") != "");
  peer->say(R"({"v":1,"type":"node.heartbeat"})");
  CHECK(peer->hear("error").at("/code") == "invalid_message");
  peer->say(R"({"v":2,"type":"node.deregister"})");
  CHECK(peer->hear("error").at("/code") == "invalid_message");
  CHECK(world.claim(*peer, "bob").type() == "reply");
}

TEST_CASE("an agent that is registered has a new token; only who asks for cursors gets one") {
  HubWorld world;
  auto peer = world.node(world.broker("box"));
  const auto first = world.claim(*peer, "bob");
  CHECK(first.at("/id") == "claim");
  CHECK(first.keys("/data") == "agent_id,name,token");
  CHECK(first.at("/data/name") == "bob");
  CHECK(first.at("/data/token").starts_with("at_live_"));
  const auto second = world.claim(*peer, "bob");
  CHECK(second.at("/data/agent_id") == first.at("/data/agent_id"));
  CHECK(second.at("/data/token") != first.at("/data/token"));
  const auto known = [&](const std::string& token) {
    return world.get<bool>([token](Store& store) -> Result<bool> {
      return store.agent_of_token(sha256_hex(token)).has_value();
    });
  };
  CHECK_FALSE(known(first.at("/data/token")));
  CHECK(known(second.at("/data/token")));

  auto own = world.own_broker(world.broker("other"));
  const auto carol = world.claim(*own, "carol");
  CHECK(carol.keys("/data") == "agent_id,delivery_ack_seq,name,token");
  CHECK(carol.at("/data/delivery_ack_seq") == "0");
}

TEST_CASE("a node's new agent is in general unless its node says otherwise") {
  HubWorld world;
  auto peer = world.node(world.broker("box"));
  const auto members = [&] {
    return world
        .get<Channel>(
            [&](Store& store) { return store.find_channel(world.workspace.id, "general"); })
        .member_count;
  };
  const auto before = members();
  peer->say(R"({"v":1,"type":"agent.register","id":"1","name":"ada","auto_join_general":false})");
  CHECK(peer->hear().at("/data/name") == "ada");
  CHECK(members() == before);
  (void)world.claim(*peer, "bob");
  CHECK(members() == before + 1);
}

TEST_CASE("agent.recover takes over the agent that it names, and no other one") {
  HubWorld world;
  const auto bob = world.agent("bob");
  auto peer = world.node(world.broker("box"));
  peer->say(R"({"v":1,"type":"agent.recover","id":"x","name":"bob","expected_agent_id":"17"})");
  CHECK(peer->hear("error").at("/code") == "agent_not_found");
  peer->say(R"({"v":1,"type":"agent.recover","id":"y","name":"bob","expected_agent_id":")" +
            std::to_string(bob.id) + R"("})");
  const auto reply = peer->hear("reply");
  CHECK(reply.at("/id") == "y");
  CHECK(reply.at("/data/agent_id") == std::to_string(bob.id));
}

TEST_CASE("a full node takes no more agents; one at work elsewhere is not taken away") {
  HubWorld world;
  const auto small = world.broker("small", 1);
  auto peer = world.node(small);
  CHECK(world.claim(*peer, "bob").type() == "reply");
  CHECK(world.claim(*peer, "carol").at("/code") == "node_capacity_exceeded");
  auto other = world.node(world.broker("large"));
  CHECK(world.claim(*other, "bob").at("/code") == "agent_location_conflict");
  CHECK(world.claim(*other, "carol").type() == "reply");
}

TEST_CASE("an agent's own node offers nothing to others and takes no other agent") {
  HubWorld world;
  const auto eve = world.agent("eve");
  const auto bob = world.agent("bob");
  world.direct_token(eve);
  auto peer = world.node(world.get<Node>([&](Store& store) { return store.node(eve.origin_node); }),
                         R"([{"name":"spawn:claude"},{"name":"deploy","kind":"action"}])");
  peer->say(R"({"v":1,"type":"node.heartbeat","load":0,"active_agents":0,"handlers_live":true,)"
            R"("capabilities":[{"name":"spawn:claude"},{"name":"deploy","kind":"action"}]})");
  peer->expect_silence();
  CHECK(
      world
          .get<std::vector<Action>>([&](Store& store) { return store.actions(world.workspace.id); })
          .empty());
  CHECK(world
            .get<std::vector<Node>>(
                [&](Store& store) { return store.nodes_with(world.workspace.id, "spawn:claude"); })
            .empty());
  CHECK(world.claim(*peer, "bob").at("/code") == "agent_location_conflict");
  CHECK(world.look(bob).node == bob.node);
}

TEST_CASE("what a node causes is put into the outbox of subscriptions, which is woken") {
  int woken = 0;
  HubSettings settings;
  settings.wake_outbox = [&] { ++woken; };
  HubWorld world(nullptr, settings);
  Subscription wants;
  wants.workspace = world.workspace.id;
  wants.url = "http://127.0.0.1:9/x";
  wants.events = {"agent.status.active", "agent.status.offline"};
  world.get<Subscription>([&](Store& store) { return store.add_subscription(wants); });
  const auto queued = [&] {
    return world.get<std::vector<Outbound>>([](Store& store) { return store.take_outbound(10); })
        .size();
  };
  const auto box = world.broker("box");
  auto peer = world.node(box);
  world.claim(*peer, "bob");
  world.until([&] { return woken == 1; });
  CHECK(queued() == 1);
  peer->close();
  world.until([&] { return woken == 2; });
  CHECK(queued() == 1);
}

TEST_CASE("what has arrived is told to subscriptions, and is in the log with its number") {
  int woken = 0;
  HubSettings settings;
  settings.wake_outbox = [&] { ++woken; };
  HubWorld world(nullptr, settings);
  Subscription wants;
  wants.workspace = world.workspace.id;
  wants.url = "http://127.0.0.1:9/x";
  wants.events = {"delivery.delivered"};
  world.get<Subscription>([&](Store& store) { return store.add_subscription(wants); });
  const auto alice = world.agent("alice");
  const auto bob = world.agent("bob");
  auto peer = world.node(world.broker("box"));
  world.claim(*peer, "bob");
  const auto deliver = [&](const std::string& text) {
    world.dm(alice, bob, text);
    const auto frame = peer->hear("deliver");
    peer->say(R"({"v":1,"type":"delivery.ack","agent":"bob","up_to_seq":)" + frame.at("/seq") +
              "}");
  };
  peer->say(R"({"v":1,"type":"delivery.ack","agent":"bob","up_to_seq":0})");
  deliver("first");
  world.until([&] { return woken == 1; });
  CHECK(world.get<std::vector<Outbound>>([](Store& store) { return store.take_outbound(10); })
            .size() == 1);
  const Id team = world.workspace.id;
  const auto begun = world.get<std::uint64_t>([team](Store& store) -> Result<std::uint64_t> {
    auto log = store.begin_event_log(team);
    if (!log) return fail(log.error());
    return store.event_log(team)->value();
  });
  auto eye = world.watcher();
  deliver("second");
  world.until([&] { return woken == 2; });
  const auto events = world.get<std::vector<WorkspaceEvent>>(
      [=](Store& store) { return store.workspace_events(team, begun, 10); });
  REQUIRE(events.size() == 1);
  CHECK(events[0].type == "delivery.delivered");
  CHECK(events[0].seq == begun + 1);
  CHECK(events[0].payload.find("seq") == std::string::npos);
  eye->hear("dm.received");
  CHECK(eye->hear("delivery.delivered").at("/seq") == std::to_string(begun + 1));
}

TEST_CASE("what a node was told to be too late holds once the disk has written it") {
  HubWorld world;
  const auto alice = world.agent("alice");
  const auto bob = world.agent("bob");
  auto peer = world.node(world.broker("box"));
  world.hold_disk(true);
  CHECK(world.claim(*peer, "bob").at("/code") == "node_control_failed");
  world.hold_disk(false);
  world.dm(alice, bob, "hello");
  CHECK(peer->hear("deliver").at("/agent") == "bob");
}

TEST_CASE("a node is told that a full disk may have room again") {
  HubWorld world;
  (void)world.agent("bob");
  auto peer = world.node(world.broker("box"));
  world.fill_disk(true);
  const auto refused = world.claim(*peer, "bob");
  world.fill_disk(false);
  CHECK(refused.at("/code") == "unavailable");
  CHECK(refused.at("/message").find("No space left on device") != std::string::npos);
}

TEST_CASE("a second connection takes the place of the first, whose end is no loss") {
  HubWorld world;
  const auto box = world.broker("box");
  auto first = world.own_broker(box);
  world.claim(*first, "bob");
  auto second = world.own_broker(box);
  CHECK(first->hear_end() == 1000);
  world.turn();
  CHECK(world.look(box).online);
  world.until([&] { return world.hub->counts().nodes == 1; });
  const auto bob =
      world.get<Agent>([&](Store& store) { return store.find_agent(world.workspace.id, "bob"); });
  CHECK(bob.status == AgentStatus::active);
}

TEST_CASE("a closed connection is a lost node: its agents are offline, and others hear of it") {
  HubWorld world;
  const auto box = world.broker("box");
  auto watcher = world.watcher();
  auto other = world.node(world.broker("other"));
  auto ours = world.own_broker(world.broker("ours"));
  auto peer = world.node(box);
  world.claim(*peer, "bob");
  CHECK(watcher->hear().at("/type") == "agent.status.active");
  peer->close();
  world.until([&] { return !world.look(box).online; });
  const auto event = watcher->hear();
  CHECK(event.type() == "agent.status.offline");
  CHECK(event.at("/agent/name") == "bob");
  CHECK(event.at("/status") == "offline");
  CHECK(other->hear("context.update").at("/event") == "agent.status.active");
  const auto update = other->hear("context.update");
  CHECK(update.at("/topic") == "presence");
  CHECK(update.at("/data/agent_name") == "bob");
  ours->expect_silence();
  CHECK(ours->contexts.empty());
  CHECK(world.hub->counts().nodes == 2);
}

TEST_CASE("node.deregister is a loss that was said; agent.deregister brings the agent home") {
  HubWorld world;
  const auto box = world.broker("box");
  auto peer = world.own_broker(box);
  const auto reply = world.claim(*peer, "bob");
  const auto bob =
      world.get<Agent>([&](Store& store) { return store.find_agent(world.workspace.id, "bob"); });
  CHECK(bob.node == box.id);
  peer->say(R"({"v":1,"type":"agent.deregister","agent_id":")" + reply.at("/data/agent_id") +
            R"(","name":"bob"})");
  peer->expect_silence();
  CHECK(world.look(bob).node != box.id);
  CHECK(world.look(bob).status == AgentStatus::offline);
  world.claim(*peer, "carol");
  peer->say(R"({"v":1,"type":"node.deregister"})");
  peer->expect_silence();
  CHECK_FALSE(world.look(box).online);
  CHECK(world.hub->counts().registered == 0);
}

TEST_CASE("inventory.sync: who is listed is here, who is not is offline, nobody is taken away") {
  HubWorld world;
  const auto box = world.broker("box");
  auto peer = world.own_broker(box);
  const auto bob = world.claim(*peer, "bob").at("/data/agent_id");
  world.claim(*peer, "carol");
  auto other = world.own_broker(world.broker("other"));
  const auto dave = world.claim(*other, "dave").at("/data/agent_id");
  peer->say(R"({"v":1,"type":"inventory.sync","id":"i1","agents":[{"agent_id":")" + bob +
            R"(","name":"bob"},{"agent_id":")" + dave + R"(","name":"dave"}]})");
  const auto reply = peer->hear("reply");
  CHECK(reply.at("/id") == "i1");
  CHECK(reply.keys("/data") ==
        "completed_invocations,open_invocations,rebound_agents,rescheduled_invocations");
  CHECK(reply.at("/data/rebound_agents") == "1");
  const auto status = [&](const std::string& name) {
    return world
        .get<Agent>([&](Store& store) { return store.find_agent(world.workspace.id, name); })
        .status;
  };
  CHECK(status("bob") == AgentStatus::active);
  CHECK(status("carol") == AgentStatus::offline);
  CHECK(status("dave") == AgentStatus::active);
  peer->say(R"({"v":1,"type":"inventory.sync","id":"i2","agents":[{"agent_id":")" + dave +
            R"(","name":"dave"}]})");
  CHECK(peer->hear("error").at("/code") == "agent_location_conflict");
  CHECK(status("bob") == AgentStatus::active);
}

TEST_CASE("a node whose token is replaced is cut off") {
  HubWorld world;
  const auto box = world.broker("box");
  auto peer = world.node(box);
  Happenings happenings;
  happenings.workspace = world.workspace.id;
  happenings.cut_nodes.push_back(box.id);
  const auto from = SystemClock().now();
  world.hub->tell(happenings);
  CHECK(peer->hear_end() == 1008);
  const auto took = std::chrono::duration<double, std::milli>(SystemClock().now() - from).count();
  test::figure("S10",
               fmt::format("the engine ends the connection of a token that was replaced "
                           "after {:.1f} ms (at most 5000)",
                           took),
               took, 5000);
}

TEST_CASE("a node that says nothing for 45 s is lost, though its connection is there") {
  FakeClock clock;
  HubWorld world(&clock);
  const auto box = world.broker("box");
  auto peer = world.own_broker(box);
  world.claim(*peer, "bob");
  clock.advance(44s);
  world.hub->look_at_clock();
  world.turn();
  world.turn();
  CHECK(world.look(box).online);
  clock.advance(20s);
  world.hub->look_at_clock();
  world.until([&] { return !world.look(box).online; });
  const auto bob =
      world.get<Agent>([&](Store& store) { return store.find_agent(world.workspace.id, "bob"); });
  CHECK(bob.status == AgentStatus::offline);
  peer->say(R"({"v":1,"type":"node.heartbeat","load":0,"active_agents":1,"handlers_live":true})");
  peer->expect_silence();
  CHECK(world.look(box).online);
  CHECK(world.look(bob).status == AgentStatus::active);
}

TEST_CASE("the hub ends its connections in order, and nodes are not lost by that") {
  HubWorld world;
  const auto box = world.broker("box");
  auto peer = world.node(box);
  auto watcher = world.watcher();
  int codes[2] = {0, 0};
  const auto await_end = [&](Peer* of, int* code) { *code = of->hear_end(); };
  world.restart();
  await_end(peer.get(), &codes[0]);
  await_end(watcher.get(), &codes[1]);
  CHECK(codes[0] == 1001);
  CHECK(codes[1] == 1001);
  CHECK(world.look(box).online);
  CHECK(world.failures.empty());
}

}  // namespace relay::engine
