// Messages to agents on their nodes: what goes out, what an acknowledgement does, what comes again.
#include <set>

#include "engine/events.hpp"
#include "engine/hub/hub_world.hpp"

namespace relay::engine {
namespace {

using namespace std::chrono_literals;

std::string ack(const std::string& agent, std::uint64_t up_to) {
  return R"({"v":1,"type":"delivery.ack","agent":")" + agent + R"(","up_to_seq":)" +
         std::to_string(up_to) + "}";
}

constexpr const char* kBeat =
    R"({"v":1,"type":"node.heartbeat","load":0,"active_agents":1,"handlers_live":true})";

/// Two agents, the second on a broker of ours.
struct Pair {
  explicit Pair(const Clock* clock = nullptr, HubSettings settings = HubSettings())
      : world(clock, std::move(settings)), box(world.broker("box")), alice(world.agent("alice")) {
    connect();
    world.claim(*peer, "bob");
    bob = world.get<Agent>(
        [this](Store& store) { return store.find_agent(world.workspace.id, "bob"); });
  }
  void connect() { peer = world.own_broker(box); }
  void sync() {
    peer->say(R"({"v":1,"type":"inventory.sync","id":"sync","agents":[{"agent_id":")" +
              std::to_string(bob.id) + R"(","name":"bob"}]})");
    CHECK(peer->hear("reply").at("/id") == "sync");
  }
  /// The socket breaks, and the node says that it still has its agent.
  void reconnect() {
    peer->abort();
    world.until([this] { return !world.look(box).online; });
    connect();
    sync();
  }

  HubWorld world;
  Node box;
  Agent alice;
  Agent bob;
  std::unique_ptr<Peer> peer;
};

}  // namespace

TEST_CASE("an inventory, or another node.register, brings again what is not acknowledged") {
  FakeClock clock;
  Pair pair(&clock);
  const auto build = pair.world.channel("build", {pair.alice, pair.bob});
  pair.world.post(build, pair.alice, "the first");
  CHECK(pair.peer->hear("deliver").json("/seq") == "1");
  clock.advance(1s);
  pair.sync();
  CHECK(pair.peer->hear("deliver").json("/seq") == "1");
  clock.advance(2s);
  pair.peer->say(
      R"({"v":1,"type":"node.register","id":"again","name":"box","node_id":")" + pair.box.node_id +
      R"(","capabilities":[{"name":"relay:delivery-cursor-v1"}],"max_agents":0,"tags":[],"version":"1"})");
  CHECK(pair.peer->hear("reply").at("/id") == "again");
  CHECK(pair.peer->hear("deliver").json("/seq") == "1");
}

TEST_CASE("a message goes out as it was written, and an acknowledgement settles it") {
  Pair pair;
  const auto watcher = pair.world.watcher();
  const auto build = pair.world.channel("build", {pair.alice, pair.bob});
  const auto posted = pair.world.post(build, pair.alice, "hello @bob");
  const auto frame = pair.peer->hear("deliver");
  CHECK(frame.keys("") == "agent,agent_id,delivery_id,mode,msg_id,payload,seq,type,v");
  CHECK(frame.at("/v") == "1");
  CHECK(frame.at("/agent") == "bob");
  CHECK(frame.at("/agent_id") == std::to_string(pair.bob.id));
  CHECK(frame.at("/msg_id") == std::to_string(posted.message.id));
  CHECK(frame.at("/delivery_id") ==
        "del_" + std::to_string(posted.message.id) + "_" + std::to_string(pair.bob.id));
  CHECK(frame.json("/seq") == "1");
  CHECK(frame.at("/mode") == "wait");
  CHECK(frame.at("/payload/type") == "message.created");
  CHECK(frame.at("/payload/data/text") == "hello @bob");
  CHECK(frame.at("/payload/data/channel_name") == "build");
  CHECK(frame.at("/payload/data/from_name") == "alice");
  CHECK(frame.at("/payload/data/agent_name") == "alice");
  pair.world.until(
      [&] { return pair.world.delivery(posted, pair.bob).status == DeliveryStatus::delivered; });
  CHECK(pair.world.delivery(posted, pair.bob).attempts == 1);
  pair.peer->say(ack("bob", 1));
  pair.world.until_acked(posted, pair.bob);
  CHECK(watcher->hear().type() == "message.created");
  CHECK(watcher->hear().type() == "delivery.delivered");
}

