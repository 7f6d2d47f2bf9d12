// Who handles an invocation, on every store there is.
#include "engine/dispatch.hpp"

#include "engine/store_world.hpp"

namespace relay::engine {
namespace {

using namespace std::chrono_literals;
using State = InvocationState;

Result<Invocation> spawn(StoreWorld& world, std::optional<std::string> target = std::nullopt,
                         const Agent* caller = nullptr) {
  return world.write([&](Store& of) {
    Spawn asked;
    asked.workspace = world.workspace.id;
    asked.capability = "claude";
    asked.target = std::move(target);
    asked.input = "{}";
    if (caller != nullptr) {
      asked.caller = caller->id;
      asked.caller_name = caller->name;
    }
    return start_spawn(of, asked);
  });
}

Node look(StoreWorld& world, const Node& node) {
  return world.get(world.read([&](const Store& of) { return of.node(node.id); }));
}

void connect(StoreWorld& world, const Node& node) {
  world.get(world.write([&](Store& of) { return of.node_connected(node.id, NodeManifest()); }));
}

std::optional<Answered> answer(StoreWorld& world, const Node& node, const Invocation& to,
                               std::optional<std::string> error = std::nullopt) {
  return world.get(world.write(
      [&](Store& of) { return take_result(of, node.id, to.id, R"({"ok":true})", error); }));
}

LostNode lose(StoreWorld& world, const Node& node) {
  return world.get(world.write([&](Store& of) { return lose_node(of, node.id); }));
}

std::vector<Invocation> sweep(StoreWorld& world) {
  return world.get(world.write([](Store& of) { return start_due(of, 100); }));
}

std::vector<Invocation> drain(StoreWorld& world, const Node& node) {
  return world.get(world.write([&](Store& of) { return start_waiting(of, node.id); }));
}

Result<Invocation> invoke(StoreWorld& world, const std::string& name, const Agent& caller) {
  return world.write([&](Store& of) -> Result<Invocation> {
    auto action = of.find_action(world.workspace.id, name);
    if (!action) return fail(action.error());
    Call call;
    call.workspace = world.workspace.id;
    call.caller = caller.id;
    call.caller_name = caller.name;
    call.input = "{}";
    return start_action(of, *action, call);
  });
}

void offer(StoreWorld& world, const std::string& name, const Agent& handler) {
  world.get(world.write([&](Store& of) {
    Action action;
    action.workspace = world.workspace.id;
    action.name = name;
    action.handler_agent = handler.id;
    return of.put_action(action);
  }));
}

Node own_node(const Agent& agent) {
  Node node;
  node.id = agent.node;
  return node;
}

}  // namespace

TEST_CASE("spawns at the same time go to different nodes of one place; the next finds none") {
  on_each_store([](StoreWorld& world) {
    world.broker("one", {"spawn:claude"}, 1);
    world.broker("two", {"spawn:claude"}, 1);
    const auto first = world.get(spawn(world));
    const auto second = world.get(spawn(world));
    CHECK(first.state == State::dispatched);
    CHECK(first.capability == "spawn:claude");
    CHECK(first.node != second.node);
    CHECK(world.refusal(spawn(world)) == "handler_unavailable");
    world.clock.advance(31s);
    const auto due = world.get(world.read([](const Store& of) { return of.due_invocations(10); }));
    CHECK(due.size() == 2);  // nothing is left of the third
  });
}

TEST_CASE("a spawn goes to the node it names; its place is free again at its end") {
  on_each_store([](StoreWorld& world) {
    const auto one = world.broker("one", {"spawn:claude"}, 1);
    world.broker("two", {"spawn:claude"});
    const auto made = world.get(spawn(world, "#one"));
    CHECK(made.node == one.id);
    CHECK(look(world, one).reserved == 1);
    CHECK(world.refusal(spawn(world, "one")) == "handler_unavailable");
    const auto ended = answer(world, one, made);
    REQUIRE(ended);
    CHECK(ended->invocation.state == State::completed);
    CHECK(look(world, one).reserved == 0);
    CHECK_FALSE(answer(world, one, made));
    CHECK(look(world, one).reserved == 0);
  });
}

TEST_CASE("who has left a node leaves a place, and who is there has one, before it says so") {
  on_each_store([](StoreWorld& world) {
    const auto one = world.broker("one", {"spawn:claude"}, 1);
    const auto worker = world.get(world.claim(one, "worker"));
    CHECK(world.refusal(spawn(world, "one")) == "handler_unavailable");
    CHECK(world.refusal(spawn(world)) == "handler_unavailable");
    NodeBeat beat;
    beat.active_agents = 1;
    beat.handlers_live = true;
    world.get(world.write([&](Store& of) { return of.node_beat(one.id, beat); }));
    world.get(world.write([&](Store& of) { return of.unbind_agent(worker.id, one.id); }));
    CHECK(world.get(spawn(world, "one")).node == one.id);
  });
}

TEST_CASE("an agent that has come takes the place that was held for it, and no second one") {
  on_each_store([](StoreWorld& world) {
    const auto one = world.broker("one", {"spawn:claude"}, 2);
    const auto two = world.broker("two", {"spawn:claude"}, 2);
    const auto first = world.get(spawn(world, "one"));
    world.get(world.claim(one, "worker"));
    const auto come = [&](const Node& node, Id invocation) {
      world.get(world.write([&](Store& of) { return take_place(of, node.id, invocation); }));
    };
    come(two, first.id);
    come(one, 17);
    CHECK(look(world, one).reserved == 1);
    come(one, first.id);
    come(one, first.id);
    CHECK(look(world, one).reserved == 0);
    CHECK(world.get(spawn(world, "one")).node == one.id);
    CHECK(world.refusal(spawn(world, "one")) == "handler_unavailable");
    REQUIRE(answer(world, one, first));
    CHECK(look(world, one).reserved == 1);
  });
}

TEST_CASE("a target that is not there, cannot, or is nobody's own") {
  on_each_store([](StoreWorld& world) {
    world.broker("plain", {"lint"});
    const auto anna = world.agent("anna");
    CHECK(world.refusal(spawn(world, "nowhere")) == "node_not_found");
    CHECK(world.refusal(spawn(world, "plain")) == "capability_mismatch");
    CHECK(world.refusal(spawn(world, "self")) == "placement_self_requires_agent");
    CHECK(world.refusal(spawn(world, "self", &anna)) == "placement_self_unavailable");
    const auto node = world.broker("home", {"spawn:claude"});
    const auto worker = world.get(world.claim(node, "worker"));
    CHECK(world.get(spawn(world, "self", &worker)).node == node.id);
  });
}

TEST_CASE("a spawn waits for the node it names, and goes when that is there and has room") {
  on_each_store([](StoreWorld& world) {
    const auto one = world.broker("one", {"spawn:claude"}, 1);
    world.broker("two", {"spawn:claude"});
    lose(world, one);
    const auto first = world.get(spawn(world, "one"));
    const auto second = world.get(spawn(world, "one"));
    CHECK(first.state == State::pending);
    world.clock.advance(10min);
    CHECK(sweep(world).empty());
    connect(world, one);
    const auto started = drain(world, one);
    REQUIRE(started.size() == 1);
    CHECK(started[0].id == first.id);
    CHECK(look(world, one).reserved == 1);
    CHECK(drain(world, one).empty());
    REQUIRE(answer(world, one, started[0]));
    const auto next = drain(world, one);
    REQUIRE(next.size() == 1);
    CHECK(next[0].id == second.id);
  });
}

TEST_CASE("what a lost node had to do another one does, and its late answer is nothing") {
  on_each_store([](StoreWorld& world) {
    const auto one = world.broker("one", {"spawn:claude"}, 1);
    const auto made = world.get(spawn(world));
    const auto two = world.broker("two", {"spawn:claude"}, 1);
    world.get(world.claim(one, "worker"));
    const auto lost = lose(world, one);
    REQUIRE(lost.agents.size() == 1);
    REQUIRE(lost.invocations.size() == 1);
    CHECK(lost.invocations[0].id == made.id);
    CHECK(lost.invocations[0].node == two.id);
    CHECK(look(world, one).reserved == 0);
    CHECK(look(world, two).reserved == 1);
    connect(world, one);
    CHECK(drain(world, one).empty());
    CHECK_FALSE(answer(world, one, made));
    CHECK(answer(world, two, made));
    CHECK(lose(world, one).invocations.empty());
  });
}

TEST_CASE("nobody answers, nobody else is there: it waits longer, and then goes back") {
  on_each_store([](StoreWorld& world) {
    const auto one = world.broker("one", {"spawn:claude"});
    const auto made = world.get(spawn(world));
    const auto beat = [&] {
      NodeBeat alive;
      alive.handlers_live = true;
      world.get(world.write([&](Store& of) { return of.node_beat(one.id, alive); }));
    };
    world.clock.advance(31s);
    beat();
    auto swept = sweep(world);
    REQUIRE(swept.size() == 1);
    CHECK(swept[0].id == made.id);
    CHECK(swept[0].state == State::pending);
    CHECK(look(world, one).reserved == 0);
    CHECK(sweep(world).empty());
    world.clock.advance(11s);
    swept = sweep(world);
    REQUIRE(swept.size() == 1);
    CHECK(swept[0].state == State::dispatched);
    CHECK(swept[0].node == one.id);
  });
}

TEST_CASE("a node whose handlers are down passes it on, and is asked no more") {
  on_each_store([](StoreWorld& world) {
    const auto one = world.broker("one", {"lint"});
    const auto two = world.broker("two", {"lint"});
    const auto anna = world.agent("anna");
    const auto made = world.get(invoke(world, "lint", anna));
    CHECK(made.node == one.id);
    CHECK_FALSE(made.place_held);
    const auto passed = answer(world, one, made, "handler_unavailable");
    REQUIRE(passed);
    CHECK(passed->passed_on);
    CHECK(passed->invocation.node == two.id);
    CHECK_FALSE(look(world, one).handlers_live);
    const auto failed = answer(world, two, made, "no such file");
    REQUIRE(failed);
    CHECK(failed->invocation.state == State::failed);
    CHECK(failed->invocation.error == "no such file");
  });
}

TEST_CASE("an inventory keeps what it names; the rest goes to others") {
  on_each_store([](StoreWorld& world) {
    const auto one = world.broker("one", {"spawn:claude"});
    const auto kept = world.get(spawn(world));
    const auto other = world.get(spawn(world));
    const auto two = world.broker("two", {"spawn:claude"});
    const auto moved =
        world.get(world.write([&](Store& of) { return take_from(of, one.id, {kept.id}); }));
    REQUIRE(moved.size() == 1);
    CHECK(moved[0].id == other.id);
    CHECK(moved[0].node == two.id);
  });
}

TEST_CASE("an action is for whom it is for; one of an agent goes to where that is") {
  on_each_store([](StoreWorld& world) {
    const auto anna = world.agent("anna");
    const auto bert = world.agent("bert");
    world.get(world.write([&](Store& of) {
      Action action;
      action.workspace = world.workspace.id;
      action.name = "review";
      action.handler_agent = bert.id;
      action.available_to = {{"anna"}};
      return of.put_action(action);
    }));
    CHECK(world.refusal(invoke(world, "review", bert)) == "action_denied");
    const auto away = world.get(invoke(world, "review", anna));
    CHECK(away.state == State::pending);
    world.clock.advance(6s);
    REQUIRE(sweep(world).size() == 1);
    world.get(world.write([&](Store& of) { return of.node_connected(bert.node, {}); }));
    const auto made = world.get(invoke(world, "review", anna));
    CHECK(made.state == State::dispatched);
    CHECK(made.node == bert.node);
    CHECK(made.handler_agent == bert.id);
    Node bert_node;
    bert_node.id = bert.node;
    const auto started = drain(world, bert_node);
    REQUIRE(started.size() == 1);
    CHECK(started[0].id == away.id);
    world.clock.advance(1h);
    CHECK(sweep(world).empty());  // an agent takes the time it needs
  });
}

TEST_CASE("what a removed agent was to handle has failed at the next look, and others go on") {
  on_each_store([](StoreWorld& world) {
    const auto anna = world.agent("anna");
    const auto bert = world.agent("bert");
    const auto carl = world.agent("carl");
    offer(world, "review", bert);
    offer(world, "lint", carl);
    const auto waiting = world.get(invoke(world, "review", anna));
    const auto other = world.get(invoke(world, "lint", anna));
    connect(world, own_node(bert));
    const auto dispatched = world.get(invoke(world, "review", anna));
    CHECK(dispatched.state == State::dispatched);
    world.get(world.write([&](Store& of) { return of.remove_agent(bert.id); }));
    const auto ended = sweep(world);
    REQUIRE(ended.size() == 2);
    for (const auto& each : ended) {
      CHECK(each.id != other.id);
      CHECK(each.state == State::failed);
      CHECK(each.error == "the agent that handles it is gone");
    }
    CHECK(sweep(world).empty());
    world.clock.advance(6s);
    const auto due = sweep(world);
    REQUIRE(due.size() == 1);
    CHECK(due[0].id == other.id);
    CHECK(waiting.id != other.id);
  });
}

TEST_CASE("a release comes again to the node that has the agent, whatever that offers") {
  on_each_store([](StoreWorld& world) {
    const auto one = world.broker("one");
    world.broker("two", {"release"});
    const auto worker = world.get(world.claim(one, "worker"));
    const auto made = world.get(world.write([&](Store& of) {
      Call call;
      call.workspace = world.workspace.id;
      call.input = "{}";
      return start_release(of, worker, call);
    }));
    CHECK(made.node == one.id);
    world.clock.advance(31s);
    auto swept = sweep(world);
    REQUIRE(swept.size() == 1);
    CHECK(swept[0].state == State::dispatched);
    CHECK(swept[0].node == one.id);
    const auto lost = lose(world, one);
    REQUIRE(lost.invocations.size() == 1);
    CHECK(lost.invocations[0].state == State::pending);
    world.clock.advance(10min);
    CHECK(sweep(world).empty());
    connect(world, one);
    const auto started = drain(world, one);
    REQUIRE(started.size() == 1);
    CHECK(started[0].id == made.id);
    world.get(world.write([&](Store& of) { return of.remove_node(one.id); }));
    world.clock.advance(31s);
    swept = sweep(world);
    REQUIRE(swept.size() == 1);
    CHECK(swept[0].state == State::failed);
  });
}

TEST_CASE("what an agent handles comes again when its node is back") {
  on_each_store([](StoreWorld& world) {
    const auto anna = world.agent("anna");
    const auto bert = world.agent("bert");
    offer(world, "review", bert);
    connect(world, own_node(bert));
    const auto made = world.get(invoke(world, "review", anna));
    CHECK(made.state == State::dispatched);
    const auto lost = lose(world, own_node(bert));
    REQUIRE(lost.invocations.size() == 1);
    CHECK(lost.invocations[0].state == State::pending);
    connect(world, own_node(bert));
    const auto started = drain(world, own_node(bert));
    REQUIRE(started.size() == 1);
    CHECK(started[0].id == made.id);
    CHECK(started[0].state == State::dispatched);
  });
}

}  // namespace relay::engine
