// What any store does with agents, nodes and invocations. Each test runs on every store there is.
#include "engine/store_world.hpp"

namespace relay::engine {
namespace {

using namespace std::chrono_literals;

Node enroll(StoreWorld& world, const std::string& name, std::optional<std::string> node_id) {
  return world.get(world.write([&](Store& of) {
    NodeEnrolment enrolment;
    enrolment.workspace = world.workspace.id;
    enrolment.name = name;
    enrolment.node_id = std::move(node_id);
    enrolment.token_hash = "token of " + name + enrolment.node_id.value_or("");
    return of.enroll_node(enrolment);
  }));
}

Agent find(StoreWorld& world, const std::string& name) {
  return world.get(
      world.read([&](const Store& of) { return of.find_agent(world.workspace.id, name); }));
}

NodeManifest offering(const std::vector<std::string>& names) {
  NodeManifest manifest;
  manifest.capabilities.emplace();
  for (const auto& name : names) manifest.capabilities->emplace_back().name = name;
  return manifest;
}

}  // namespace

TEST_CASE("a name is given once; a new agent is in general and has its own node") {
  on_each_store([](StoreWorld& world) {
    const auto anna = world.agent("anna");
    NewAgent same;
    same.workspace = world.workspace.id;
    same.name = "anna";
    same.token_hash = "other";
    CHECK(world.refusal(world.write([&](Store& of) { return of.register_agent(same); })) ==
          "agent_already_exists");
    const auto general = world.get(world.read(
        [&](const Store& of) { return of.find_channel(world.workspace.id, "general"); }));
    CHECK(general.member_count == 1);
    NewAgent apart = same;
    apart.name = "bert";
    apart.joins_general = false;
    world.get(world.write([&](Store& of) { return of.register_agent(apart); }));
    CHECK(world.get(world.read([&](const Store& of) { return of.channel(general.id); }))
              .member_count == 1);
    const auto node = world.get(world.read([&](const Store& of) { return of.node(anna.node); }));
    CHECK(node.node_id == "node_direct_" + std::to_string(anna.id));
    CHECK(node.name == "direct-" + std::to_string(anna.id));
    CHECK(node.role == NodeRole::direct);
    CHECK(node.tags == std::vector<std::string>{"implicit", "direct"});
  });
}

TEST_CASE("a rotated token is the only one; an unknown one is nobody's") {
  on_each_store([](StoreWorld& world) {
    const auto anna = world.agent("anna");
    AgentChange change;
    change.token_hash = "new token";
    world.get(world.write([&](Store& of) { return of.change_agent(anna.id, change); }));
    const auto who = [&](const std::string& token) {
      return world.read([&](const Store& of) { return of.agent_of_token(token); });
    };
    CHECK(world.get(who("new token")).id == anna.id);
    CHECK(world.refusal(who("token 1")) == "agent_token_invalid");
  });
}

TEST_CASE("an agent that is removed leaves its words and nothing else") {
  on_each_store([](StoreWorld& world) {
    const auto anna = world.agent("anna");
    const auto bert = world.agent("bert");
    const auto posted = world.dm(anna, bert, "hello");
    world.get(world.write([&](Store& of) { return of.remove_agent(anna.id); }));
    const auto message =
        world.get(world.read([&](const Store& of) { return of.message(posted.message.id); }));
    CHECK(message.author_name == "anna");
    CHECK(world.open_seqs(bert).size() == 1);
    CHECK(world.agent("anna").id != anna.id);
  });
}

TEST_CASE("two brokers of one name are two nodes; a node id finds its own again") {
  on_each_store([](StoreWorld& world) {
    const auto one = enroll(world, "host", "node_a");
    const auto two = enroll(world, "host", "node_b");
    CHECK(one.name == "host");
    CHECK(two.name == "host-2");
    CHECK(enroll(world, "host", "node_a").id == one.id);
    CHECK(enroll(world, "host", std::nullopt).id == one.id);
    const auto who = [&](const std::string& token) {
      return world.read([&](const Store& of) { return of.node_of_token(token); });
    };
    CHECK(world.get(who("token of hostnode_b")).id == two.id);
    CHECK(world.refusal(who("token of hostnode_a")) == "node_token_invalid");
  });
}

TEST_CASE("a direct node has one agent") {
  on_each_store([](StoreWorld& world) {
    NodeEnrolment enrolment;
    enrolment.workspace = world.workspace.id;
    enrolment.name = "push";
    enrolment.kind = NodeKind::poll;
    enrolment.max_agents = 0;
    enrolment.token_hash = "t";
    CHECK(world.refusal(world.write([&](Store& of) { return of.enroll_node(enrolment); })) ==
          "direct_node_capacity_exceeded");
    enrolment.max_agents = 1;
    CHECK(world.get(world.write([&](Store& of) { return of.enroll_node(enrolment); })).role ==
          NodeRole::direct);
  });
}

TEST_CASE("what only says room is no action; the first node with a name handles it") {
  on_each_store([](StoreWorld& world) {
    const auto one = enroll(world, "one", "node_1");
    const auto two = enroll(world, "two", "node_2");
    for (const auto& node : {one, two}) {
      const auto connected = world.get(world.write([&](Store& of) {
        return of.node_connected(node.id, offering({"spawn", "release", "spawn:claude", "lint"}));
      }));
      CHECK(connected.handlers_live);
    }
    const auto actions =
        world.get(world.read([&](const Store& of) { return of.actions(world.workspace.id); }));
    REQUIRE(actions.size() == 1);
    CHECK(actions[0].name == "lint");
    CHECK(actions[0].handler_node == one.id);
    const auto able = world.get(world.read(
        [&](const Store& of) { return of.nodes_with(world.workspace.id, "spawn:claude"); }));
    CHECK(able.size() == 2);
  });
}

TEST_CASE("a full node takes no other agent") {
  on_each_store([](StoreWorld& world) {
    const auto node = world.broker("small", {}, 1);
    const auto first = world.get(world.claim(node, "first"));
    CHECK(first.node == node.id);
    CHECK(world.refusal(world.claim(node, "second")) == "node_capacity_exceeded");
    CHECK(world.refusal(world.read([&](const Store& of) {
      return of.find_agent(world.workspace.id, "second");
    })) == "agent_not_found");
    CHECK(world.get(world.claim(node, "first")).id == first.id);
  });
}

TEST_CASE("an agent at work on one live node is not another one's") {
  on_each_store([](StoreWorld& world) {
    const auto one = world.broker("one");
    const auto two = world.broker("two");
    const auto agent = world.get(world.claim(one, "worker"));
    CHECK(world.refusal(world.claim(two, "worker")) == "agent_location_conflict");
    const auto lost = world.get(world.write([&](Store& of) { return of.node_lost(one.id); }));
    REQUIRE(lost.size() == 1);
    CHECK(lost[0].name == "worker");
    const auto moved = world.get(world.claim(two, "worker"));
    CHECK(moved.id == agent.id);
    CHECK(moved.origin_node == one.id);
    const auto left = world.get(world.read([&](const Store& of) { return of.bindings(one.id); }));
    CHECK(left.empty());
  });
}

TEST_CASE("an inventory binds what it names, drops what it does not, and one bad entry is alone") {
  on_each_store([](StoreWorld& world) {
    const auto one = world.broker("one");
    const auto two = world.broker("two");
    const auto here = world.get(world.claim(one, "here"));
    const auto gone = world.get(world.claim(one, "gone"));
    const auto busy = world.get(world.claim(two, "busy"));
    const auto outcome = world.get(world.write([&](Store& of) {
      return of.sync_inventory(
          one.id, {{here.id, "here", "s1"}, {busy.id, "busy", {}}, {12345, "nobody", {}}});
    }));
    REQUIRE(outcome.bound.size() == 1);
    CHECK(outcome.bound[0].id == here.id);
    REQUIRE(outcome.gone.size() == 1);
    CHECK(outcome.gone[0].id == gone.id);
    CHECK(outcome.rejected == std::vector<std::string>{"busy"});
    CHECK(find(world, "gone").status == AgentStatus::offline);
    CHECK(find(world, "gone").node == one.id);
    CHECK(find(world, "busy").node == two.id);
    CHECK(find(world, "here").session_ref == "s1");
  });
}

TEST_CASE("a direct node has its own agent, and can take no other one") {
  on_each_store([](StoreWorld& world) {
    const auto anna = world.agent("anna");
    const auto bert = world.agent("bert");
    const auto home = world.get(world.read([&](const Store& of) { return of.node(anna.node); }));
    world.get(world.write([&](Store& of) { return of.node_lost(home.id); }));
    CHECK(world.refusal(world.claim(home, "bert")) == "agent_location_conflict");
    CHECK(world.refusal(world.claim(home, "somebody")) == "agent_location_conflict");
    const auto outcome = world.get(world.write(
        [&](Store& of) { return of.sync_inventory(home.id, {{bert.id, "bert", {}}}); }));
    CHECK(outcome.bound.empty());
    CHECK(outcome.rejected == std::vector<std::string>{"bert"});
    CHECK(find(world, "bert").node == bert.node);
    CHECK(world.get(world.claim(home, "anna")).id == anna.id);
  });
}

TEST_CASE("who is unbound is at its own node again") {
  on_each_store([](StoreWorld& world) {
    const auto anna = world.agent("anna");
    const auto node = world.broker("one");
    const auto binding = world.get(
        world.write([&](Store& of) { return of.bind_agent(anna.id, node.id, std::nullopt, 0); }));
    CHECK(binding.active);
    CHECK(binding.agent_name == "anna");
    const auto unbind = [&] {
      return world.get(world.write([&](Store& of) { return of.unbind_agent(anna.id, node.id); }));
    };
    CHECK(unbind());
    CHECK_FALSE(unbind());
    CHECK(find(world, "anna").node == anna.node);
  });
}

TEST_CASE("the last place of a node is given once") {
  on_each_store([](StoreWorld& world) {
    const auto node = world.broker("small", {"spawn:claude"}, 1);
    const auto reserve = [&] {
      return world.get(world.write([&](Store& of) { return of.reserve_place(node.id); }));
    };
    CHECK(reserve());
    CHECK_FALSE(reserve());
    world.get(world.write([&](Store& of) { return of.give_place_back(node.id); }));
    CHECK(reserve());
  });
}

TEST_CASE("a heartbeat is stamped here, and says again what it says") {
  on_each_store([](StoreWorld& world) {
    const auto node = world.broker("one", {"lint"});
    world.clock.advance(10s);
    NodeBeat beat;
    beat.load = 0.5;
    beat.active_agents = 3;
    beat.handlers_live = true;
    const auto plain =
        world.get(world.write([&](Store& of) { return of.node_beat(node.id, beat); }));
    CHECK(plain.heartbeat == world.clock.wall());
    CHECK(plain.load == 0.5);
    CHECK(plain.active_agents == 3);
    CHECK(plain.capabilities.size() == 1);
    beat.manifest = offering({"lint", "test"});
    beat.manifest.max_agents = 5;
    const auto full =
        world.get(world.write([&](Store& of) { return of.node_beat(node.id, beat); }));
    CHECK(full.max_agents == 5);
    CHECK(full.capabilities.size() == 2);
    const auto silent = [&](Duration for_time) {
      return world
          .get(world.read(
              [&](const Store& of) { return of.silent_nodes(world.clock.wall() - for_time); }))
          .size();
    };
    CHECK(silent(45s) == 0);
    world.clock.advance(46s);
    CHECK(silent(45s) == 1);
  });
}

TEST_CASE("an invocation is kept as a decision has left it, and found when it is due") {
  on_each_store([](StoreWorld& world) {
    const auto anna = world.agent("anna");
    const auto node = world.broker("one", {"lint"});
    Invocation fresh;
    fresh.workspace = world.workspace.id;
    fresh.action = "lint";
    fresh.capability = "lint";
    fresh.caller = anna.id;
    fresh.caller_name = "anna";
    fresh.input = R"({"path":"src"})";
    auto made = world.get(world.write([&](Store& of) { return of.add_invocation(fresh); }));
    CHECK(made.state == InvocationState::pending);
    dispatch(made, node.id, true, world.clock.wall());
    world.get(world.write([&](Store& of) { return of.put_invocation(made); }));
    world.store->restart();
    const auto kept =
        world.get(world.read([&](const Store& of) { return of.invocation(made.id); }));
    CHECK(kept.node == node.id);
    CHECK(kept.place_held);
    CHECK(kept.input == R"({"path":"src"})");
    CHECK(kept.attempted == std::vector<Id>{node.id});
    CHECK(kept.retry_after == world.clock.wall() + 30s);
    const auto due = [&] {
      return world.get(world.read([](const Store& of) { return of.due_invocations(10); })).size();
    };
    CHECK(due() == 0);
    // It would wait longer than any wait is: the clock has gone back.
    world.clock.jump_wall(-31s);
    CHECK(due() == 1);
    world.clock.jump_wall(31s);
    world.clock.advance(31s);
    CHECK(due() == 1);
    CHECK(world.get(world.read([&](const Store& of) { return of.open_invocations(node.id); }))
              .size() == 1);
    (void)node_answered(made, node.id, "null", std::nullopt, world.clock.wall());
    world.get(world.write([&](Store& of) { return of.put_invocation(made); }));
    CHECK(due() == 0);
    CHECK(world.get(world.read([&](const Store& of) { return of.invocation(made.id); })).output ==
          "null");
  });
}

TEST_CASE("agents that nobody has seen become offline, those on a live node do not") {
  on_each_store([](StoreWorld& world) {
    const auto anna = world.agent("anna");
    const auto node = world.broker("one");
    world.get(world.claim(node, "worker"));
    world.clock.advance(6min);
    const auto stale = world.get(
        world.write([&](Store& of) { return of.take_stale_agents(world.clock.wall() - 5min); }));
    REQUIRE(stale.size() == 1);
    CHECK(stale[0].id == anna.id);
    CHECK(world.get(world.write([&](Store& of) { return of.touch_agent(anna.id); })));
    CHECK_FALSE(world.get(world.write([&](Store& of) { return of.touch_agent(anna.id); })));
    CHECK(find(world, "anna").status == AgentStatus::active);
  });
}

TEST_CASE("general stays; an archived channel takes nothing") {
  on_each_store([](StoreWorld& world) {
    const auto anna = world.agent("anna");
    const auto build = world.channel("build", {anna});
    const auto general = world.get(world.read(
        [&](const Store& of) { return of.find_channel(world.workspace.id, "general"); }));
    const auto archive = [&](const Channel& channel) {
      return world.refusal(world.write([&](Store& of) { return of.archive_channel(channel.id); }));
    };
    CHECK(archive(general) == "cannot_archive_general");
    CHECK(archive(build) == "none");
    CHECK(world.refusal(world.write([&](Store& of) {
      MessageDraft draft;
      draft.channel = build.id;
      draft.author = anna.id;
      return of.append_message(draft);
    })) == "channel_archived");
    CHECK(world
              .get(world.read(
                  [&](const Store& of) { return of.channels(world.workspace.id, false); }))
              .size() == 1);
  });
}

TEST_CASE("a workspace goes with all that is in it, and leaves the others alone") {
  on_each_store([](StoreWorld& world) {
    const auto anna = world.agent("anna");
    const auto bert = world.agent("bert");
    world.dm(anna, bert, "hello");
    const auto other =
        world.get(world.write([](Store& of) { return of.create_workspace("other", "other key"); }));
    world.get(world.write([&](Store& of) { return of.remove_workspace(world.workspace.id); }));
    CHECK(world.refusal(world.read([](const Store& of) {
      return of.workspace_of_key("hash of the key");
    })) == "unauthorized");
    CHECK(world.refusal(world.read([&](const Store& of) { return of.mailbox(bert.id); })) ==
          "agent_not_found");
    CHECK(world.get(world.read([](const Store& of) { return of.workspace_of_key("other key"); }))
              .id == other.id);
  });
}

}  // namespace relay::engine
