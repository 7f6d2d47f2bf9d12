// Invocations on their way to nodes and back.
#include "engine/dispatch.hpp"
#include "engine/events.hpp"
#include "engine/hub/hub_world.hpp"
#include "engine/hub/released.hpp"

namespace relay::engine {
namespace {

constexpr const char* kSpawner = R"([{"name":"spawn:claude"}])";

std::string result(const Invocation& invocation, const std::string& outcome) {
  return R"({"v":1,"type":"action.result","invocation_id":"inv_)" + std::to_string(invocation.id) +
         R"(",)" + outcome + "}";
}

/// An agent with a connection of its own, which hears how its invocations end.
struct Caller {
  explicit Caller(HubWorld& world) : agent(world.agent("alice")) {
    world.direct_token(agent);
    peer =
        world.node(world.get<Node>([this](Store& store) { return store.node(agent.origin_node); }));
  }
  Agent agent;
  std::unique_ptr<Peer> peer;
};

}  // namespace

TEST_CASE("a spawn reaches its node, and its caller hears how it ended") {
  HubWorld world;
  Caller caller(world);
  const auto watcher = world.watcher();
  auto peer = world.node(world.broker("box"), kSpawner);
  const auto spawned = world.spawn("claude", caller.agent, std::nullopt);
  CHECK(spawned.state == InvocationState::dispatched);
  const auto frame = peer->hear("action.invoke");
  CHECK(frame.keys("") == "action,input,invocation_id,type,v");
  CHECK(frame.at("/action") == "spawn:claude");
  CHECK(frame.at("/invocation_id") == "inv_" + std::to_string(spawned.id));
  CHECK(frame.at("/input/name") == "worker");
  peer->say(result(spawned, R"("output":{"name":"worker","spawned":true})"));
  const auto told = caller.peer->hear("deliver");
  CHECK(told.json("/seq") == "0");
  CHECK(told.at("/agent") == "alice");
  CHECK(told.at("/msg_id") == "inv_" + std::to_string(spawned.id));
  CHECK(told.at("/payload/type") == "action.completed");
  CHECK(told.at("/payload/data/action_name") == "spawn");
  CHECK(told.json("/payload/data/output") == R"({"name":"worker","spawned":true})");
  CHECK(world.look(spawned).state == InvocationState::completed);
  // A second answer changes nothing.
  peer->say(result(spawned, R"("error":"late")"));
  peer->expect_silence();
  CHECK(world.look(spawned).state == InvocationState::completed);
  CHECK(watcher->hear().type() == "action.invoked");
  CHECK(watcher->hear().type() == "action.completed");
}

TEST_CASE("a spawn for a node that is away waits until it registers, not only connects") {
  HubWorld world;
  const auto alice = world.agent("alice");
  NodeEnrolment enrolment;
  enrolment.workspace = world.workspace.id;
  enrolment.node_id = "node_box";
  enrolment.name = "box";
  enrolment.capabilities = std::vector<std::string>{"spawn:claude"};
  enrolment.token_hash = sha256_hex("nt_box");
  const auto box = world.get<Node>([&](Store& store) { return store.enroll_node(enrolment); });
  const auto waiting = world.spawn("claude", alice, "box");
  CHECK(waiting.state == InvocationState::pending);
  auto early = world.node_socket("nt_box");
  early->expect_silence();
  auto peer = world.node(box, kSpawner);
  CHECK(peer->hear("action.invoke").at("/action") == "spawn:claude");
  CHECK(world.look(waiting).state == InvocationState::dispatched);
  CHECK(world.look(box).reserved == 1);
}

TEST_CASE("a lost node's invocation goes to another one; its own late answer does not count") {
  HubWorld world;
  Caller caller(world);
  const auto one = world.broker("one");
  const auto two = world.broker("two");
  auto first = world.node(one, kSpawner);
  const auto spawned = world.spawn("claude", caller.agent, std::nullopt);
  CHECK(spawned.node == one.id);
  first->hear("action.invoke");
  auto second = world.node(two, kSpawner);
  first->close();
  CHECK(second->hear("action.invoke").at("/invocation_id") == "inv_" + std::to_string(spawned.id));
  first = world.node(one, kSpawner);
  first->say(result(spawned, R"("output":"of the old one")"));
  first->expect_silence();
  CHECK(world.look(spawned).state == InvocationState::dispatched);
  second->say(result(spawned, R"("output":null)"));
  const auto told = caller.peer->hear("deliver");
  CHECK(told.at("/payload/type") == "action.completed");
  CHECK(told.json("/payload/data/output") == "null");
}

