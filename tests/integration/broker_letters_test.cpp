// What a broker says of a message that does not reach its agent.
#include "integration/broker_world.hpp"

namespace relay::broker {
namespace {

SendRequest letter_to(std::string to) {
  SendRequest request;
  request.to = std::move(to);
  request.text = "hello";
  return request;
}

Scenario spawn_held(World* world, std::string name) {
  const auto made = co_await world->broker->spawn(World::request(name, kReader));
  REQUIRE(made);
  ModeChange by_hand;
  by_hand.mode = DeliveryMode::manual_flush;
  const auto held = co_await world->broker->set_mode(name, by_hand);
  REQUIRE(held);
}

void fill_mailbox(Agent& agent) {
  Mail all;
  all.number = 1'000'000;
  all.inbound.letter.body = std::string(AgentMailbox::kMostBytes, 'x');
  REQUIRE(agent.accept(std::move(all)));
}

Scenario send_into(World* world, SendRequest wanted, std::optional<Result<SentMessage>>* into) {
  auto sent = co_await world->broker->send(std::move(wanted));
  into->emplace(std::move(sent));
}

}  // namespace

TEST_CASE_FIXTURE(World, "for a full mailbox nothing is taken, and it is said when to come again") {
  play([](World& w) -> Scenario {
    co_await spawn_held(&w, "ada");
    fill_mailbox(*w.roster->find("ada"));
    const auto sent = co_await w.broker->send(letter_to("ada"));
    REQUIRE_FALSE(sent);
    CHECK(sent.error().code == Code::queue_full);
    CHECK(sent.error().retry_after);
    CHECK(w.records.accepts == 0);
    CHECK(w.roster->find("ada")->mailbox().drain().size() == 1);
    const auto later = co_await w.broker->send(letter_to("ada"));
    CHECK(later);
  });
}

TEST_CASE_FIXTURE(World, "of several here who got no copy is named") {
  engine.no_publishing = Error(Code::not_enrolled, "there is no key");
  play([](World& w) -> Scenario {
    co_await spawn_held(&w, "ada");
    co_await spawn_held(&w, "bob");
    fill_mailbox(*w.roster->find("ada"));
    const auto sent = co_await w.broker->send(letter_to("#general"));
    REQUIRE(sent);
    CHECK(sent->delivered == 1);
    CHECK(sent->warning ==
          "only agents of this broker got it: there is no key; "
          "ada did not get it: too many messages wait for this agent");
    CHECK(w.records.dead.empty());
  });
}

TEST_CASE_FIXTURE(World, "a dead letter stays one while there is no room for it") {
  play([](World& w) -> Scenario {
    co_await spawn_held(&w, "ada");
    const auto sent = co_await w.broker->send(letter_to("ada"));
    REQUIRE(sent);
    const auto gone = co_await w.broker->release(ReleaseRequest("ada"));
    REQUIRE(gone);
    {
      std::function<bool()> holds = [&w] { return w.records.dead.size() == 1; };
      co_await w.until(std::move(holds), "a dead letter");
    }
    const auto id = w.records.dead.at(0).id;
    co_await spawn_held(&w, "ada");
    fill_mailbox(*w.roster->find("ada"));
    const auto full = co_await w.broker->redeliver(id);
    REQUIRE_FALSE(full);
    CHECK(full.error().code == Code::queue_full);
    CHECK(full.error().retry_after);
    CHECK(w.records.dead.at(0).id == id);
    CHECK(w.roster->find("ada")->mailbox().drain().size() == 1);
    const auto again = co_await w.broker->redeliver(id);
    CHECK(again);
    CHECK(w.roster->find("ada")->mailbox().size() == 1);
    CHECK(w.records.dead.empty());
  });
}

TEST_CASE_FIXTURE(World, "who ends while a message is written down has not got it") {
  net::Event written(io().get_executor());
  records.accept_waits = &written;
  std::optional<Result<SentMessage>> sent;
  play([&sent](World& w) -> Scenario {
    co_await spawn_held(&w, "ada");
    w.tasks->spawn(send_into(&w, letter_to("ada"), &sent));
    {
      std::function<bool()> holds = [&w] { return w.records.accepts == 1; };
      co_await w.until(std::move(holds), "it is being written down");
    }
    const auto gone = co_await w.broker->release(ReleaseRequest("ada"));
    REQUIRE(gone);
  });
  written.notify();
  play([&sent](World& w) -> Scenario {
    {
      std::function<bool()> holds = [&] { return sent && w.records.dead.size() == 1; };
      co_await w.until(std::move(holds), "its end");
    }
    REQUIRE_FALSE(*sent);
    CHECK(sent->error().code == Code::agent_not_found);
    CHECK(sent->error().message == "the agent ada has ended: the message is a dead letter now");
    CHECK(w.records.dead.at(0).reason == "agent_released");
  });
  records.accept_waits = nullptr;
}

}  // namespace relay::broker
