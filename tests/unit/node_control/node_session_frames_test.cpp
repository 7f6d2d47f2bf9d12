// What a node's session does with the engine's frames: replies, actions, and those that make no
// sense.
#include <algorithm>

#include "session_world.hpp"

namespace relay::node_control {
namespace {

using Scenario = asio::awaitable<void>;

struct FramesSession : SessionWorld {};

/// A registration whose answer the test waits for on its own.
class Asked {
 public:
  explicit Asked(SessionWorld& world) : world_(world), group_(world.io.get_executor()) {}

  void ask(std::string name) { group_.spawn(one(this, std::move(name))); }
  Scenario join() {
    co_await net::shielded();
    co_await group_.join();
  }
  std::vector<Result<wire::AgentRegistered>> answers;

 private:
  static Scenario one(Asked* self, std::string name) {
    AgentWish wish(std::move(name));
    auto answer = co_await self->world_.session->register_agent(std::move(wish));
    self->answers.push_back(std::move(answer));
  }
  SessionWorld& world_;
  net::TaskGroup group_;
};

}  // namespace

TEST_CASE_FIXTURE(FramesSession, "a spawn: register, reply, inventory, heartbeat, result") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    co_await w.engine.next_frame("inventory.sync");
    co_await w.engine.next_frame("node.heartbeat");
    const std::string id = w.engine.invoke("builder-1", "spawn:claude", R"({"name":"ada"})");
    co_await w.invoked(1);
    CHECK(w.broker.actions.front().action == "spawn:claude");
    CHECK(w.broker.actions.front().input.text() == R"({"name":"ada"})");
    AgentWish wish("ada");
    wish.invocation_id = id;
    wish.session_ref = "session-1";
    const auto agent = co_await w.session->register_agent(std::move(wish));
    REQUIRE(agent.has_value());
    CHECK(agent->token == w.engine.state().agent("ada").token);
    w.broker.add(agent->agent_id, "ada", id);
    w.broker.now.load = 0.5;
    w.broker.now.active_agents = 1;
    w.session->inventory_changed();
    w.session->load_changed();
    CHECK(w.session->finish(id, json(R"({"spawned":true,"name":"ada"})")));
    const Record asked = co_await w.engine.next_frame("agent.register");
    const Record reply = co_await w.engine.next_sent("reply:agent.register");
    const Record list = co_await w.engine.next_frame("inventory.sync");
    const Record beat = co_await w.engine.next_frame("node.heartbeat");
    const Record result = co_await w.engine.next_frame("action.result");
    CHECK(asked.string("/invocation_id") == id);
    CHECK(asked.json("/resumable") == "true");
    CHECK(asked.index < reply.index);
    CHECK(reply.index < list.index);
    CHECK(list.index < beat.index);
    CHECK(beat.index < result.index);
    CHECK(list.string("/agents/0/name") == "ada");
    CHECK(list.string("/agents/0/invocation_id") == id);
    CHECK(beat.json("/load") == "0.5");
    CHECK(result.json("/output") == R"({"spawned":true,"name":"ada"})");
    CHECK(w.engine.state().agent("ada").node_id == "node_1");
  });
}

TEST_CASE_FIXTURE(FramesSession, "a child that does not start: deregistered, an error, no trace") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    const std::string id = w.engine.invoke("builder-1", "spawn:claude", R"({"name":"ada"})");
    co_await w.invoked(1);
    AgentWish wish("ada");
    wish.invocation_id = id;
    const auto agent = co_await w.session->register_agent(std::move(wish));
    REQUIRE(agent.has_value());
    REQUIRE(w.session->deregister_agent(agent->agent_id, "ada").has_value());
    CHECK(w.session->finish(id, std::string("spawn_failed: no such file")));
    const Record gone = co_await w.engine.next_frame("agent.deregister");
    const Record result = co_await w.engine.next_frame("action.result");
    CHECK(gone.index < result.index);
    CHECK(gone.string("/agent_id") == agent->agent_id);
    CHECK(result.string("/error") == "spawn_failed: no such file");
    co_await w.finished(id, "failed");
    CHECK(w.session->status().agents == 0);
    for (const auto& list : w.engine.frames_of("inventory.sync")) {
      CHECK(list.json("/agents") == "[]");
    }
  });
}