TEST_CASE("a node whose handlers are down passes its invocation on; any other error is its end") {
  HubWorld world;
  Caller caller(world);
  auto first = world.node(world.broker("one"), kSpawner);
  const auto spawned = world.spawn("claude", caller.agent, std::nullopt);
  first->hear("action.invoke");
  auto second = world.node(world.broker("two"), kSpawner);
  first->say(result(spawned, R"("error":"handler_unavailable")"));
  second->hear("action.invoke");
  second->say(result(spawned, R"("error":"no such program")"));
  const auto told = caller.peer->hear("deliver");
  CHECK(told.at("/payload/type") == "action.failed");
  CHECK(told.at("/payload/data/error") == "no such program");
}

TEST_CASE("inventory.sync ends what it names, and moves only what the node had before") {
  FakeClock clock;
  HubWorld world(&clock);
  Caller caller(world);
  const auto one = world.broker("one");
  auto peer = world.node(one, kSpawner);
  const auto done = world.spawn("claude", caller.agent, std::nullopt);
  const auto running = world.spawn("claude", caller.agent, std::nullopt);
  peer->hear("action.invoke");
  peer->hear("action.invoke");
  const auto worker = world.claim(*peer, "worker").at("/data/agent_id");
  const std::string inventory =
      R"({"v":1,"type":"inventory.sync","id":"sync","agents":[{"agent_id":")" + worker +
      R"(","name":"worker","invocation_id":"inv_)" + std::to_string(done.id) + R"("}]})";
  peer->say(inventory);
  const auto first = peer->hear("reply");
  CHECK(first.at("/data/completed_invocations") == "1");
  CHECK(first.at("/data/open_invocations") == "1");
  CHECK(first.at("/data/rescheduled_invocations") == "0");
  CHECK(world.look(running).node == one.id);
  CHECK(caller.peer->hear("deliver").at("/payload/data/output/name") == "worker");

  auto other = world.node(world.broker("two"), kSpawner);
  clock.advance(std::chrono::seconds(1));
  // Another connection of the same node: what it has not named is not there any more.
  auto again = world.node(one, kSpawner);
  again->say(inventory);
  CHECK(again->hear("reply").at("/data/rescheduled_invocations") == "1");
  CHECK(other->hear("action.invoke").at("/invocation_id") == "inv_" + std::to_string(running.id));
}

TEST_CASE("an action of an agent is asked of its node, in its name") {
  HubWorld world;
  Caller caller(world);
  auto peer = world.node(world.broker("box"));
  const auto handler = world.claim(*peer, "handler").at("/data/agent_id");
  Action action;
  action.workspace = world.workspace.id;
  action.name = "deploy";
  action.handler_agent = *parse_id(handler);
  const auto put = world.get<Action>([&](Store& store) { return store.put_action(action); });
  Call call;
  call.workspace = world.workspace.id;
  call.caller = caller.agent.id;
  call.caller_name = caller.agent.name;
  call.input = R"({"to":"staging"})";
  world.tell<Invocation>([put, call](Store& store, Happenings& to) {
    auto started = start_action(store, put, call);
    if (started) tell_invoked(*started, to);
    return started;
  });
  const auto frame = peer->hear("action.invoke");
  CHECK(frame.at("/action") == "deploy");
  CHECK(frame.at("/agent_id") == handler);
  CHECK(frame.at("/agent_name") == "handler");
  CHECK(frame.at("/input/to") == "staging");
}

TEST_CASE("a release that has succeeded leaves the agent offline and on no node, or removes it") {
  HubWorld world;
  const auto box = world.broker("box");
  auto peer = world.own_broker(box);
  const auto release = [&](const std::string& input) {
    return world.get<Invocation>([&, input](Store& store) -> Result<Invocation> {
      Invocation fresh;
      fresh.workspace = world.workspace.id;
      fresh.action = "release";
      fresh.capability = "release";
      fresh.input = input;
      auto added = store.add_invocation(fresh);
      dispatch(*added, box.id, false, store.now());
      auto put = store.put_invocation(*added);
      if (!put) return fail(put.error());
      return added;
    });
  };
  const auto bob = *parse_id(world.claim(*peer, "bob").at("/data/agent_id"));
  auto asked = release(R"({"name":"bob","reason":"done"})");
  peer->say(result(asked, R"("output":{"released":true})"));
  peer->expect_silence();
  const auto agent = world.get<Agent>([bob](Store& store) { return store.agent(bob); });
  CHECK(agent.status == AgentStatus::offline);
  CHECK(agent.node != box.id);
  CHECK(Heard(agent.metadata).at("/release/reason") == "done");
  CHECK(Heard(agent.metadata).has("/release/released_at"));
  CHECK(Heard(agent.metadata).has("/fleet/node_id"));

  world.claim(*peer, "carol");
  asked = release(R"({"name":"carol","delete_agent":true})");
  peer->say(result(asked, R"("output":{"released":true})"));
  peer->expect_silence();
  CHECK_FALSE(world.get<bool>([&](Store& store) -> Result<bool> {
    return store.find_agent(world.workspace.id, "carol").has_value();
  }));
}

}  // namespace relay::engine
