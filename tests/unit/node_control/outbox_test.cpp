#include "node_control/outbox.hpp"

#include <doctest/doctest.h>
#include <string>

namespace relay::node_control {
namespace {

using namespace std::chrono_literals;

const Monotonic kStart{1000s};

std::string to_send(const Outbox& outbox) {
  std::string text;
  for (const auto& result : outbox.results_to_send()) {
    if (!text.empty()) text += ", ";
    text += result.invocation_id + "=" + result.frame;
  }
  return text;
}

}  // namespace

TEST_CASE(
    "an invocation runs once: a repeat in flight is ignored, a finished one is answered again") {
  Outbox outbox;
  CHECK(outbox.invoked("i1") == InvokeVerdict::run);
  CHECK(outbox.invoked("i1") == InvokeVerdict::in_flight);
  CHECK(outbox.finished("i1", "ok"));
  CHECK(outbox.invoked("i1") == InvokeVerdict::in_flight);
  CHECK(to_send(outbox) == "i1=ok");
  outbox.written(kStart, "i1");
  CHECK(to_send(outbox) == "");
  CHECK(outbox.invoked("i1") == InvokeVerdict::answer_again);
  outbox.answer_again("i1");
  CHECK(to_send(outbox) == "i1=ok");
}

TEST_CASE("the first result of an invocation counts, and only of one that runs") {
  Outbox outbox;
  CHECK_FALSE(outbox.finished("i1", "never asked"));
  (void)outbox.invoked("i1");
  CHECK(outbox.finished("i1", "first"));
  CHECK_FALSE(outbox.finished("i1", "second"));
  CHECK(to_send(outbox) == "i1=first");
}

TEST_CASE("results survive a disconnect in the order in which they were finished") {
  Outbox outbox;
  for (const char* id : {"i1", "i2", "i3"}) (void)outbox.invoked(id);
  outbox.disconnected(kStart);
  outbox.finished("i2", "b");
  outbox.finished("i1", "a");
  CHECK(to_send(outbox) == "i2=b, i1=a");
  outbox.written(kStart, "i2");
  CHECK(to_send(outbox) == "i1=a");
  CHECK(outbox.invoked("i3") == InvokeVerdict::in_flight);
}

TEST_CASE("a result of an earlier life goes out again, and answers its invocation") {
  Outbox outbox;
  CHECK(outbox.restored("i1", "old"));
  CHECK(outbox.restored("i1", "older"));
  CHECK(to_send(outbox) == "i1=old");
  CHECK(outbox.invoked("i1") == InvokeVerdict::in_flight);
  outbox.written(kStart, "i1");
  CHECK(outbox.invoked("i1") == InvokeVerdict::answer_again);
}

TEST_CASE("what was written 60 s ago on a connection that lives is settled, and told once") {
  Outbox outbox;
  for (const char* id : {"i1", "i2"}) (void)outbox.restored(id, "x");
  outbox.written(kStart, "i1");
  CHECK(outbox.settled(kStart + 59s).empty());
  outbox.written(kStart + 1s, "i2");
  CHECK(outbox.settled(kStart + 60s) == std::vector<std::string>{"i1"});
  CHECK(outbox.settled(kStart + 61s) == std::vector<std::string>{"i2"});
  CHECK(outbox.settled(kStart + 200s).empty());
}

TEST_CASE("what was written in the last 60 s of a lost connection is written again, in front") {
  Outbox outbox;
  for (const char* id : {"i1", "i2", "i3", "i4"}) {
    (void)outbox.invoked(id);
    outbox.finished(id, "r");
  }
  outbox.written(kStart, "i1");
  outbox.written(kStart + 10s, "i2");
  outbox.written(kStart + 20s, "i3");
  outbox.disconnected(kStart + 60s);
  CHECK(to_send(outbox) == "i2=r, i3=r, i4=r");
}

TEST_CASE("a result is a frame that an engine takes") {
  const auto small = result_frame("i1", std::string("no such branch"));
  CHECK(small.find(R"("error":"no such branch")") != std::string::npos);
  const std::string wide(std::size_t{1} << 20U, 'x');
  const auto large = result_frame("i1", *wire::Json::parse("\"" + wide + "\""));
  CHECK(large.find(R"("error":"output_too_large")") != std::string::npos);
  CHECK(large.size() < 200);
}

TEST_CASE("an invocation that was passed on is new when the engine comes back with it") {
  Outbox outbox;
  (void)outbox.invoked("i1");
  (void)outbox.invoked("i2");
  CHECK(outbox.finished("i1", "not here", true));
  CHECK(outbox.finished("i2", "done"));
  // As long as it was not said it is not passed on.
  CHECK(outbox.invoked("i1") == InvokeVerdict::in_flight);
  outbox.written(kStart, "i1");
  outbox.written(kStart, "i2");
  // The engine may have asked before it read the answer.
  CHECK(outbox.invoked("i1") == InvokeVerdict::answer_again);
  CHECK(outbox.settled(kStart + 61s).size() == 2);
  CHECK(outbox.invoked("i1") == InvokeVerdict::run);
  CHECK(outbox.invoked("i1") == InvokeVerdict::in_flight);
  CHECK(outbox.invoked("i2") == InvokeVerdict::answer_again);
  CHECK(outbox.kept_bytes() == 4);
  CHECK(outbox.finished("i1", "done after all"));
  CHECK(outbox.results_to_send() == std::vector<ResultToSend>{{"i1", "done after all"}});
}

TEST_CASE("invocations that run or wait to be written are bounded; one more is busy") {
  Outbox outbox;
  for (int i = 0; i < 1024; ++i) {
    REQUIRE(outbox.invoked("i" + std::to_string(i)) == InvokeVerdict::run);
  }
  CHECK(outbox.invoked("more") == InvokeVerdict::busy);
  outbox.finished("i0", "r");
  CHECK(outbox.invoked("more") == InvokeVerdict::busy);
  outbox.written(kStart, "i0");
  CHECK(outbox.invoked("more") == InvokeVerdict::run);
}

TEST_CASE("written results are kept up to 1024 and 16 MiB, oldest out first") {
  Outbox outbox;
  for (int i = 0; i < 1025; ++i) {
    const std::string id = "i" + std::to_string(i);
    (void)outbox.invoked(id);
    outbox.finished(id, "r");
    outbox.written(kStart, id);
  }
  CHECK(outbox.invoked("i0") == InvokeVerdict::run);
  CHECK(outbox.invoked("i1") == InvokeVerdict::answer_again);
  for (int i = 0; i < 20; ++i) {
    const std::string id = "big" + std::to_string(i);
    (void)outbox.invoked(id);
    outbox.finished(id, std::string(std::size_t{1} << 20, 'x'));
    outbox.written(kStart, id);
  }
  CHECK(outbox.kept_bytes() <= (std::size_t{16} << 20));
  CHECK(outbox.invoked("big19") == InvokeVerdict::answer_again);
}

TEST_CASE("only the highest ack of each agent is kept, under the name it has now") {
  Outbox outbox;
  outbox.ack({"a1", "alpha", 3});
  outbox.ack({"a1", "alpha", 5});
  outbox.ack({"a1", "omega", 4});
  outbox.ack({"b1", "beta", 1});
  const auto acks = outbox.take_acks();
  REQUIRE(acks.size() == 2);
  CHECK(acks[0] == AckToSend{"a1", "omega", 5});
  CHECK(acks[1] == AckToSend{"b1", "beta", 1});
  CHECK(outbox.take_acks().empty());
}

TEST_CASE("acks of an agent that is gone are not sent for whoever has its name next") {
  Outbox outbox;
  outbox.ack({"a1", "alpha", 9});
  outbox.forget_acks_of("a1");
  outbox.ack({"a2", "alpha", 1});
  const auto acks = outbox.take_acks();
  REQUIRE(acks.size() == 1);
  CHECK(acks[0] == AckToSend{"a2", "alpha", 1});
}

TEST_CASE("what becomes of each frame without a connection") {
  CHECK(fate_without_connection(FrameKind::action_result) == Fate::kept);
  CHECK(fate_without_connection(FrameKind::delivery_ack) == Fate::latest_kept);
  CHECK(fate_without_connection(FrameKind::node_heartbeat) == Fate::made_anew);
  CHECK(fate_without_connection(FrameKind::inventory_sync) == Fate::made_anew);
  CHECK(fate_without_connection(FrameKind::agent_deregister) == Fate::made_anew);
  CHECK(fate_without_connection(FrameKind::agent_register) == Fate::fails_at_once);
}

}  // namespace relay::node_control
