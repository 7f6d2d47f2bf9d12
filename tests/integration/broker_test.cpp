// A broker with a real keeper and real programs; what it writes down, and the engine, are noted.
#include "integration/broker_world.hpp"

namespace relay::broker {

TEST_CASE_FIXTURE(World, "messages of the engine and of this machine reach the agent in order") {
  play([](World& w) -> Scenario {
    const auto made = co_await w.broker->spawn(World::request("ada", kReader));
    REQUIRE(made);
    CHECK(made->agent_id == "agt_ada_1");
    CHECK(made->pid > 0);
    w.deliver("ada", 1, "one");
    SendRequest request;
    request.to = "@ADA";
    request.text = "two";
    const auto sent = co_await w.broker->send(std::move(request));
    REQUIRE(sent);
    CHECK(sent->delivered == 1);
    w.deliver("ada", 2, "three");
    {
      std::function<bool()> holds = [&w] { return w.records.ended.size() == 3; };
      co_await w.until(std::move(holds), "three ends");
    }
    {
      // A message has ended when it is read; what the program makes of it comes later.
      std::function<bool()> holds = [&w] {
        return w.screen("ada").find("three") != std::string::npos;
      };
      co_await w.until(std::move(holds), "the last one is shown");
    }
    const std::string shown = w.screen("ada");
    const auto at = [&shown](const char* text) { return shown.find(text); };
    CHECK(at("one") < at("two"));
    CHECK(at("two") < at("three"));
    CHECK(at("three") != std::string::npos);
    CHECK(w.engine.acknowledged == std::vector<std::uint64_t>{1, 2});
    CHECK(w.records.open.empty());
    CHECK(w.broker->agents().at(0).typed == 3);
    for (const char* kind :
         {"agent_spawned", "worker_ready", "relay_inbound", "delivery_queued", "delivery_injected",
          "delivery_ack", "delivery_verified", "message_delivery_confirmed"}) {
      CAPTURE(kind);
      CHECK(w.told(kind));
    }
  });
}

TEST_CASE_FIXTURE(World, "a message waits for the disk once where marks are kept") {
  play([](World& w) -> Scenario {
    const auto made = co_await w.broker->spawn(World::request("ada", kReader));
    REQUIRE(made);
    const std::vector<std::string> texts{"one", "two"};
    for (std::size_t i = 0; i < texts.size(); ++i) {
      w.records.run_ahead = i == 0;
      SendRequest request;
      request.to = "ada";
      request.text = texts[i];
      const auto sent = co_await w.broker->send(std::move(request));
      REQUIRE(sent);
      std::function<bool()> holds = [&w, i] { return w.records.ended.size() == i + 1; };
      co_await w.until(std::move(holds), "its end");
      CHECK(w.records.ended[i].generation == w.roster->find("ada")->generation());
      CHECK(w.records.begins == static_cast<int>(i));
    }
    w.records.run_ahead = true;
    w.deliver("ada", 1, "three");
    std::function<bool()> holds = [&w] { return w.records.ended.size() == 3; };
    co_await w.until(std::move(holds), "the end of one of the engine");
    CHECK(w.records.begins == 1);
  });
}

TEST_CASE_FIXTURE(World, "a program may speak before its spawn is written down") {
  net::Event written(io().get_executor());
  records.agents_wait = &written;
  std::optional<Result<SpawnedAgent>> made;
  auto wanted = World::request("ada", "echo runs; exec sleep 1000");
  wanted.result_schema = *wire::Json::parse("{}");
  tasks->spawn(spawn_into(this, std::move(wanted), &made));
  play([](World& w) -> Scenario {
    {
      std::function<bool()> holds = [&w] {
        const auto ada = w.roster->speaker("ada");
        return ada && ada->view().pid > 0;
      };
      co_await w.until(std::move(holds), "its program runs");
    }
    CHECK(w.broker->agents().empty());
    SendRequest request;
    request.to = "@bob";
    request.text = "hello";
    request.from = "ada";
    request.from_agent = true;
    const auto sent = co_await w.broker->send(std::move(request));
    REQUIRE(sent);
    CHECK(w.engine.published == std::vector<std::string>{"bob hello at_live_ada"});
    HandedIn result;
    result.token = w.roster->speaker("ada")->result_token;
    result.name = "ada";
    const auto accepted = w.broker->hand_in(std::move(result));
    REQUIRE(accepted);
    CHECK(accepted->name == "ada");
  });
  records.agents_wait = nullptr;
  written.notify();
  play([&made](World& w) -> Scenario {
    {
      std::function<bool()> holds = [&made] { return made.has_value(); };
      co_await w.until(std::move(holds), "the spawn ends");
    }
    CHECK(w.broker->agents().size() == 1);
  });
}

TEST_CASE_FIXTURE(World, "an engine that does not answer keeps no program from starting") {
  net::Event never(io().get_executor());
  engine.channels_wait = &never;
  parts->settings.enter_within = 50ms;
  play([](World& w) -> Scenario {
    auto wanted = World::request("ada", kReader);
    wanted.channels = {"one", "two", "three"};
    const auto made = co_await w.broker->spawn(std::move(wanted));
    REQUIRE(made);
    CHECK(made->warning == "it is not in #three at the engine: entering it: no end within 0 s");
  });
}

TEST_CASE_FIXTURE(World, "what is held says how it was meant, and what steers goes first") {
  play([](World& w) -> Scenario {
    auto wanted = World::request("ada", kReader);
    const auto made = co_await w.broker->spawn(std::move(wanted));
    REQUIRE(made);
    ModeChange hold;
    hold.mode = DeliveryMode::manual_flush;
    const auto held = co_await w.broker->set_mode("ada", hold);
    REQUIRE(held);
    for (const bool steer : {false, true}) {
      SendRequest request;
      request.to = "ada";
      request.text = steer ? "at once" : "some time";
      request.steer = steer;
      const auto sent = co_await w.broker->send(std::move(request));
      REQUIRE(sent);
    }
    const auto pending = w.broker->pending("ada");
    REQUIRE(pending);
    REQUIRE(pending->size() == 2);
    CHECK(pending->at(0).mode == "wait");
    CHECK(pending->at(1).mode == "steer");
    const auto flushed = co_await w.broker->flush("ada");
    CHECK(flushed == std::size_t{2});
    {
      std::function<bool()> holds = [&w] { return w.records.ended.size() == 2; };
      co_await w.until(std::move(holds), "both end");
    }
    {
      std::function<bool()> holds = [&w] {
        return w.screen("ada").find("some time") != std::string::npos;
      };
      co_await w.until(std::move(holds), "the last one is shown");
    }
    const std::string shown = w.screen("ada");
    CHECK(shown.find("at once") < shown.find("some time"));
  });
}

TEST_CASE_FIXTURE(World, "an obligation is recalled to its agent") {
  play([](World& w) -> Scenario {
    const auto made = co_await w.broker->spawn(World::request("ada", kReader));
    REQUIRE(made);
    w.deliver("ada", 1, "mind this @@c2a-obligation@@");
    {
      std::function<bool()> holds = [&w] { return w.broker->agents().at(0).typed == 4; };
      co_await w.until(std::move(holds), "the message and three reminders");
    }
    {
      std::function<bool()> holds = [&w] {
        return w.screen("ada").find("@@c2a-obligation-return@@msg_1") != std::string::npos;
      };
      co_await w.until(std::move(holds), "it is shown");
    }
    // Only the message was the engine's.
    CHECK(w.engine.acknowledged == std::vector<std::uint64_t>{1});
  });
}

TEST_CASE_FIXTURE(World, "what cannot be started leaves nothing behind, and says why") {
  play([](World& w) -> Scenario {
    auto request = World::request("ada", "");
    request.command = {"no-such-program"};
    auto made = co_await w.broker->spawn(request);
    REQUIRE_FALSE(made);
    CHECK(made.error().code == Code::cli_not_found);
    request = World::request("ada", "");
    request.cwd = "/no/such/directory";
    made = co_await w.broker->spawn(request);
    REQUIRE_FALSE(made);
    CHECK(made.error().code == Code::cwd_missing);
    CHECK(w.engine.enrolled.empty());

    // However slow the machine is.
    w.parts->settings.alive_for = kPatience;
    made = co_await w.broker->spawn(World::request("ada", "echo no licence; exit 3"));
    w.parts->settings.alive_for = BrokerSettings().alive_for;
    REQUIRE_FALSE(made);
    CHECK(made.error().code == Code::spawn_failed);
    CHECK(made.error().message.find("exit status 3") != std::string::npos);
    CHECK(made.error().message.find("no licence") != std::string::npos);
    CHECK(w.engine.deregistered == std::vector<std::string>{"agt_ada_1"});

    w.engine.refusal = Error(Code::name_conflict, "agent_identity_mismatch");
    made = co_await w.broker->spawn(World::request("ada", kReader));
    REQUIRE_FALSE(made);
    CHECK(made.error().code == Code::name_conflict);
    CHECK(w.roster->size() == 0);
    CHECK(w.records.agents_by_name.empty());
    CHECK_FALSE(w.files.stat(w.temp / "run/agents/ada/token"));
    const auto left = co_await w.client().list(kPatience);
    CHECK(left->empty());
  });
}

TEST_CASE_FIXTURE(World, "a name belongs to one agent; one key makes one agent") {
  play([](World& w) -> Scenario {
    auto request = World::request("ada", kReader);
    request.idempotency_key = "k1";
    const auto first = co_await w.broker->spawn(request);
    REQUIRE(first);
    const auto again = co_await w.broker->spawn(request);
    REQUIRE(again);
    CHECK(again->generation == first->generation);
    CHECK(w.engine.enrolled.size() == 1);
    // Also when the second comes while the first is under way.
    auto both = World::request("bert", kReader);
    both.idempotency_key = "k3";
    std::optional<Result<SpawnedAgent>> one;
    std::optional<Result<SpawnedAgent>> two;
    net::TaskGroup group(w.io().get_executor());
    group.spawn(spawn_into(&w, both, &one));
    group.spawn(spawn_into(&w, both, &two));
    co_await group.join();
    REQUIRE(one->has_value());
    REQUIRE(two->has_value());
    CHECK((*one)->generation == (*two)->generation);
    request.idempotency_key = "k2";
    const auto other = co_await w.broker->spawn(request);
    REQUIRE_FALSE(other);
    CHECK(other.error().code == Code::name_conflict);
    CHECK(other.error().message == "agent 'ada' already exists");
  });
}

TEST_CASE_FIXTURE(World, "release: the whole tree, what waits, and the identity; also twice") {
  play([](World& w) -> Scenario {
    auto request = World::request("ada", "setsid sleep 1000 & trap '' TERM; sleep 1000");
    const auto done_1 = co_await w.broker->spawn(request);
    REQUIRE(done_1);
    CHECK(w.files.stat(w.temp / "run/agents/ada/token")->mode == 0600);
    ModeChange by_hand;
    by_hand.mode = DeliveryMode::manual_flush;
    const auto done_2 = co_await w.broker->set_mode("ada", by_hand);
    REQUIRE(done_2);
    w.deliver("ada", 1, "one");
    const auto gone = co_await w.broker->release(ReleaseRequest("ada"));
    REQUIRE(gone);
    CHECK(gone->known);
    CHECK(gone->dropped == 1);
    CHECK(w.engine.deregistered == std::vector<std::string>{"agt_ada_1"});
    {
      std::function<bool()> holds = [&w] { return w.records.dead.size() == 1; };
      co_await w.until(std::move(holds), "a dead letter");
    }
    CHECK(w.records.dead.at(0).reason == "agent_released");
    CHECK(w.engine.acknowledged == std::vector<std::uint64_t>{1});
    CHECK(w.broker->agents().empty());
    CHECK_FALSE(w.files.stat(w.temp / "run/agents/ada/token"));
    const auto left = co_await w.client().list(kPatience);
    CHECK(left->empty());
    const auto again = co_await w.broker->release(ReleaseRequest("ada"));
    REQUIRE(again);
    CHECK_FALSE(again->known);
    // The name is free, and the letter can be sent again.
    const auto done_3 = co_await w.broker->spawn(World::request("ada", kReader));
    REQUIRE(done_3);
  });
}

TEST_CASE_FIXTURE(World, "a name is given up only by who has it") {
  const auto first = roster->reserve("ada");
  REQUIRE(first);
  roster->give_up("ada", *first);
  const auto second = roster->reserve("ada");
  REQUIRE(second);
  roster->give_up("ada", *first);
  CHECK(roster->reservation("ada") == *second);
  roster->give_up("ada", *second);
  CHECK(roster->size() == 0);
}

TEST_CASE_FIXTURE(World, "a release ends a spawn that waits") {
  play([](World& w) -> Scenario {
    // A program with a box that never comes.
    const auto program = w.temp / "claude";
    const auto written = w.files.replace(program, "#!/bin/sh\nexec sleep 1000\n");
    REQUIRE(written);
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    auto request = World::request("ada", "");
    request.command = {program.string()};
    request.wait = SpawnWait::ready;
    request.within = kPatience;
    std::optional<Result<SpawnedAgent>> made;
    net::TaskGroup group(w.io().get_executor());
    group.spawn(spawn_into(&w, request, &made));
    {
      std::function<bool()> holds = [&w] { return w.told("agent_spawned"); };
      co_await w.until(std::move(holds), "it runs");
    }
    CHECK_FALSE(made.has_value());
    const auto released = co_await w.broker->release(ReleaseRequest("ada"));
    CHECK(released);
    co_await group.join();
    REQUIRE(made.has_value());
    REQUIRE_FALSE(made->has_value());
    CHECK(made->error().message.starts_with("spawn_released_before_ready"));
    CHECK(w.roster->size() == 0);
    CHECK(w.engine.deregistered == std::vector<std::string>{"agt_ada_1"});
  });
}

TEST_CASE_FIXTURE(World, "a program that ends by itself: its messages are dead letters") {
  play([](World& w) -> Scenario {
    const auto done_5 = co_await w.broker->spawn(World::request("ada", "read -r l; exit 7"));
    REQUIRE(done_5);
    ModeChange by_hand;
    by_hand.mode = DeliveryMode::manual_flush;
    const auto done_6 = co_await w.broker->set_mode("ada", by_hand);
    REQUIRE(done_6);
    w.deliver("ada", 1, "one");
    const auto done_7 = co_await w.broker->type("ada", "\n");
    REQUIRE(done_7);
    {
      std::function<bool()> holds = [&w] { return w.records.dead.size() == 1; };
      co_await w.until(std::move(holds), "a dead letter");
    }
    CHECK(w.records.dead.at(0).reason == "worker_exited");
    CHECK(w.told("agent_exited"));
    CHECK(w.broker->crashes().size() == 1);
    const auto agent = w.broker->agent("ada");
    REQUIRE(agent);
    CHECK(agent->state == AgentState::exited);
    CHECK(agent->exit->as_shell() == 7);
    CHECK(agent->dead == 1);
    // It makes room for another one.
    const auto done_8 = co_await w.broker->spawn(World::request("ada", kReader));
    REQUIRE(done_8);
    w.deliver("ada", 2, "two");
    {
      std::function<bool()> holds = [&w] { return w.engine.acknowledged.size() == 2; };
      co_await w.until(std::move(holds), "both are acknowledged");
    }
  });
}

TEST_CASE_FIXTURE(World, "a program is started again where that was asked for") {
  play([](World& w) -> Scenario {
    auto request = World::request("ada", std::string("echo up; ") + kReader);
    request.restart.enabled = true;
    request.restart.cooldown = 10ms;
    const auto made = co_await w.broker->spawn(request);
    REQUIRE(made);
    ::kill(made->pid, SIGKILL);
    {
      std::function<bool()> holds = [&w] { return w.told("agent_restarted"); };
      co_await w.until(std::move(holds), "it is started again");
    }
    const auto agent = w.broker->agent("ada");
    REQUIRE(agent);
    CHECK(agent->restarts == 1);
    CHECK(agent->generation != made->generation);
    CHECK(w.engine.enrolled.size() == 1);
    w.deliver("ada", 1, "one");
    {
      std::function<bool()> holds = [&w] {
        return w.screen("ada").find("one") != std::string::npos;
      };
      co_await w.until(std::move(holds), "the next program reads");
    }
  });
}

TEST_CASE_FIXTURE(World, "nothing is acknowledged, or typed, that cannot be written down") {
  play([](World& w) -> Scenario {
    const auto done_11 = co_await w.broker->spawn(World::request("ada", kReader));
    REQUIRE(done_11);
    w.records.broken = Error(Code::disk_full, "no space");
    w.deliver("ada", 1, "one");
    {
      std::function<bool()> holds = [&w] { return w.records.refused >= 2; };
      co_await w.until(std::move(holds), "it is tried, and tried again");
    }
    CHECK(w.engine.acknowledged.empty());
    CHECK(w.screen("ada").find("one") == std::string::npos);
    w.records.broken.reset();
    {
      std::function<bool()> holds = [&w] { return w.engine.acknowledged.size() == 1; };
      co_await w.until(std::move(holds), "it goes on");
    }
  });
}

TEST_CASE_FIXTURE(World, "actions of the engine: spawn and release tell the truth") {
  play([](World& w) -> Scenario {
    const auto invoke = [&w](std::string id, std::string action, std::string_view input) {
      wire::ActionInvoke frame;
      frame.invocation_id = std::move(id);
      frame.action = std::move(action);
      frame.input = *wire::Json::parse(input);
      w.broker->node_handler().invoked(std::move(frame));
    };
    invoke("i1", "spawn:cat", R"({"agent":"ada"})");
    invoke("i2", "spawn", R"({"name":"bert"})");
    invoke("i3", "dance", "{}");
    {
      std::function<bool()> holds = [&w] { return w.engine.outcomes.size() == 3; };
      co_await w.until(std::move(holds), "three results");
    }
    CHECK(w.engine.outcomes["i1"] == R"({"spawned":true,"name":"ada"})");
    CHECK(w.engine.outcomes["i2"] == "spawn_missing_cli");
    CHECK(w.engine.outcomes["i3"] == "handler_unavailable");
    invoke("i4", "spawn:cat", R"({"agent":"ada"})");
    invoke("i5", "spawn:no-such-program", R"({"agent":"carl"})");
    {
      std::function<bool()> holds = [&w] { return w.engine.outcomes.size() == 5; };
      co_await w.until(std::move(holds), "two more");
    }
    CHECK(w.engine.outcomes["i4"] == "spawn_agent_name_in_use");
    CHECK(w.engine.outcomes["i5"].starts_with("spawn_failed: "));
    invoke("i6", "release", R"({"name":"ada"})");
    invoke("i7", "release", R"({"name":"nobody"})");
    {
      std::function<bool()> holds = [&w] { return w.engine.outcomes.size() == 7; };
      co_await w.until(std::move(holds), "two releases");
    }
    CHECK(w.engine.outcomes["i6"] == R"({"released":true,"name":"ada"})");
    CHECK(w.engine.outcomes["i7"] == R"({"released":true,"name":"nobody"})");
  });
}

TEST_CASE_FIXTURE(World, "an action of a program of this machine: asked there, kept, told once") {
  play([](World& w) -> Scenario {
    const auto invoke = [&w](std::string id, std::string action) {
      wire::ActionInvoke frame;
      frame.invocation_id = std::move(id);
      frame.action = std::move(action);
      w.broker->node_handler().invoked(std::move(frame));
    };
    Handlers& handlers = w.broker->handlers();
    std::vector<std::string> asked;
    const auto program =
        handlers.join([&asked](const std::string& id, const std::string&, const wire::Json&) {
          asked.push_back(id);
          return true;
        });
    REQUIRE(handlers.serve(program, {"dance", "spawn:mine"}));
    CHECK(w.engine.offered == std::vector<std::string>{"dance", "spawn:mine"});
    invoke("i1", "dance");
    invoke("i2", "dance");
    {
      std::function<bool()> holds = [&] { return asked.size() == 2; };
      co_await w.until(std::move(holds), "the program is asked");
    }
    CHECK(handlers.finish(program, "i1", *wire::Json::parse("{\"danced\":true}")));
    {
      std::function<bool()> holds = [&] { return w.engine.outcomes.size() == 1; };
      co_await w.until(std::move(holds), "a result");
    }
    CHECK(w.engine.outcomes["i1"] == R"({"danced":true})");
    // Kept before the engine heard of it, as the results of the broker's own actions are.
    CHECK(w.records.results_owed.size() == 1);
    handlers.leave(program);
    CHECK(w.engine.outcomes["i2"] == "handler_unavailable");
    CHECK(w.engine.offered.empty());
    invoke("i3", "dance");
    {
      std::function<bool()> holds = [&] { return w.engine.outcomes.size() == 3; };
      co_await w.until(std::move(holds), "nobody dances any more");
    }
    CHECK(w.engine.outcomes["i3"] == "handler_unavailable");
  });
}

TEST_CASE_FIXTURE(World, "an action that its program does not answer in time is told as such") {
  handler_within = 20ms;
  end(Broker::Agents::end);
  begin();
  play([](World& w) -> Scenario {
    Handlers& handlers = w.broker->handlers();
    const auto program = handlers.join(
        [](const std::string&, const std::string&, const wire::Json&) { return true; });
    REQUIRE(handlers.serve(program, {"spawn:mine"}));
    wire::ActionInvoke frame;
    frame.invocation_id = "i1";
    frame.action = "spawn:mine";
    w.broker->node_handler().invoked(std::move(frame));
    {
      std::function<bool()> holds = [&] { return w.engine.outcomes.size() == 1; };
      co_await w.until(std::move(holds), "its time is over");
    }
    CHECK(w.engine.outcomes["i1"].starts_with("handler_timeout: spawn:mine"));
    CHECK(w.records.results_owed.size() == 1);
  });
}

}  // namespace relay::broker
