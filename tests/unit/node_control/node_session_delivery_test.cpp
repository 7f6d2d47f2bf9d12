// Deliveries through a node's session: from the socket to the broker and back as acks.
#include <algorithm>
#include <fmt/format.h>
#include <map>

#include "session_world.hpp"
#include "wire/engine_frames.hpp"

namespace relay::node_control {
namespace {

using Scenario = asio::awaitable<void>;
using Seqs = std::vector<std::uint64_t>;

struct DeliverySession : SessionWorld {};

/// Waits until the broker has that many deliveries.
Scenario surfaced(SessionWorld& w, std::size_t count) {
  std::function<bool()> came = [&w, count] { return w.broker.deliveries.size() >= count; };
  co_await w.broker.until(std::move(came), "deliveries");
}

std::vector<std::string> acks_of(SessionWorld& w, const std::string& name) {
  std::vector<std::string> out;
  for (const auto& ack : w.engine.frames_of("delivery.ack")) {
    if (ack.string("/agent") == name) out.push_back(ack.json("/up_to_seq"));
  }
  return out;
}

Scenario acked(SessionWorld& w, std::string name, std::uint64_t seq) {
  std::function<bool()> there = [&w, name, seq] {
    return w.engine.state().agent(name).acked_seq == seq;
  };
  co_await w.broker.until(std::move(there), "the ack of " + std::to_string(seq));
}

/// One ephemeral frame, as engines name them.
std::string event_frame(const std::string& agent_id, const std::string& key,
                        const std::string& msg_id, const std::string& payload) {
  return fmt::format(R"({{"v":1,"type":"deliver","delivery_id":"evt_{}_{}","agent_id":"{}",)"
                     R"("agent":"ada","msg_id":"{}","seq":0,"mode":"wait","payload":{}}})",
                     key, agent_id, agent_id, msg_id, payload);
}

std::string payload_of(const Delivery& delivery) {
  const auto frame = wire::decode_engine_frame(delivery.payload);
  REQUIRE(frame.has_value());
  return std::get<wire::Deliver>(*frame).payload.text();
}

}  // namespace

TEST_CASE_FIXTURE(DeliverySession,
                  "1, 2, 2, 4 after an expiry, 3 late: once each, in order, acks grow") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    const std::string ada = co_await w.agent("ada");
    w.engine.outgoing("deliver", FrameScript::duplicate(), 1, 1);
    w.engine.outgoing("deliver", FrameScript::drop(), 1);
    for (const char* text : {"one", "two", "three"}) w.engine.dm("bob", "ada", text);
    const wire::Deliver third = w.engine.state().agent("ada").mailbox.back();
    w.engine.state().expire(w.engine.state().agent("ada"), 3);
    w.engine.dm("bob", "ada", "four");
    co_await surfaced(w, 2);
    for (const auto& delivery : w.broker.deliveries) w.done(delivery);
    co_await acked(w, "ada", 2);
    co_await w.pass(4s);
    CHECK(w.broker.seqs() == Seqs{1, 2});
    // The gap is waited for, then the engine is followed.
    co_await w.pass(3s);
    co_await surfaced(w, 3);
    CHECK(w.broker.seqs() == Seqs{1, 2, 4});
    REQUIRE(w.broker.holes.size() == 1);
    CHECK(w.broker.holes.front().first == 3);
    w.done(w.broker.deliveries.back());
    co_await w.settle();
    CHECK(w.engine.state().agent("ada").acked_seq == 2);
    // It comes after all.
    w.engine.socket().send("deliver", wire::encode(third));
    co_await surfaced(w, 4);
    REQUIRE(w.broker.late.size() == 1);
    CHECK(w.broker.late.front().seq == 3);
    w.done(w.broker.late.front());
    co_await acked(w, "ada", 4);
    auto acks = acks_of(w, "ada");
    CHECK(std::is_sorted(acks.begin(), acks.end()));
  });
}

TEST_CASE_FIXTURE(DeliverySession,
                  "the worker dies unconfirmed: no ack, once more after the re-spawn") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    const std::string ada = co_await w.agent("ada");
    w.engine.dm("bob", "ada", "one");
    co_await surfaced(w, 1);
    w.broker.drop("ada");
    const auto gone = w.session->deregister_agent(ada, "ada");
    REQUIRE(gone.has_value());
    w.session->inventory_changed();
    co_await w.settle();
    CHECK(w.engine.state().agent("ada").acked_seq == 0);
    CHECK(co_await w.agent("ada") == ada);
    co_await surfaced(w, 2);
    CHECK(w.broker.seqs() == Seqs{1, 1});
    w.done(w.broker.deliveries.back());
    co_await acked(w, "ada", 1);
    co_await w.pass(61s);
    CHECK(w.broker.deliveries.size() == 2);
  });
}

