// A broker that counts by a cursor of its own, as the published one was measured to do, over
// real sockets: whatever restarts in whichever order, each message is shown once.
#include <algorithm>
#include <map>
#include <set>

#include "engine/hub/hub_world.hpp"

namespace relay::engine {
namespace {

using namespace std::chrono_literals;

/// Its cursors live as long as its process: over connections, not over restarts.
class ScriptedBroker {
 public:
  ScriptedBroker(HubWorld* world, FakeClock* clock) : world_(*world), clock_(*clock) {
    box_ = world_.broker("box");
  }

  void connect() {
    peer_ = world_.node(box_);
    std::string agents;
    for (const auto& [name, id] : workers_) {
      agents += (agents.empty() ? "" : ",") + (R"({"agent_id":")" + id + R"(","name":")") + name +
                R"("})";
    }
    if (workers_.empty() || !lists_workers) return;
    say_and_take(R"({"v":1,"type":"inventory.sync","id":"sync","agents":[)" + agents + "]}");
  }
  void spawn(const std::string& name) {
    say_and_take(R"({"v":1,"type":"agent.register","id":"spawn","name":")" + name + R"("})");
    workers_[name] = last_agent_;
  }
  /// Whatever was on its way to it is lost.
  void lose_socket() { peer_->abort(); }
  void reconnect() {
    world_.until([this] { return !world_.look(box_).online; });
    connect();
  }
  void restart() {
    lose_socket();
    const auto names = workers_;
    workers_.clear();
    cursors_.clear();
    shown_before_.clear();
    reconnect();
    for (const auto& [name, id] : names) spawn(name);
  }

  /// Until as many messages as that were shown, and nothing comes any more.
  void serve(std::size_t messages) {
    for (int second = 0; second < 400; ++second) {
      take_all();
      if (shown.size() >= messages && world_.hub->counts().dropped == 0 && second > 4) return;
      clock_.advance(1s);
      peer_->say(R"({"v":1,"type":"node.heartbeat","load":0,"active_agents":1,)"
                 R"("handlers_live":false})");
      world_.hub->look_at_clock();
    }
    throw std::runtime_error("only " + std::to_string(shown.size()) + " messages were shown");
  }

  /// Says after a reconnect who is there: not of agents that were started through its own API.
  bool lists_workers = true;
  /// The texts on the screens, in their order.
  std::vector<std::string> shown;

 private:
  void take(const Heard& frame) {
    if (frame.type() == "reply") last_agent_ = frame.at("/data/agent_id");
    if (frame.type() != "deliver") return;
    const auto agent = frame.at("/agent");
    const auto seq = std::stoull(frame.json("/seq"));
    auto& cursor = cursors_[agent];
    const bool is_next = seq == cursor + 1;
    if (is_next && workers_.contains(agent) && shown_before_.insert(frame.at("/msg_id")).second) {
      shown.push_back(frame.at("/payload/data/text"));
      cursor = seq;
    }
    peer_->say(R"({"v":1,"type":"delivery.ack","agent":")" + agent + R"(","up_to_seq":)" +
               std::to_string(cursor) + "}");
  }
  void say_and_take(const std::string& text) {
    peer_->say(text);
    for (;;) {
      const auto frame = peer_->hear();
      take(frame);
      if (frame.type() == "reply") return;
    }
  }
  /// All that is there, and what its answers bring.
  void take_all() {
    for (int quiet = 0; quiet < 3;) {
      world_.turn();
      peer_->say(R"({"v":1,"type":"no.such.frame"})");
      ++quiet;
      for (auto frame = peer_->hear(); frame.type() != "error"; frame = peer_->hear()) {
        take(frame);
        quiet = 0;
      }
    }
  }

  HubWorld& world_;
  FakeClock& clock_;
  Node box_;
  std::unique_ptr<Peer> peer_;
  std::map<std::string, std::string> workers_;
  std::map<std::string, std::uint64_t> cursors_;
  std::set<std::string> shown_before_;
  std::string last_agent_;
};

enum class Trouble { engine, broker, socket };

}  // namespace

TEST_CASE("a broker that does not say who is there after its connection was lost") {
  FakeClock clock;
  HubWorld world(&clock);
  const auto alice = world.agent("alice");
  const auto bob = world.agent("bob");
  std::size_t sent = 0;
  std::vector<std::string> wanted;
  const auto message = [&] {
    wanted.push_back("message " + std::to_string(++sent));
    (void)world.dm(alice, bob, wanted.back());
  };
  ScriptedBroker broker(&world, &clock);
  broker.lists_workers = false;
  message();
  broker.connect();
  broker.spawn("bob");
  broker.serve(sent);
  message();
  broker.lose_socket();
  message();
  broker.reconnect();
  message();
  broker.serve(sent);
  CHECK(broker.shown == wanted);
  world.until([&] { return world.look(bob).status == AgentStatus::active; });
  // In a new process nobody is there before it is started.
  broker.restart();
  message();
  broker.serve(sent);
  CHECK(broker.shown == wanted);
}

TEST_CASE("restarts of engine, broker and socket in every order, each message shown once") {
  std::vector<Trouble> order{Trouble::engine, Trouble::broker, Trouble::socket};
  do {
    CAPTURE(static_cast<int>(order[0]));
    CAPTURE(static_cast<int>(order[1]));
    FakeClock clock;
    HubWorld world(&clock);
    const auto alice = world.agent("alice");
    const auto bob = world.agent("bob");
    std::size_t sent = 0;
    const auto message = [&] { return world.dm(alice, bob, "message " + std::to_string(++sent)); };
    // There was something in the mailbox before, and it has a hole.
    message();
    const auto elsewhere = message();
    const Id read = elsewhere.message.id;
    world.get<bool>([&](Store& store) { return store.ack_delivery(bob.id, read); });
    message();

    ScriptedBroker broker(&world, &clock);
    broker.connect();
    broker.spawn("bob");
    broker.serve(sent - 1);
    for (const Trouble trouble : order) {
      message();
      message();
      broker.serve(sent - 1);
      // One is on its way when it happens.
      message();
      switch (trouble) {
        case Trouble::engine:
          broker.lose_socket();
          world.restart();
          broker.connect();
          break;
        case Trouble::broker: broker.restart(); break;
        case Trouble::socket:
          broker.lose_socket();
          message();
          broker.reconnect();
          break;
      }
      broker.serve(sent - 1);
    }
    std::vector<std::string> wanted;
    for (std::size_t i = 1; i <= sent; ++i) {
      if (i != 2) wanted.push_back("message " + std::to_string(i));
    }
    CHECK(broker.shown == wanted);
    CHECK(world.get<std::uint64_t>([&](Store& store) -> Result<std::uint64_t> {
      return store.mailbox(bob.id)->open;
    }) == 0);
  } while (std::next_permutation(order.begin(), order.end()));
}

}  // namespace relay::engine