TEST_CASE_FIXTURE(FramesSession,
                  "A12, R17, C10, 12.5.9: frames that make no sense do not end the connection") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    const std::string ada = co_await w.agent("ada");
    auto& socket = w.engine.socket();
    for (
        const char* text : {
            R"({"v":1,"type":"context.update","topic":"presence","event":"agent.online","channel_id":null,"agent_ids":["a"],"data":{}})",
            R"({"v":1,"type":"brand.new","x":{"y":1}})",
            R"({"v":1,"type":"ping","extra":true})",
            R"({"v":2,"type":"deliver","agent":"ada","seq":1})",
            R"({"v":1,"type":"deliver","agent":"ada"})",
            R"({"v":1,"type":"reply","id":"nobody","ok":true,"data":{"status":"x"}})",
            R"({"v":1,"type":"error","id":"nobody","ok":false,"code":"odd","message":"m"})",
            "{\"v\":1,\"type\":",
            "[]",
            "null",
            "\"text\"",
            "",
            "not json at all",
        }) {
      socket.send_as_is(text);
    }
    socket.send_binary(std::string("\x00\x01", 2));
    co_await w.settle();
    const NodeStatus status = w.session->status();
    CHECK(status.connected);
    CHECK(status.counters.connections == 1);
    CHECK(status.counters.unknown_frames == 1);
    CHECK(status.counters.bad_frames == 9);
    CHECK(status.counters.engine_errors == 1);
    // An error is a warning with its code, a reply to nobody is not.
    for (const auto& [level, text] : w.broker.notes) {
      if (text.find("odd") != std::string::npos) CHECK(level == NoteLevel::warning);
      if (text.find("nobody") != std::string::npos) CHECK(level == NoteLevel::debug);
    }
    CHECK(w.broker.noted("odd"));
    CHECK_FALSE(w.broker.noted("context"));
    // Unknown keys in what is known.
    socket.send_as_is(
        R"({"v":1,"type":"deliver","delivery_id":"d1","agent_id":")" + ada +
        R"(","agent":"ada","msg_id":"m1","seq":1,"mode":"wait","payload":{"type":"x"},"new":[1]})");
    socket.send_as_is(
        R"({"v":1,"type":"action.invoke","invocation_id":"i1","action":"x","input":null,"new":{}})");
    co_await w.invoked(1);
    std::function<bool()> came = [&w] { return w.broker.deliveries.size() == 1; };
    co_await w.broker.until(std::move(came), "the delivery");
  });
}

TEST_CASE_FIXTURE(FramesSession,
                  "a lost reply: the caller gives up after 30 s, a late one is undone") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    w.engine.outgoing("reply:agent.register", FrameScript::hold(), 1);
    Asked asked(w);
    asked.ask("ada");
    co_await w.engine.next_note("held reply:agent.register");
    co_await w.pass(29s);
    CHECK(asked.answers.empty());
    co_await w.pass(2s);
    co_await asked.join();
    REQUIRE(asked.answers.size() == 1);
    REQUIRE_FALSE(asked.answers.front().has_value());
    CHECK(asked.answers.front().error().code == Code::timeout);
    CHECK(asked.answers.front().error().message.find("agent_register_timeout") !=
          std::string::npos);
    w.engine.release_frames();
    const Record undone = co_await w.engine.next_frame("agent.deregister");
    const Record first = co_await w.engine.next_frame("agent.register");
    CHECK(undone.string("/id") == first.string("/id"));
    CHECK(undone.string("/name") == "ada");
    CHECK(undone.string("/agent_id") == w.engine.state().agent("ada").id);
    CHECK(w.session->status().agents == 0);
  });
}

