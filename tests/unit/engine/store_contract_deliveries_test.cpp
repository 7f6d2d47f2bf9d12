// What any store does with deliveries. Each test runs on every store there is.
#include "engine/store_world.hpp"
#include "engine/views.hpp"

namespace relay::engine {
namespace {

using namespace std::chrono_literals;
using Seqs = std::vector<std::uint64_t>;

/// Two agents and three messages from the one to the other.
struct Talk {
  explicit Talk(StoreWorld& world)
      : anna(world.agent("anna")),
        bert(world.agent("bert")),
        one(world.dm(anna, bert, "one")),
        two(world.dm(anna, bert, "two")),
        three(world.dm(anna, bert, "three")) {}
  Agent anna;
  Agent bert;
  Posted one;
  Posted two;
  Posted three;
};

Acked ack(StoreWorld& world, const Agent& agent, std::uint64_t seq) {
  return world.get(world.write([&](Store& of) { return of.ack_up_to(agent.id, agent.node, seq); }));
}

Mailbox mailbox(StoreWorld& world, const Agent& agent) {
  return world.get(world.read([&](const Store& of) { return of.mailbox(agent.id); }));
}

}  // namespace

TEST_CASE("acknowledgements out of order do no harm") {
  on_each_store([](StoreWorld& world) {
    const Talk talk(world);
    CHECK(ack(world, talk.bert, 2).settled.size() == 2);
    const auto late = ack(world, talk.bert, 1);
    CHECK(late.settled.empty());
    CHECK(late.cursor == 2);
    CHECK(world.open_seqs(talk.bert) == Seqs{3});
    CHECK(mailbox(world, talk.bert).open == 1);
  });
}

TEST_CASE("one acknowledged by itself does not hide those before it") {
  on_each_store([](StoreWorld& world) {
    const Talk talk(world);
    CHECK(world.get(world.write(
        [&](Store& of) { return of.ack_delivery(talk.bert.id, talk.two.message.id); })));
    CHECK(world.open_seqs(talk.bert) == Seqs{1, 3});
    CHECK(mailbox(world, talk.bert).acked_seq == 0);
    CHECK(world.get(world.write(
        [&](Store& of) { return of.ack_delivery(talk.bert.id, talk.one.message.id); })));
    CHECK(world.open_seqs(talk.bert) == Seqs{3});
  });
}

TEST_CASE("an acknowledgement beyond the last sequence means all, of a strange node nothing") {
  on_each_store([](StoreWorld& world) {
    const Talk talk(world);
    const auto strange = world.broker("strange");
    const auto nothing = world.get(
        world.write([&](Store& of) { return of.ack_up_to(talk.bert.id, strange.id, 3); }));
    CHECK(nothing.settled.empty());
    const auto all = world.get(
        world.write([&](Store& of) { return of.ack_up_to(talk.bert.id, talk.bert.node, 99); }));
    CHECK(all.cursor == 3);
    CHECK(mailbox(world, talk.bert).open == 0);
    CHECK(world.dm(talk.anna, talk.bert, "four").deliveries.at(0).seq == 4);
    CHECK(world.open_seqs(talk.bert) == Seqs{4});
  });
}

TEST_CASE("the first end counts, but who has failed can still acknowledge") {
  on_each_store([](StoreWorld& world) {
    const Talk talk(world);
    const auto fail_it = [&](const std::string& error) {
      return world.get(world.write([&](Store& of) {
        return of.fail_delivery(talk.bert.id, talk.one.message.id, Failure{error, true});
      }));
    };
    CHECK(fail_it("first"));
    CHECK_FALSE(fail_it("second"));
    CHECK(world.delivery(talk.one, talk.bert).note == "first");
    CHECK(world.delivery(talk.one, talk.bert).retryable == true);
    CHECK(world.open_seqs(talk.bert) == Seqs{2, 3});
    CHECK(mailbox(world, talk.bert).open == 2);
    CHECK(world.get(world.write(
        [&](Store& of) { return of.ack_delivery(talk.bert.id, talk.one.message.id); })));
    CHECK_FALSE(fail_it("late"));
    CHECK(world.delivery(talk.one, talk.bert).status == DeliveryStatus::acked);
    CHECK(mailbox(world, talk.bert).open == 2);
  });
}

TEST_CASE("a deferred delivery stays, with whole seconds, and only once") {
  on_each_store([](StoreWorld& world) {
    const Talk talk(world);
    const auto defer = [&](std::optional<std::string> reason) {
      return world.get(world.write([&](Store& of) {
        return of.defer_delivery(talk.bert.id, talk.one.message.id,
                                 Deferral{world.clock.wall() + 1500ms, std::move(reason)});
      }));
    };
    CHECK(defer(std::nullopt));
    CHECK_FALSE(defer(std::nullopt));
    CHECK(defer("busy"));
    const auto kept = world.delivery(talk.one, talk.bert);
    CHECK(kept.status == DeliveryStatus::queued);
    CHECK(kept.available == world.clock.wall() + 1s);
    CHECK(kept.note == "busy");
    CHECK(world.open_seqs(talk.bert) == Seqs{1, 2, 3});
  });
}

TEST_CASE("there is no delivery of others") {
  on_each_store([](StoreWorld& world) {
    const Talk talk(world);
    CHECK(world.refusal(world.write([&](Store& of) {
      return of.ack_delivery(talk.anna.id, talk.one.message.id);
    })) == "delivery_not_found");
  });
}

TEST_CASE("what is over is dead, what was acknowledged is not") {
  on_each_store([](StoreWorld& world) {
    const Talk talk(world);
    ack(world, talk.bert, 1);
    world.clock.advance(59min);
    const auto due = [&] {
      return world.get(world.read([](const Store& of) { return of.overdue_mailboxes(10); }));
    };
    CHECK(due().empty());
    world.clock.advance(2min);
    CHECK(due() == std::vector<Id>{talk.bert.id});
    CHECK(world.open_seqs(talk.bert).empty());
    const auto expired =
        world.get(world.write([&](Store& of) { return of.expire_mailbox(talk.bert.id); }));
    REQUIRE(expired.size() == 2);
    CHECK(expired[0].delivery.seq == 2);
    CHECK(expired[0].author == talk.anna.id);
    CHECK(world.delivery(talk.one, talk.bert).status == DeliveryStatus::acked);
    CHECK(world.delivery(talk.two, talk.bert).status == DeliveryStatus::dead);
    CHECK(world.delivery(talk.two, talk.bert).note == "delivery TTL expired");
    CHECK(due().empty());
    CHECK(mailbox(world, talk.bert).open == 0);
  });
}

TEST_CASE("the route is the one at the time of writing") {
  on_each_store([](StoreWorld& world) {
    const Talk talk(world);
    const auto node = world.broker("builder");
    const auto moved = world.get(world.claim(node, "bert"));
    CHECK(moved.id == talk.bert.id);
    CHECK(moved.node == node.id);
    CHECK(world.delivery(talk.one, talk.bert).node == talk.bert.node);
    const auto later = world.dm(talk.anna, talk.bert, "four");
    CHECK(world.delivery(later, talk.bert).node == node.id);
  });
}

TEST_CASE("what was sent is delivered, and counts its attempts") {
  on_each_store([](StoreWorld& world) {
    const Talk talk(world);
    const auto send = [&] {
      world.get(world.write([&](Store& of) { return of.mark_sent(talk.bert.id, {1, 2}); }));
    };
    send();
    const auto at = world.clock.wall();
    world.clock.advance(1min);
    send();
    const auto first = world.delivery(talk.one, talk.bert);
    CHECK(first.status == DeliveryStatus::delivered);
    CHECK(first.attempts == 2);
    CHECK(first.delivered == at);
    CHECK(world.delivery(talk.three, talk.bert).status == DeliveryStatus::queued);
    CHECK(world.open_seqs(talk.bert) == Seqs{1, 2, 3});
  });
}

TEST_CASE("lists are of one status, oldest first; a page of the backlog begins behind its mark") {
  on_each_store([](StoreWorld& world) {
    const Talk talk(world);
    ack(world, talk.bert, 1);
    const auto list = [&](std::optional<DeliveryStatus> status) {
      Seqs seqs;
      for (const auto& each : world.get(world.read(
               [&](const Store& of) { return of.deliveries_of(talk.bert.id, status, 100); }))) {
        seqs.push_back(each.seq);
      }
      return seqs;
    };
    CHECK(list(std::nullopt) == Seqs{2, 3});
    CHECK(list(DeliveryStatus::acked) == Seqs{1});
    const auto page =
        world.get(world.read([&](const Store& of) { return of.backlog(talk.bert.id, 2, 10); }));
    REQUIRE(page.size() == 1);
    CHECK(page[0].seq == 3);
  });
}

TEST_CASE("the name of a delivery is that of its message and its agent") {
  Delivery delivery;
  delivery.message = 139212345678905555;
  delivery.agent = 139212345678901234;
  CHECK(delivery_id(delivery) == "del_139212345678905555_139212345678901234");
  const auto parsed = parse_delivery_id("del_139212345678905555_139212345678901234");
  REQUIRE(parsed);
  CHECK(parsed->message == delivery.message);
  CHECK(parsed->agent == delivery.agent);
  for (const char* text : {"del_1", "del_1_", "del_x_1", "evt_1_2", "del_1_2_3", "del_0_1"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_delivery_id(text));
  }
}

}  // namespace relay::engine