TEST_CASE("what was acknowledged does not come again, whoever reconnects") {
  Pair pair;
  const auto first = pair.world.dm(pair.alice, pair.bob, "one");
  CHECK(pair.peer->hear("deliver").json("/seq") == "1");
  pair.peer->say(ack("bob", 1));
  pair.world.until_acked(first, pair.bob);
  pair.reconnect();
  pair.peer->expect_silence();
  pair.world.restart();
  pair.connect();
  pair.sync();
  pair.peer->expect_silence();
  pair.world.dm(pair.alice, pair.bob, "two");
  CHECK(pair.peer->hear("deliver").at("/payload/data/text") == "two");
}

TEST_CASE("A21-A25: what was not acknowledged comes again, byte for byte") {
  Pair pair;
  auto& world = pair.world;
  const auto carol = world.agent("carol");
  const auto build = world.channel("build", {pair.alice, pair.bob});
  const auto root = world.post(build, pair.alice, "in the channel");
  world.reply(root.message, pair.alice, "in the thread");
  const auto direct = world.dm(pair.alice, pair.bob, "to you");
  world.reply(direct.message, pair.alice, "on that");
  const auto group = world.get<Channel>([&](Store& store) {
    return store.create_group(world.workspace.id, pair.alice.id, {pair.bob.id, carol.id}, "three");
  });
  world.post(group, pair.alice, "to all of you");
  const std::vector<std::string> types{"message.created", "thread.reply", "dm.received",
                                       "thread.reply", "group_dm.received"};
  std::vector<std::string> texts;
  for (const auto& type : types) {
    auto frame = pair.peer->hear("deliver");
    CHECK(frame.at("/payload/type") == type);
    texts.push_back(std::move(frame.text));
  }
  CHECK(Heard(texts[2]).at("/payload/data/to") == "bob");
  const auto again = [&] {
    for (const auto& text : texts) CHECK(pair.peer->hear("deliver").text == text);
    pair.peer->expect_silence();
  };
  pair.reconnect();
  again();
  world.restart();
  pair.connect();
  pair.sync();
  again();
}

TEST_CASE("an agent that its node has not named is not sent to: its messages wait") {
  Pair pair;
  pair.peer->abort();
  pair.world.until([&] { return !pair.world.look(pair.box).online; });
  pair.world.dm(pair.alice, pair.bob, "for later");
  pair.connect();
  pair.peer->expect_silence();
  pair.world.claim(*pair.peer, "bob");
  CHECK(pair.peer->hear("deliver").at("/payload/data/text") == "for later");
  // It is still at work for an engine that begins again: whether it is, only the node knows.
  pair.world.restart();
  pair.connect();
  pair.peer->expect_silence();
  pair.sync();
  CHECK(pair.peer->hear("deliver").at("/payload/data/text") == "for later");
}

TEST_CASE("acknowledgements in any order; one message read elsewhere is not sent again") {
  Pair pair;
  std::vector<Posted> posted;
  for (const char* text : {"one", "two", "three"}) {
    posted.push_back(pair.world.dm(pair.alice, pair.bob, text));
    pair.peer->hear("deliver");
  }
  const Id second = posted[1].message.id;
  const Id bob = pair.bob.id;
  pair.world.tell<bool>([second, bob](Store& store, Happenings& to) {
    auto done = store.ack_delivery(bob, second);
    to.settled.push_back({bob, 2});
    return done;
  });
  pair.reconnect();
  CHECK(pair.peer->hear("deliver").json("/seq") == "1");
  CHECK(pair.peer->hear("deliver").json("/seq") == "3");
  pair.peer->say(ack("bob", 3));
  pair.peer->say(ack("bob", 1));
  pair.peer->say(ack("nobody", 9));
  pair.world.until_acked(posted[2], pair.bob);
  CHECK(pair.world.delivery(posted[0], pair.bob).status == DeliveryStatus::acked);
  pair.reconnect();
  pair.peer->expect_silence();
}

