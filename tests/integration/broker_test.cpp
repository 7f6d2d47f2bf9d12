// A broker with a real keeper and real programs; what it writes down, and the engine, are noted.
#include "broker/broker.hpp"

#include <algorithm>
#include <csignal>
#include <doctest/doctest.h>
#include <functional>
#include <memory>

#include "base/random.hpp"
#include "net/timeout.hpp"
#include "os/posix_files.hpp"
#include "os/system_random.hpp"
#include "pty/profile_file.hpp"
#include "pty/snapshot.hpp"
#include "support/keeper_world.hpp"
#include "support/memory_records.hpp"

namespace relay::broker {
namespace {

using namespace std::chrono_literals;
using Scenario = asio::awaitable<void>;

constexpr Duration kPatience = 30s;

class NotingEngine final : public EngineSide {
 public:
  asio::awaitable<Result<node_control::AgentIdentity>> enroll(std::string name,
                                                              std::string invocation_id,
                                                              std::string session_id) override {
    (void)invocation_id;
    (void)session_id;
    if (refusal) co_return fail(*refusal);
    enrolled.push_back(name);
    node_control::AgentIdentity out;
    out.agent_id = "agt_" + name + "_" + std::to_string(enrolled.size());
    out.name = name;
    out.token = Secret("at_live_" + name);
    co_return out;
  }
  Result<void> deregister(const std::string& agent_id, const std::string& name) override {
    (void)name;
    deregistered.push_back(agent_id);
    return {};
  }
  asio::awaitable<Result<void>> delete_identity(std::string name, bool ours) override {
    (void)ours;
    deleted.push_back(std::move(name));
    co_return Result<void>();
  }
  asio::awaitable<Result<std::string>> publish(OutboundMessage message) override {
    published.push_back(message.to + " " + message.text + " " + message.token.reveal());
    co_return "msg_1";
  }
  void done(const std::string& agent_id, std::uint64_t seq,
            const std::string& delivery_id) override {
    (void)agent_id;
    (void)delivery_id;
    acknowledged.push_back(seq);
  }
  void finish(const std::string& invocation_id,
              std::variant<wire::Json, std::string> outcome) override {
    outcomes[invocation_id] = std::holds_alternative<std::string>(outcome)
                                  ? std::get<std::string>(outcome)
                                  : std::get<wire::Json>(outcome).text();
  }
  void owe(const std::string& invocation_id, std::string frame) override {
    owed[invocation_id] = std::move(frame);
  }
  void agents_changed() override { ++changes; }
  [[nodiscard]] node_control::NodeStatus status() const override { return {}; }

  std::optional<Error> refusal;
  std::vector<std::string> enrolled;
  std::vector<std::string> deregistered;
  std::vector<std::string> published;
  std::vector<std::string> deleted;
  std::vector<std::uint64_t> acknowledged;
  std::map<std::string, std::string> outcomes;
  std::map<std::string, std::string> owed;
  int changes = 0;
};

/// A reader of lines: what it reads it prints again behind "got ".
constexpr const char* kReader = "stty -echo; while read -r l; do echo \"got $l\"; done";

struct World : test::KeeperWorld {
  World() {
    open();
    begin();
  }
  ~World() { end(Broker::Agents::end); }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// A broker on what the last one left.
  void begin() {
    watch = std::make_unique<pty::InputWatch>(io().get_executor());
    events = std::make_unique<EventLog>(io().get_executor());
    roster = std::make_unique<Roster>();
    parts = std::make_unique<BrokerParts>(io().get_executor(), clock, random, files, records,
                                          client(), *watch, *events, *roster);
    parts->engine = &engine;
    parts->settings.runtime_dir = temp / "run";
    parts->settings.state_dir = temp / "state";
    parts->settings.directory = temp.path();
    parts->settings.environment = temp.environment();
    parts->settings.engine = "http://127.0.0.1:1";
    parts->settings.release_grace = 200ms;
    parts->settings.remind_every = 20ms;
    parts->profiles = pty::builtin_profiles();
    Broker::Hooks hooks;
    hooks.on_end = [this](std::optional<Error> why) { ended_by = std::move(why); };
    broker = std::make_unique<Broker>(*parts, std::move(hooks));
    tasks = std::make_unique<net::TaskGroup>(io().get_executor());
    tasks->spawn(watch->run());
    REQUIRE(run(broker->start()));
  }
  void end(Broker::Agents agents) {
    if (!broker) return;
    run(stop_all(agents));
    broker.reset();
    tasks.reset();
    roster.reset();
  }
  Scenario stop_all(Broker::Agents agents) {
    co_await broker->stop(agents);
    tasks->cancel();
    co_await tasks->join();
  }