TEST_CASE_FIXTURE(FramesSession, "two registrations of one name: one wins, the other is told so") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    Asked asked(w);
    asked.ask("ada");
    asked.ask("ada");
    asked.ask("bert");
    co_await asked.join();
    REQUIRE(asked.answers.size() == 3);
    REQUIRE_FALSE(asked.answers[0].has_value());
    CHECK(asked.answers[0].error().code == Code::name_conflict);
    CHECK(asked.answers[1].has_value());
    CHECK(asked.answers[2].has_value());
    CHECK(w.engine.frames_of("agent.register").size() == 2);
  });
}

TEST_CASE_FIXTURE(FramesSession, "replies in the other order and with other ids find who asked") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    w.engine.outgoing("reply:agent.register", FrameScript::swap_with_next(), 1);
    w.engine.outgoing("reply:agent.register", FrameScript::with("/id", R"("made_up")"), 1);
    Asked asked(w);
    asked.ask("ada");
    asked.ask("bert");
    co_await asked.join();
    REQUIRE(asked.answers.size() == 2);
    for (const auto& answer : asked.answers) {
      REQUIRE(answer.has_value());
      CHECK(answer->agent_id == w.engine.state().agent(answer->name.value()).id);
    }
  });
}

TEST_CASE_FIXTURE(FramesSession,
                  "a registration under way when the connection ends, and when the broker does") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    w.engine.outgoing("reply:agent.register", FrameScript::drop(), 2);
    Asked first(w);
    first.ask("ada");
    co_await w.engine.next_note("dropped reply:agent.register");
    w.engine.socket().reset();
    co_await first.join();
    CHECK(first.answers.at(0).error().code == Code::connection_closed);
    CHECK(first.answers.at(0).error().message.find("node_control_disconnected") !=
          std::string::npos);
    co_await w.jump(30s);
    co_await w.connected();
    Asked second(w);
    second.ask("ada");
    co_await w.engine.next_note("dropped reply:agent.register");
    co_await w.session->stop();
    co_await second.join();
    CHECK(second.answers.at(0).error().code == Code::cancelled);
  });
}

TEST_CASE_FIXTURE(FramesSession, "the engine's refusal of an agent is the error, in its words") {
  run([](SessionWorld& w) -> Scenario {
    w.options.manifest.max_agents = 1;
    co_await w.up();
    (void)co_await w.agent("ada");
    AgentWish wish("bert");
    const auto refused = co_await w.session->register_agent(std::move(wish));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == Code::queue_full);
    CHECK(refused.error().message.find("node_capacity_exceeded") != std::string::npos);
  });
}

TEST_CASE_FIXTURE(FramesSession,
                  "messages that come before the reply to the registration wait for it") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    w.engine.state().agent_or_new("ada");
    w.engine.dm("bob", "ada", "one");
    w.engine.outgoing("reply:agent.register", FrameScript::hold(), 1);
    Asked asked(w);
    asked.ask("ada");
    co_await w.engine.next_sent("deliver");
    co_await w.settle();
    CHECK(w.broker.deliveries.empty());
    w.engine.release_frames();
    co_await asked.join();
    std::function<bool()> came = [&w] { return w.broker.deliveries.size() == 1; };
    co_await w.broker.until(std::move(came), "the message");
    CHECK(w.broker.dead.empty());
  });
}