TEST_CASE("what waits for an agent that connects by itself goes out when it registers") {
  HubWorld world;
  const auto alice = world.agent("alice");
  const auto bob = world.agent("bob");
  const auto posted = world.dm(alice, bob, "hello");
  world.direct_token(bob);
  const auto own = world.get<Node>([bob](Store& store) { return store.node(bob.origin_node); });
  auto early = world.node_socket("nt_" + std::to_string(bob.id));
  early->expect_silence();
  auto peer = world.node(own);
  CHECK(peer->hear("deliver").at("/agent") == "bob");
  world.until([&] { return world.delivery(posted, bob).status == DeliveryStatus::delivered; });
  peer->say(ack("bob", 1));
  world.until_acked(posted, bob);
  CHECK(world.look(bob).status == AgentStatus::active);
  peer->close();
  world.until([&] { return world.look(bob).status == AgentStatus::offline; });
}

TEST_CASE("an agent that is bound to a connected node gets its messages there") {
  HubWorld world;
  const auto box = world.broker("box");
  const auto alice = world.agent("alice");
  const auto bob = world.agent("bob");
  auto peer = world.own_broker(box);
  world.dm(alice, bob, "hello");
  peer->expect_silence();
  world.tell<Binding>([&](Store& store, Happenings& to) {
    to.changed_agents.push_back(bob.id);
    return store.bind_agent(bob.id, box.id, std::nullopt, 0);
  });
  CHECK(peer->hear("deliver").at("/payload/data/text") == "hello");
  world.tell<bool>([&](Store& store, Happenings& to) {
    to.changed_agents.push_back(bob.id);
    return store.unbind_agent(bob.id, box.id);
  });
  world.turn();
  world.dm(alice, bob, "not here");
  peer->expect_silence();
}

TEST_CASE("a node that is silent gets it again on the same connection") {
  FakeClock clock;
  Pair pair(&clock);
  pair.world.dm(pair.alice, pair.bob, "hello");
  const auto first = pair.peer->hear("deliver");
  const auto pass = [&](Duration time) {
    clock.advance(time);
    pair.peer->say(kBeat);
    pair.world.hub->look_at_clock();
  };
  pass(40s);
  pass(40s);
  pair.peer->expect_silence();
  pass(11s);
  CHECK(pair.peer->hear("deliver").text == first.text);
}

TEST_CASE(
    "a window of messages is out at a time; acknowledgements let more follow, in their order") {
  Pair pair;
  constexpr std::uint64_t kMany = 300;
  const auto build = pair.world.channel("build", {pair.alice, pair.bob});
  const Id channel = build.id;
  const Id author = pair.alice.id;
  pair.world.tell<bool>([=](Store& store, Happenings& to) -> Result<bool> {
    for (std::uint64_t i = 1; i <= kMany; ++i) {
      MessageDraft draft;
      draft.channel = channel;
      draft.author = author;
      draft.text = "message " + std::to_string(i);
      auto posted = store.append_message(draft);
      if (!posted) return fail(posted.error());
      tell_posted(store, *posted, to);
    }
    return true;
  });
  for (std::uint64_t i = 1; i <= 64; ++i) {
    CHECK(pair.peer->hear("deliver").json("/seq") == std::to_string(i));
  }
  pair.peer->expect_silence();
  pair.peer->say(ack("bob", 64));
  for (std::uint64_t i = 65; i <= kMany; ++i) {
    const auto frame = pair.peer->hear("deliver");
    CHECK(frame.json("/seq") == std::to_string(i));
    CHECK(frame.at("/payload/data/text") == "message " + std::to_string(i));
    pair.peer->say(ack("bob", i));
  }
}

