// Actions and their results through faults: connections that end, engines that repeat themselves or
// do not read, more work than there is room for.
#include "node_control/outbox.hpp"
#include "session_world.hpp"

namespace relay::node_control {
namespace {

using Scenario = asio::awaitable<void>;

struct ActionSession : SessionWorld {};

/// What came on the newest connection, by type.
std::vector<std::string> frames_now(SessionWorld& w) {
  const std::string connection = w.engine.socket().connection();
  std::vector<std::string> out;
  for (const auto& frame : w.engine.frames_of("*")) {
    if (frame.connection == connection) out.push_back(frame.what);
  }
  return out;
}

std::size_t lists_said(SessionWorld& w) {
  return w.engine.frames_of("inventory.sync").size();
}

}  // namespace

TEST_CASE_FIXTURE(ActionSession,
                  "an action under way does not hold back the inventory of a new connection") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    (void)w.engine.invoke("builder-1", "run:test", "1");
    co_await w.invoked(1);
    w.engine.socket().reset();
    co_await w.waits();
    co_await w.jump(500ms);
    co_await w.connected();
    co_await w.settle();
    const auto frames = frames_now(w);
    REQUIRE(frames.size() >= 2);
    CHECK(frames[0] == "node.register");
    CHECK(frames[1] == "inventory.sync");
  });
}

TEST_CASE_FIXTURE(ActionSession,
                  "a result that was written and never read is written again after a reconnect") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    const std::string id = w.engine.invoke("builder-1", "run:test", "1");
    co_await w.invoked(1);
    // A repeat of the action would ask for the result as well.
    w.engine.outgoing("action.invoke", FrameScript::drop(), test::kAlways);
    w.engine.socket().set_mode(FakeNodeSocket::Mode::deaf);
    CHECK(w.session->finish(id, json("1")));
    CHECK(w.session->status().unsent_results == 0);
    co_await w.saved();
    w.engine.socket().reset();
    co_await w.waits();
    CHECK(w.engine.frames_of("action.result").empty());
    co_await w.jump(500ms);
    co_await w.connected();
    co_await w.finished(id, "completed");
    CHECK(w.engine.frames_of("action.result").size() == 1);
  });
}

TEST_CASE_FIXTURE(
    ActionSession,
    "an action holds the inventory back for 30 s after the engine last asked for it") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    const std::string id = w.engine.invoke("builder-1", "run:test", "1");
    co_await w.invoked(1);
    const std::size_t lists = lists_said(w);
    co_await w.pass(29s);
    w.engine.socket().send_as_is(R"({"v":1,"type":"action.invoke","invocation_id":")" + id +
                                 R"(","action":"run:test","input":1})");
    co_await w.settle();
    co_await w.pass(29s);
    CHECK(lists_said(w) == lists);
    CHECK(w.engine.state().invocation(id).status == "dispatched");
    // The engine has given it to another node by then.
    co_await w.pass(10s);
    CHECK(lists_said(w) > lists);
    CHECK(w.broker.actions.size() == 1);
  });
}

TEST_CASE_FIXTURE(ActionSession, "actions that overlap do not put the inventory off for ever") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    const std::string first = w.engine.invoke("builder-1", "run:test", "1");
    co_await w.invoked(1);
    const std::size_t lists = lists_said(w);
    w.session->inventory_changed();
    co_await w.pass(4s);
    const std::string second = w.engine.invoke("builder-1", "run:test", "2");
    co_await w.invoked(2);
    CHECK(w.session->finish(first, json("1")));
    co_await w.pass(1s);
    const std::string third = w.engine.invoke("builder-1", "run:test", "3");
    co_await w.finished(third, "failed");
    CHECK(w.engine.state().invocation(third).error == "handler_unavailable");
    CHECK(lists_said(w) == lists);
    CHECK(w.session->finish(second, json("2")));
    co_await w.settle();
    CHECK(lists_said(w) == lists + 1);
    (void)w.engine.invoke("builder-1", "run:test", "4");
    co_await w.invoked(3);
  });
}

TEST_CASE_FIXTURE(ActionSession, "one action more than there is room for: the engine is told so") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    std::string first;
    for (std::size_t count = 0; count < Outbox::kMostUnsent; ++count) {
      const std::string id = w.engine.invoke("builder-1", "run:test", "1");
      if (first.empty()) first = id;
    }
    const std::string refused = w.engine.invoke("builder-1", "run:test", "2");
    co_await w.finished(refused, "failed");
    CHECK(w.engine.state().invocation(refused).error == "handler_unavailable");
    CHECK(w.broker.actions.size() == Outbox::kMostUnsent);
    CHECK_FALSE(w.session->finish(refused, json("1")));
    // One that ends makes room.
    CHECK(w.session->finish(first, json("1")));
    (void)w.engine.invoke("builder-1", "run:test", "3");
    co_await w.invoked(Outbox::kMostUnsent + 1);
  });
}

TEST_CASE_FIXTURE(ActionSession,
                  "a node that takes no actions still says so when the inventory has to wait") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    (void)w.engine.invoke("builder-1", "run:test", "1");
    co_await w.invoked(1);
    w.broker.now.handlers_live = false;
    w.session->load_changed();
    co_await w.settle();
    CHECK_FALSE(w.engine.state().node("builder-1").handlers_live);
    const std::size_t lists = lists_said(w);
    w.session->inventory_changed();
    co_await w.settle();
    // An engine takes a node that registers for one that takes actions.
    CHECK(w.engine.frames_of("node.register").size() == 2);
    CHECK(lists_said(w) == lists);
    CHECK_FALSE(w.engine.state().node("builder-1").handlers_live);
  });
}

TEST_CASE_FIXTURE(ActionSession,
                  "an engine that does not read for a while gets every result and ack afterwards") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    (void)co_await w.agent("ada");
    w.engine.dm("bob", "ada", "one");
    std::function<bool()> came = [&w] { return w.broker.deliveries.size() == 1; };
    co_await w.broker.until(std::move(came), "the message");
    // More than what the session queues and the kernel holds together.
    constexpr std::size_t kResults = 14;
    std::vector<std::string> ids;
    for (std::size_t count = 0; count < kResults; ++count) {
      ids.push_back(w.engine.invoke("builder-1", "run:test", "1"));
    }
    co_await w.invoked(kResults);
    w.engine.socket().set_mode(FakeNodeSocket::Mode::deaf);
    const std::string large = "\"" + std::string(1'000'000, 'x') + "\"";
    for (const auto& id : ids) CHECK(w.session->finish(id, json(large)));
    for (int turn = 0; turn < 10; ++turn) co_await w.jump(100ms);
    REQUIRE(w.session->status().unsent_results > 0);
    w.done(w.broker.deliveries.front());
    co_await w.saved();
    w.engine.socket().set_mode(FakeNodeSocket::Mode::normal);
    // Time only goes on here: nothing else makes the session write again.
    for (int turn = 0; turn < 30 && w.session->status().unsent_results > 0; ++turn) {
      co_await w.settle();
      co_await w.jump(100ms);
    }
    CHECK(w.session->status().unsent_results == 0);
    co_await w.settle();
    co_await w.jump(100ms);
    co_await w.settle();
    CHECK(w.engine.frames_of("action.result").size() == kResults);
    for (const auto& id : ids) CHECK(w.engine.state().invocation(id).status == "completed");
    CHECK(w.engine.state().agent("ada").acked_seq == 1);
    CHECK(w.session->status().counters.connections == 1);
  });
}

}  // namespace relay::node_control