TEST_CASE_FIXTURE(FramesSession,
                  "an action: round trip; a repeat is answered again and not run again") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    const std::string id = w.engine.invoke("builder-1", "run:test", R"({"n":1})");
    co_await w.invoked(1);
    const std::string repeat = R"({"v":1,"type":"action.invoke","invocation_id":")" + id +
                               R"(","action":"run:test","input":{"n":1}})";
    w.engine.socket().send_as_is(repeat);
    co_await w.settle();
    CHECK(w.broker.actions.size() == 1);
    CHECK(w.session->finish(id, json("{\"ok\":1}")));
    CHECK_FALSE(w.session->finish(id, json("{\"ok\":2}")));
    CHECK_FALSE(w.session->finish("never_invoked", json("1")));
    co_await w.finished(id, "completed");
    w.engine.socket().send_as_is(repeat);
    co_await w.settle();
    CHECK(w.broker.actions.size() == 1);
    const auto results = w.engine.frames_of("action.result");
    REQUIRE(results.size() == 2);
    CHECK(results[0].text == results[1].text);
  });
}

TEST_CASE_FIXTURE(FramesSession,
                  "A17, 12.5.7: results of a time without a connection reach the engine later") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    const std::string first = w.engine.invoke("builder-1", "run:test", "1");
    const std::string second = w.engine.invoke("builder-1", "run:test", "2");
    co_await w.invoked(2);
    w.engine.down();
    co_await w.waits();
    CHECK(w.session->finish(first, json("1")));
    CHECK(w.session->finish(second, std::string("handler_unavailable")));
    CHECK(w.session->status().unsent_results == 2);
    w.engine.up();
    co_await w.jump(30s);
    co_await w.connected();
    co_await w.settle();
    const auto results = w.engine.frames_of("action.result");
    REQUIRE(results.size() >= 2);
    CHECK(results[0].string("/invocation_id") == first);
    CHECK(results[1].string("/error") == "handler_unavailable");
    CHECK(w.session->status().unsent_results == 0);
    co_await w.finished(first, "completed");
  });
}

TEST_CASE_FIXTURE(FramesSession,
                  "releasing what is not here twice is a success, and says so cleanly") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    for (int time = 0; time < 2; ++time) {
      const std::string id = w.engine.invoke("builder-1", "release", R"({"name":"nobody"})");
      co_await w.invoked(static_cast<std::size_t>(time) + 1);
      CHECK(w.session->deregister_agent("agt_unknown", "nobody").has_value());
      CHECK(w.session->finish(id, json(R"({"released":true,"name":"nobody"})")));
      co_await w.finished(id, "completed");
    }
    CHECK(w.session->status().connected);
  });
}

TEST_CASE_FIXTURE(FramesSession,
                  "an action that runs is not given away by an inventory that cannot name it") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    const std::string id = w.engine.invoke("builder-1", "run:test", "1");
    co_await w.invoked(1);
    const std::size_t lists = w.engine.frames_of("inventory.sync").size();
    w.session->inventory_changed();
    co_await w.pass(20s);
    CHECK(w.session->status().connected);
    CHECK(w.engine.frames_of("inventory.sync").size() == lists);
    CHECK(w.engine.state().invocation(id).status == "dispatched");
    CHECK(w.session->finish(id, json("1")));
    co_await w.finished(id, "completed");
    // What was put off comes now.
    co_await w.settle();
    CHECK(w.engine.frames_of("inventory.sync").size() > lists);
  });
}

TEST_CASE_FIXTURE(FramesSession,
                  "12.1 11.5.5: the inventory is said every 60 s, also when it is empty") {
  run([](SessionWorld& w) -> Scenario {
    w.options.liveness.ask_after = 50s;
    w.options.liveness.answer_within = 55s;
    co_await w.up();
    CHECK(w.engine.frames_of("inventory.sync").size() == 1);
    co_await w.pass(62s);
    const auto lists = w.engine.frames_of("inventory.sync");
    CHECK(lists.size() >= 2);
    for (const auto& list : lists) CHECK(list.json("/agents") == "[]");
  });
}

TEST_CASE_FIXTURE(FramesSession,
                  "12.1 11.7.0: after a reconnect the inventory lists who lives here") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    const std::string ada = co_await w.agent("ada");
    w.engine.socket().reset();
    co_await w.waits();
    CHECK(w.engine.state().agent("ada").status == "offline");
    co_await w.jump(30s);
    co_await w.connected();
    co_await w.settle();
    CHECK(w.engine.frames_of("inventory.sync").back().string("/agents/0/agent_id") == ada);
    CHECK(w.engine.state().agent("ada").status == "active");
  });
}