TEST_CASE_FIXTURE(DeliverySession, "a restart with a withheld ack: nothing is surfaced twice") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    const std::string ada = co_await w.agent("ada");
    for (const char* text : {"one", "two", "three"}) w.engine.dm("bob", "ada", text);
    co_await surfaced(w, 3);
    w.done(w.broker.deliveries[0]);
    w.done(w.broker.deliveries[2]);
    co_await acked(w, "ada", 1);
    co_await w.saved();
    const Delivery open = w.broker.deliveries[1];
    // As after kill -9: what was on disk is all that is left.
    const BookState left = w.store.state;
    co_await w.session->stop();
    w.store.state = left;
    co_await w.up();
    co_await w.pass(2s);
    CHECK(w.engine.state().agent("ada").mailbox.size() == 2);
    CHECK(w.broker.deliveries.size() == 3);
    // The journal has given the open one to the injector again.
    w.done(open);
    co_await acked(w, "ada", 3);
    w.engine.dm("bob", "ada", "four");
    co_await surfaced(w, 4);
    CHECK(w.broker.deliveries.back().seq == 4);
  });
}

TEST_CASE_FIXTURE(DeliverySession,
                  "released and spawned again, the same id: the next message arrives") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    const std::string ada = co_await w.agent("ada");
    for (const char* text : {"one", "two"}) w.engine.dm("bob", "ada", text);
    co_await surfaced(w, 2);
    for (const auto& delivery : w.broker.deliveries) w.done(delivery);
    co_await acked(w, "ada", 2);
    w.broker.drop("ada");
    REQUIRE(w.session->deregister_agent(ada, "ada").has_value());
    w.session->inventory_changed();
    co_await w.settle();
    (void)co_await w.agent("ada");
    w.engine.dm("bob", "ada", "three");
    co_await surfaced(w, 3);
    CHECK(w.broker.deliveries.back().seq == 3);
  });
}

TEST_CASE_FIXTURE(DeliverySession,
                  "the same name with a new id, first number N > 1, nobody says where") {
  run([](SessionWorld& w) -> Scenario {
    w.engine.outgoing("reply:agent.register", FrameScript::without("/data/delivery_ack_seq"),
                      test::kAlways);
    co_await w.up();
    const std::string old = co_await w.agent("ada");
    w.engine.dm("bob", "ada", "one");
    co_await surfaced(w, 1);
    w.done(w.broker.deliveries.front());
    co_await acked(w, "ada", 1);
    w.broker.drop("ada");
    REQUIRE(w.session->deregister_agent(old, "ada").has_value());
    w.engine.state().agents.remove_if([](const auto& agent) { return agent.name == "ada"; });
    w.session->inventory_changed();
    co_await w.settle();
    const std::string ada = co_await w.agent("ada");
    CHECK(ada != old);
    w.engine.state().agent("ada").last_seq = 41;
    w.engine.state().agent("ada").acked_seq = 41;
    w.engine.dm("bob", "ada", "at last");
    co_await w.pass(3s);
    co_await surfaced(w, 2);
    CHECK(w.broker.deliveries.back().seq == 42);
    CHECK(w.broker.deliveries.back().agent_id == ada);
    w.done(w.broker.deliveries.back());
    co_await acked(w, "ada", 42);
  });
}