TEST_CASE("a node that does not read makes nothing grow, and gets all when it reads on") {
  HubSettings settings;
  settings.node_queue = 64 * 1024;
  Pair pair(nullptr, settings);
  const std::string text(150 * 1024, 'x');
  constexpr std::uint64_t kMessages = 60;
  for (std::uint64_t i = 0; i < kMessages; ++i) pair.world.dm(pair.alice, pair.bob, text);
  pair.world.turn();
  // The kernel takes some megabytes, the queue a few of these.
  CHECK(pair.world.hub->counts().deliveries < kMessages);
  for (std::uint64_t i = 1; i <= kMessages; ++i) {
    const auto frame = pair.peer->hear("deliver");
    CHECK(frame.json("/seq") == std::to_string(i));
    CHECK(frame.text.find(text) != std::string::npos);
  }
  pair.peer->say(ack("bob", kMessages));
  pair.peer->expect_silence();
  CHECK(pair.world.hub->counts().deliveries == kMessages);
}

namespace {

constexpr int kAgents = 1000;

/// The channel of a thousand agents, which are at a node already where one is given.
Channel everybody(HubWorld& world, const Node* at) {
  return world.get<Channel>([&](Store& store) -> Result<Channel> {
    for (int i = 0; i < kAgents; ++i) {
      NewAgent fresh;
      fresh.workspace = world.workspace.id;
      fresh.name = "agent-" + std::to_string(i);
      fresh.token_hash = fresh.name;
      auto made = store.register_agent(fresh);
      if (!made) return fail(made.error());
      if (at == nullptr) continue;
      auto bound = store.bind_agent(made->id, at->id, std::nullopt, 0);
      if (!bound) return fail(bound.error());
    }
    return store.find_channel(world.workspace.id, "general");
  });
}

}  // namespace

TEST_CASE("one message to a thousand agents of a node reaches each of them once") {
  HubWorld world;
  const auto box = world.broker("box");
  const auto alice = world.agent("alice");
  const auto general = everybody(world, &box);
  auto peer = world.node(world.look(box), R"([{"name":"x"}])");
  world.post(general, alice, "hello all");
  // The published broker is asked for its cursor first.
  std::set<std::string> asked;
  std::set<std::string> reached;
  for (int i = 0; i < 2 * kAgents; ++i) {
    const auto frame = peer->hear("deliver");
    const auto name = frame.at("/agent");
    const bool is_question = frame.json("/seq") == "1099511627776";
    if (!is_question) CHECK(frame.json("/seq") == "1");
    CHECK(frame.at("/payload/data/text") == "hello all");
    (is_question ? asked : reached).insert(name);
    peer->say(ack(name, is_question ? 0 : 1));
  }
  CHECK(asked.size() == kAgents);
  CHECK(reached.size() == kAgents);
  const auto open = [&] {
    return world.get<std::uint64_t>([&](Store& store) -> Result<std::uint64_t> {
      std::uint64_t open_rows = 0;
      auto agents = store.agents_on(box.id);
      for (const auto& agent : *agents) open_rows += store.mailbox(agent.id)->open;
      return open_rows;
    });
  };
  world.until([&] { return open() == 0; });
  CHECK(world.hub->counts().deliveries == kAgents);
}