TEST_CASE_FIXTURE(FramesSession, "a result that no engine takes is an error instead") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    const std::string id = w.engine.invoke("builder-1", "run:test", "1");
    co_await w.invoked(1);
    CHECK(w.session->finish(id, json("\"" + std::string(2'000'000, 'x') + "\"")));
    co_await w.finished(id, "failed");
    CHECK(w.engine.frames_of("action.result").back().string("/error") == "output_too_large");
  });
}

TEST_CASE_FIXTURE(FramesSession,
                  "an engine that answers the inventory under another id is not taken for silent") {
  run([](SessionWorld& w) -> Scenario {
    w.engine.outgoing("reply:inventory.sync", FrameScript::with("/id", R"("made_up")"),
                      test::kAlways);
    co_await w.up();
    co_await w.pass(25s);
    CHECK(w.session->status().connected);
    CHECK(w.session->status().counters.connections == 1);
  });
}

TEST_CASE_FIXTURE(FramesSession,
                  "an engine that refuses the inventory has answered: the connection is kept") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    w.engine.state().agent_or_new("ada");
    w.broker.add("agt_of_another_life", "ada");
    w.session->inventory_changed();
    co_await w.engine.next_sent("error:inventory.sync");
    co_await w.pass(25s);
    CHECK(w.broker.noted("inventory.sync: the engine refused: agent_identity_mismatch"));
    CHECK(w.session->status().connected);
    CHECK(w.session->status().counters.connections == 1);
  });
}

TEST_CASE_FIXTURE(FramesSession, "an engine that speaks is not asked; one that falls silent is") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    for (int times = 0; times < 5; ++times) {
      co_await w.pass(5s);
      w.engine.socket().send_as_is(R"({"v":1,"type":"brand.new"})");
      co_await w.settle();
    }
    CHECK(w.engine.frames_of("inventory.sync").size() == 1);
    co_await w.pass(8s);
    CHECK(w.engine.frames_of("inventory.sync").size() == 2);
  });
}

TEST_CASE_FIXTURE(FramesSession,
                  "who lives here already gets what the engine sends first on a connection") {
  run([](SessionWorld& w) -> Scenario {
    auto& ada = w.engine.state().agent_or_new("ada");
    ada.node_id = "node_1";
    const std::string id = ada.id;
    w.engine.dm("bob", "ada", "one");
    w.broker.add(id, "ada");
    co_await w.up();
    std::function<bool()> came = [&w] { return w.broker.deliveries.size() == 1; };
    co_await w.broker.until(std::move(came), "the message");
    CHECK(w.broker.deliveries.front().agent_id == id);
    co_await w.settle();
    CHECK(w.engine.frames_of("agent.deregister").empty());
    CHECK(w.broker.dead.empty());
  });
}

TEST_CASE_FIXTURE(FramesSession,
                  "another manifest is said at once, and in heartbeats from then on") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    NodeManifest manifest;
    manifest.version = "relay-broker/next";
    manifest.max_agents = 3;
    manifest.tags = {"gpu"};
    w.session->set_manifest(std::move(manifest));
    co_await w.settle();
    const auto hellos = w.engine.frames_of("node.register");
    REQUIRE(hellos.size() == 2);
    CHECK(hellos[1].json("/tags") == R"(["gpu"])");
    CHECK(w.engine.state().node("builder-1").max_agents == 3);
    CHECK(w.engine.state().node("builder-1").version == "relay-broker/next");
    w.session->load_changed();
    co_await w.settle();
    CHECK(w.engine.frames_of("node.heartbeat").back().json("/max_agents") == "3");
    CHECK(w.session->status().connected);
  });
}

}  // namespace relay::node_control