TEST_CASE_FIXTURE(
    DeliverySession,
    "A11, C9, 12.5.10: ephemeral: a reaction after its message, two denials, an object") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    const std::string ada = co_await w.agent("ada");
    const std::string message = w.engine.dm("bob", "ada", "one");
    co_await surfaced(w, 1);
    auto& socket = w.engine.socket();
    const std::string like = R"({"type":"message.reacted","data":{"emoji":"a"}})";
    const std::string love = R"({"type":"message.reacted","data":{"emoji":"b"}})";
    const std::string no = R"({"type":"action.denied","data":{"action":"x","reason":"no"}})";
    const std::string good =
        R"({"type":"action.completed","data":{"invocation_id":"inv_1","output":{"a":1}}})";
    const std::string key = "message.reacted_" + message;
    socket.send_as_is(event_frame(ada, key, message, like));
    socket.send_as_is(event_frame(ada, key, message, like));  // the same frame twice
    socket.send_as_is(event_frame(ada, key, message, love));
    socket.send_as_is(event_frame(ada, "action.denied_x", "x", no));
    socket.send_as_is(event_frame(ada, "action.denied_x", "x", no));
    socket.send_as_is(event_frame(ada, "action.completed_inv_1", "inv_1", good));
    co_await w.settle();
    co_await surfaced(w, 6);
    co_await w.saved();
    REQUIRE(w.broker.seqs() == Seqs{1, 0, 0, 0, 0, 0});
    CHECK(payload_of(w.broker.deliveries[1]) == like);
    CHECK(payload_of(w.broker.deliveries[2]) == love);
    CHECK(payload_of(w.broker.deliveries[3]) == no);
    CHECK(payload_of(w.broker.deliveries[4]) == no);
    CHECK(payload_of(w.broker.deliveries[5]) == good);
    for (const auto& delivery : w.broker.deliveries) w.done(delivery);
    co_await acked(w, "ada", 1);
  });
}

TEST_CASE_FIXTURE(DeliverySession,
                  "10 000 deliveries to 50 agents: each in order, all acknowledged") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    constexpr std::size_t kAgents = 50;
    constexpr std::size_t kEach = 200;
    for (std::size_t i = 0; i < kAgents; ++i) (void)co_await w.agent("a" + std::to_string(i));
    const std::size_t saves = w.store.saves;
    std::size_t settled = 0;
    for (std::size_t round = 0; round < kEach; ++round) {
      for (std::size_t i = 0; i < kAgents; ++i) w.engine.dm("bob", "a" + std::to_string(i), "x");
      if (round % 20 != 19) continue;
      co_await surfaced(w, (round + 1) * kAgents);
      for (; settled < w.broker.deliveries.size(); ++settled) {
        w.done(w.broker.deliveries[settled]);
      }
    }
    std::map<std::string, std::uint64_t> last;
    for (const auto& delivery : w.broker.deliveries) {
      CHECK(delivery.seq == last[delivery.agent_id] + 1);
      last[delivery.agent_id] = delivery.seq;
    }
    CHECK(w.broker.deliveries.size() == kAgents * kEach);
    for (std::size_t i = 0; i < kAgents; ++i) co_await acked(w, "a" + std::to_string(i), kEach);
    // One save serves many.
    CHECK(w.store.saves - saves < kAgents * kEach);
    CHECK(w.session->status().unsent_results == 0);
  });
}

TEST_CASE_FIXTURE(DeliverySession, "what the broker gives back is not acked, and comes again") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    (void)co_await w.agent("ada");
    for (int i = 0; i < 257; ++i) w.engine.dm("bob", "ada", "x");
    co_await surfaced(w, 257);
    // The broker's queue holds 256.
    const Delivery over = w.broker.deliveries.back();
    w.session->failed(over.agent_id, over.seq, over.delivery_id);
    co_await w.settle();
    CHECK(w.engine.state().agent("ada").acked_seq == 0);
    for (std::size_t i = 0; i < 100; ++i) w.done(w.broker.deliveries[i]);
    co_await acked(w, "ada", 100);
    for (std::size_t i = 100; i < 256; ++i) w.done(w.broker.deliveries[i]);
    co_await acked(w, "ada", 256);
    co_await w.pass(3s);
    co_await surfaced(w, 258);
    CHECK(w.broker.deliveries.back().seq == 257);
    w.done(w.broker.deliveries.back());
    co_await acked(w, "ada", 257);
  });
}

TEST_CASE_FIXTURE(DeliverySession, "a message for nobody is a dead letter, acknowledged once") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    w.engine.state().agent_or_new("ghost").node_id = "node_1";
    w.engine.dm("bob", "ghost", "one");
    co_await w.pass(2s);
    std::function<bool()> buried = [&w] { return w.broker.dead.size() == 1; };
    co_await w.broker.until(std::move(buried), "the dead letter");
    co_await acked(w, "ghost", 1);
    co_await w.pass(70s);
    CHECK(w.broker.dead.size() == 1);
    w.engine.dm("bob", "ghost", "two");
    co_await acked(w, "ghost", 2);
    CHECK(w.broker.dead.size() == 2);
    CHECK(w.broker.deliveries.empty());
  });
}