// Prints what one message to a thousand agents takes, each with a cursor that is known.
TEST_CASE("fan-out" * doctest::skip()) {
  HubWorld world;
  const auto box = world.broker("box");
  const auto alice = world.agent("alice");
  const auto general = everybody(world, nullptr);
  auto peer = world.own_broker(box);
  const auto agents = world.get<std::vector<Agent>>(
      [&](Store& store) { return store.agents(world.workspace.id, std::nullopt); });
  world.tell<bool>([&](Store& store, Happenings& to) -> Result<bool> {
    for (const auto& agent : agents) {
      if (agent.id == alice.id) continue;
      to.changed_agents.push_back(agent.id);
      auto bound = store.bind_agent(agent.id, box.id, std::nullopt, 0);
      if (!bound) return fail(bound.error());
    }
    return true;
  });
  world.turn();
  peer->expect_silence();
  for (std::uint64_t round = 1; round <= 5; ++round) {
    const auto start = std::chrono::steady_clock::now();
    world.post(general, alice, "hello all");
    const auto posted = std::chrono::steady_clock::now();
    peer->count(kAgents);
    const auto heard = std::chrono::steady_clock::now();
    const auto ms = [](auto time) {
      return std::chrono::duration<double, std::milli>(time).count();
    };
    MESSAGE("posted in " << ms(posted - start) << " ms, all heard after " << ms(heard - start));
    for (const auto& agent : agents) {
      if (agent.id != alice.id) peer->say(ack(agent.name, round));
    }
    peer->expect_silence();
  }
}

TEST_CASE("a message whose time is over is not sent, and its author hears of it") {
  FakeClock clock;
  HubWorld world(&clock);
  const auto box = world.broker("box");
  const auto alice = world.agent("alice");
  const auto bob = world.agent("bob");
  world.direct_token(alice);
  const auto posted = world.dm(alice, bob, "too late");
  clock.advance(61min);
  auto peer =
      world.node(world.get<Node>([alice](Store& store) { return store.node(alice.origin_node); }));
  world.hub->look_at_clock();
  const auto notice = peer->hear("deliver");
  CHECK(notice.json("/seq") == "0");
  CHECK(notice.at("/agent") == "alice");
  CHECK(notice.at("/msg_id") == std::to_string(posted.message.id));
  CHECK(notice.at("/payload/type") == "delivery.failed");
  CHECK(notice.at("/payload/data/reason") == "ttl_expired");
  CHECK(notice.at("/payload/data/retryable") == "false");
  CHECK(world.delivery(posted, bob).status == DeliveryStatus::dead);
}

TEST_CASE("an event is a frame of number 0; two about one message are two") {
  Pair pair;
  const auto posted = pair.world.dm(pair.alice, pair.bob, "hello");
  CHECK(pair.peer->hear("deliver").json("/seq") == "1");
  const auto react = [&](bool added) {
    pair.world.tell<bool>([&pair, &posted, added](Store& store, Happenings& to) -> Result<bool> {
      tell_reacted(store, posted.message, pair.alice.name, "x", added, to);
      return true;
    });
    return pair.peer->hear("deliver");
  };
  const auto added = react(true);
  CHECK(added.json("/seq") == "0");
  CHECK(added.at("/mode") == "wait");
  CHECK(added.at("/msg_id") == std::to_string(posted.message.id));
  CHECK(added.at("/delivery_id").starts_with("evt_message_reacted_"));
  CHECK(added.at("/payload/type") == "message.reacted");
  CHECK(added.at("/payload/data/action") == "added");
  const auto removed = react(false);
  CHECK(removed.at("/payload/data/action") == "removed");
  CHECK(removed.at("/delivery_id") != added.at("/delivery_id"));
  CHECK(pair.world.hub->counts().events == 2);
}

TEST_CASE("a disk that fails keeps acknowledgements back, and does not lose them") {
  Pair pair;
  const auto posted = pair.world.dm(pair.alice, pair.bob, "hello");
  pair.peer->hear("deliver");
  pair.world.until(
      [&] { return pair.world.delivery(posted, pair.bob).status == DeliveryStatus::delivered; });
  pair.world.fail_disk(true);
  pair.peer->say(ack("bob", 1));
  pair.peer->expect_silence();
  pair.world.until_failure("acknowledgements cannot be written");
  pair.world.fail_disk(false);
  pair.world.until([&] {
    const auto known = pair.world.try_delivery(posted, pair.bob);
    return known && known->status == DeliveryStatus::acked;
  });
}

}  // namespace relay::engine
