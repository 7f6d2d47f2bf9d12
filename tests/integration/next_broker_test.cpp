// What the next broker finds of the agents, messages and facts of the one before.
#include "integration/broker_world.hpp"

namespace relay::broker {

TEST_CASE_FIXTURE(World, "the next broker takes the agents over, and what waits for them") {
  pid_t pid = 0;
  auto before = [](World& w, pid_t* into) -> Scenario {
    const auto made = co_await w.broker->spawn(World::request("ada", kReader));
    REQUIRE(made);
    *into = made->pid;
    ModeChange by_hand;
    by_hand.mode = DeliveryMode::manual_flush;
    const auto done_9 = co_await w.broker->set_mode("ada", by_hand);
    REQUIRE(done_9);
    w.deliver("ada", 1, "one");
  };
  run(before(*this, &pid));
  end(Broker::Agents::leave);
  leave();
  open();
  begin();
  auto after = [](World& w, pid_t before_it) -> Scenario {
    const auto agent = w.broker->agent("ada");
    REQUIRE(agent);
    CHECK(agent->pid == before_it);
    CHECK(agent->agent_id == "agt_ada_1");
    // What a person holds back stays so, whoever is the broker.
    CHECK(agent->mode == DeliveryMode::manual_flush);
    CHECK(agent->pending == 1);
    const auto let_go = co_await w.broker->flush("ada");
    REQUIRE(let_go);
    {
      std::function<bool()> holds = [&w] {
        return w.screen("ada").find("Relay message") != std::string::npos;
      };
      co_await w.until(std::move(holds), "the message is read");
    }
    {
      std::function<bool()> holds = [&w] { return w.engine.acknowledged.size() == 1; };
      co_await w.until(std::move(holds), "it is acknowledged");
    }
    const auto done_10 = co_await w.broker->release(ReleaseRequest("ada"));
    REQUIRE(done_10);
  };
  run(after(*this, pid));
}

TEST_CASE_FIXTURE(World, "what is only to be known is typed by no broker, the next one neither") {
  play([](World& w) -> Scenario {
    const auto made = co_await w.broker->spawn(World::request("ada", kReader));
    REQUIRE(made);
    StoredMessage notice;
    notice.key = {made->agent_id, "del_1", 1};
    notice.agent_name = "ada";
    notice.generation = "g-before";
    notice.frame = R"({"v":1,"type":"deliver","agent":"ada","agent_id":")" + made->agent_id +
                   R"(","delivery_id":"del_1","msg_id":"msg_1","seq":1,"mode":"wait",)"
                   R"("payload":{"type":"message.reacted","data":{"from_name":"bob"}}})";
    w.records.open.push_back(notice);
  });
  end(Broker::Agents::leave);
  leave();
  open();
  begin();
  play([](World& w) -> Scenario {
    std::function<bool()> holds = [&w] { return w.records.ended.size() == 1; };
    co_await w.until(std::move(holds), "the notice has ended");
    CHECK(w.records.ended[0].outcome.reason == "notice");
    CHECK(w.records.ended[0].generation == "g-before");
    CHECK(w.screen("ada").find("Relay message") == std::string::npos);
  });
}

TEST_CASE_FIXTURE(World, "of two messages under way at a takeover one is in doubt") {
  play([](World& w) -> Scenario {
    // Nobody reads: the first one stays with the terminal, the next one is got ready behind it.
    const auto made = co_await w.broker->spawn(World::request("ada", "exec sleep 1000"));
    REQUIRE(made);
    w.deliver("ada", 1, "one");
    w.deliver("ada", 2, "two");
    std::function<bool()> holds = [&w] {
      return w.records.open[0].begun && w.records.open[1].begun;
    };
    co_await w.until(std::move(holds), "both are begun");
  });
  end(Broker::Agents::leave);
  REQUIRE(records.open.size() == 2);
  CHECK(records.open[0].begun);
  CHECK_FALSE(records.open[1].begun);
  // For the keeper's sake: who is left is taken over and ended.
  leave();
  open();
  begin();
}

TEST_CASE_FIXTURE(World, "crashes are known to the next broker") {
  play([](World& w) -> Scenario {
    const auto made = co_await w.broker->spawn(World::request("ada", "read -r l; exit 3"));
    REQUIRE(made);
    w.deliver("ada", 1, "end");
    std::function<bool()> holds = [&w] { return !w.broker->crashes().empty(); };
    co_await w.until(std::move(holds), "it has crashed");
  });
  end(Broker::Agents::leave);
  leave();
  open();
  begin();
  const auto crashes = broker->crashes();
  REQUIRE(crashes.size() == 1);
  CHECK(crashes[0].agent == "ada");
  CHECK(crashes[0].exit == os::ExitStatus::exited(3));
}

TEST_CASE_FIXTURE(World, "a broker whose keeper is killed says that, and not what it cannot end") {
  play([](World& w) -> Scenario {
    const auto ada = co_await w.broker->spawn(World::request("ada", "sleep 1000"));
    REQUIRE(ada);
    REQUIRE(::kill(w.client().keeper_pid(), SIGKILL) == 0);
    std::function<bool()> holds = [&w] { return w.ended_by.has_value(); };
    co_await w.until(std::move(holds), "the broker ends");
  });
  CHECK(ended_by->code == Code::io_error);
  CHECK(ended_by->message == "the keeper was killed; its agents end with it");
  CHECK(ended_by->hint == "relay-broker serve starts anew");
  end(Broker::Agents::end);
  CHECK(notes.empty());
}

}  // namespace relay::broker