TEST_CASE_FIXTURE(DeliverySession,
                  "the state is on disk before anything is done, and before an ack leaves") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    (void)co_await w.agent("ada");
    w.broker.order.clear();
    w.engine.dm("bob", "ada", "one");
    co_await surfaced(w, 1);
    CHECK(w.broker.order == std::vector<std::string>{"save", "surface 1"});
    w.store.fails = true;
    w.done(w.broker.deliveries.front());
    w.engine.dm("bob", "ada", "two");
    std::function<bool()> failed = [&w] { return w.session->status().store_error.has_value(); };
    co_await w.broker.until(std::move(failed), "the store fails");
    co_await w.settle();
    CHECK(w.session->status().store_error->code == Code::disk_full);
    CHECK(w.broker.deliveries.size() == 1);
    CHECK(w.engine.state().agent("ada").acked_seq == 0);
    w.store.fails = false;
    co_await surfaced(w, 2);
    co_await acked(w, "ada", 1);
    CHECK_FALSE(w.session->status().store_error.has_value());
  });
}

TEST_CASE_FIXTURE(DeliverySession, "cut in the middle of a flood: each message once, in order") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    (void)co_await w.agent("ada");
    for (int round = 0; round < 5; ++round) {
      for (int i = 0; i < 20; ++i) w.engine.dm("bob", "ada", "x");
      w.engine.outgoing("deliver", FrameScript::cut_after(7), 1);
      w.engine.dm("bob", "ada", "x");
      std::function<bool()> waits = [&w] { return w.session->status().next_try_in.has_value(); };
      co_await w.broker.until(std::move(waits), "the connection is cut");
      co_await w.jump(30s);
      co_await w.connected();
    }
    co_await surfaced(w, 105);
    co_await w.settle();
    Seqs all;
    for (std::uint64_t seq = 1; seq <= 105; ++seq) all.push_back(seq);
    CHECK(w.broker.seqs() == all);
    for (const auto& delivery : w.broker.deliveries) w.done(delivery);
    co_await acked(w, "ada", 105);
  });
}

TEST_CASE_FIXTURE(DeliverySession,
                  "an ack that waits is for nobody any more once its agent is gone") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    const std::string ada = co_await w.agent("ada");
    w.engine.dm("bob", "ada", "one");
    co_await surfaced(w, 1);
    w.engine.down();
    std::function<bool()> waits = [&w] { return w.session->status().next_try_in.has_value(); };
    co_await w.broker.until(std::move(waits), "the connection is cut");
    w.done(w.broker.deliveries.front());
    co_await w.saved();
    // The name goes to somebody else while the ack waits.
    w.broker.drop("ada");
    REQUIRE(w.session->deregister_agent(ada, "ada").has_value());
    w.engine.up();
    co_await w.jump(30s);
    co_await w.connected();
    co_await w.settle();
    CHECK(acks_of(w, "ada").empty());
  });
}

TEST_CASE_FIXTURE(DeliverySession,
                  "identity: frames for a released agent end with its deregistration") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    const std::string ada = co_await w.agent("ada");
    w.broker.drop("ada");
    w.engine.incoming("agent.deregister", FrameScript::drop(), 1);
    REQUIRE(w.session->deregister_agent(ada, "ada").has_value());
    w.engine.dm("bob", "ada", "one");
    w.engine.dm("bob", "ada", "two");
    co_await w.settle();
    co_await w.settle();
    CHECK(w.broker.deliveries.empty());
    CHECK(w.engine.frames_of("agent.deregister").size() == 2);
    CHECK(w.engine.state().agent("ada").node_id != "node_1");
    CHECK(w.engine.state().agent("ada").acked_seq == 0);
  });
}

TEST_CASE_FIXTURE(DeliverySession,
                  "identity: another agent under our name: ours is registered again") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    const std::string old = co_await w.agent("ada");
    // Somebody deleted the agent at the engine and made a new one of that name, on this node.
    w.engine.state().agents.remove_if([](const auto& agent) { return agent.name == "ada"; });
    w.engine.state().agent_or_new("ada").node_id = "node_1";
    w.engine.dm("bob", "ada", "one");
    std::function<bool()> again = [&w] { return w.broker.again.size() == 1; };
    co_await w.broker.until(std::move(again), "ada is registered again");
    CHECK(w.broker.again.front().first == old);
    co_await surfaced(w, 1);
    CHECK(w.broker.deliveries.front().agent_id == w.engine.state().agent("ada").id);
    w.done(w.broker.deliveries.front());
    co_await acked(w, "ada", 1);
  });
}

}  // namespace relay::node_control