  template <class Play>
  void play(Play scenario) {
    run(scenario(*this));
  }
  static SpawnRequest request(std::string name, std::string script) {
    SpawnRequest out;
    out.name = std::move(name);
    out.command = {"sh", "-c", std::move(script)};
    return out;
  }
  Scenario until(std::function<bool()> holds, std::string what) {
    const Monotonic deadline = clock.now() + kPatience;
    while (!holds()) {
      if (clock.now() > deadline) throw std::runtime_error("never: " + what);
      co_await net::pause(2ms);
    }
  }
  std::string screen(const std::string& name) {
    const auto view = broker->screen(name);
    return view ? pty::plain_snapshot(*view) : view.error().message;
  }
  [[nodiscard]] std::vector<std::string> kinds() const {
    std::vector<std::string> out;
    for (const auto& event : events->since(0).events) {
      const auto json = wire::JsonDocument::parse(event.json, wire::kEngineLimits);
      out.emplace_back(*json->root().find("kind")->string());
    }
    return out;
  }
  [[nodiscard]] bool told(std::string_view kind) const {
    const auto all = kinds();
    return std::find(all.begin(), all.end(), kind) != all.end();
  }
  /// A message of the engine, as the node's session gives it.
  void deliver(const std::string& name, std::uint64_t seq, const std::string& text) {
    Agent* agent = roster->find(name).get();
    node_control::Delivery delivery;
    delivery.agent_id = agent == nullptr ? "agt_gone" : agent->agent_id;
    delivery.agent_name = name;
    delivery.delivery_id = "del_" + std::to_string(seq);
    delivery.seq = seq;
    delivery.payload = R"({"v":1,"type":"deliver","agent":")" + name + R"(","agent_id":")" +
                       delivery.agent_id + R"(","delivery_id":")" + delivery.delivery_id +
                       R"(","msg_id":"msg_)" + std::to_string(seq) + R"(","seq":)" +
                       std::to_string(seq) +
                       R"(,"mode":"wait","payload":{"type":"dm.received","data":{)"
                       R"("from_name":"bob","text":")" +
                       text + R"("}}})";
    StoredMessage stored;
    stored.key = {delivery.agent_id, delivery.delivery_id, seq};
    stored.agent_name = name;
    stored.frame = delivery.payload;
    records.open.push_back(stored);
    broker->node_handler().surfaced(std::move(delivery), false);
  }

  SystemClock clock;
  os::SystemRandom random;
  os::PosixFiles files{random};
  test::MemoryRecords records;
  NotingEngine engine;
  std::unique_ptr<pty::InputWatch> watch;
  std::unique_ptr<EventLog> events;
  std::unique_ptr<Roster> roster;
  std::unique_ptr<BrokerParts> parts;
  std::unique_ptr<Broker> broker;
  std::unique_ptr<net::TaskGroup> tasks;
  std::optional<Error> ended_by;
};

Scenario spawn_into(World* world, SpawnRequest wanted, std::optional<Result<SpawnedAgent>>* into) {
  auto made = co_await world->broker->spawn(std::move(wanted));
  into->emplace(std::move(made));
}

}  // namespace

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

}  // namespace relay::broker
