#include "broker/agent_mailbox.hpp"

#include <doctest/doctest.h>

namespace relay::broker {
namespace {

Mail message(std::uint64_t number, std::string body = "x") {
  Mail out;
  out.number = number;
  out.key.delivery_id = "del_" + std::to_string(number);
  out.inbound.letter.body = std::move(body);
  return out;
}

AgentMailbox with(std::uint64_t count) {
  AgentMailbox box;
  for (std::uint64_t i = 1; i <= count; ++i) REQUIRE(box.accept(message(i)));
  return box;
}

std::vector<std::uint64_t> taken(AgentMailbox& box) {
  std::vector<std::uint64_t> out;
  for (const Mail* one : box.take()) out.push_back(one->number);
  return out;
}

}  // namespace

TEST_CASE("messages are given out in order, a few at a time, each once") {
  AgentMailbox box = with(4);
  CHECK(taken(box) == std::vector<std::uint64_t>{1, 2});
  CHECK_FALSE(box.may_take());
  CHECK(taken(box).empty());
  CHECK(box.ended(2)->number == 2);
  CHECK(taken(box) == std::vector<std::uint64_t>{3});
  CHECK_FALSE(box.ended(2));
  CHECK(box.find(3)->attempts == 1);
  CHECK(box.size() == 3);
}

TEST_CASE("what is urgent goes before what waits, in its own order") {
  AgentMailbox box = with(3);
  Mail steering = message(4);
  steering.inbound.steer = true;
  REQUIRE(box.accept(steering));
  Mail first = message(5);
  first.inbound.priority = 4;
  REQUIRE(box.accept(first));
  CHECK(taken(box) == std::vector<std::uint64_t>{4, 5});
  CHECK(box.ended(4));
  CHECK(box.ended(5));
  CHECK(taken(box) == std::vector<std::uint64_t>{1, 2});
}

TEST_CASE("what the terminal does not take is the next one again") {
  AgentMailbox box = with(2);
  CHECK(taken(box).size() == 2);
  box.put_back(1);
  CHECK(box.find(1)->attempts == 0);
  CHECK(taken(box) == std::vector<std::uint64_t>{1});
}

TEST_CASE("a full mailbox refuses the newest and says when to come again") {
  AgentMailbox box;
  REQUIRE(box.accept(message(1, std::string(AgentMailbox::kMostBytes, 'a'))));
  const auto more = box.accept(message(2));
  REQUIRE_FALSE(more);
  CHECK(more.error().code == Code::queue_full);
  CHECK(more.error().retry_after);
  CHECK(box.size() == 1);
  CHECK(box.ended(1));
  CHECK(box.accept(message(2)));

  AgentMailbox many = with(AgentMailbox::kMostMessages);
  CHECK_FALSE(many.accept(message(0)));
}

TEST_CASE("room that is held is nobody else's, and is given back once") {
  AgentMailbox box;
  {
    auto room = box.hold_room(AgentMailbox::kMostBytes);
    REQUIRE(room);
    CHECK_FALSE(box.hold_room(1));
    CHECK_FALSE(box.accept(message(1)));
    room->give_back();
    CHECK(box.hold_room(1));
    CHECK(box.accept(message(1)));
  }
  CHECK(box.hold_room(AgentMailbox::kMostBytes - 1));
  const auto none = box.hold_room(AgentMailbox::kMostBytes);
  REQUIRE_FALSE(none);
  CHECK(none.error().code == Code::queue_full);
  CHECK(none.error().retry_after);

  AgentMailbox many = with(AgentMailbox::kMostMessages - 1);
  const auto last = many.hold_room(1);
  CHECK(last);
  CHECK_FALSE(many.accept(message(0)));
}

TEST_CASE("by hand: nothing goes until it is let go, and only what waited then") {
  AgentMailbox box = with(2);
  CHECK(box.set_mode(DeliveryMode::manual_flush) == 0);
  CHECK_FALSE(box.may_take());
  CHECK(taken(box).empty());
  CHECK(box.flush() == 2);
  CHECK(box.flush() == 0);
  REQUIRE(box.accept(message(3)));
  CHECK(taken(box) == std::vector<std::uint64_t>{1, 2});
  CHECK(box.ended(1));
  CHECK_FALSE(box.may_take());
  CHECK(box.set_mode(DeliveryMode::auto_inject) == 1);
  CHECK(taken(box) == std::vector<std::uint64_t>{3});
  CHECK(box.revision() == 2);
  CHECK(box.set_mode(DeliveryMode::auto_inject) == 0);
  CHECK(box.revision() == 3);
}

TEST_CASE("another program gets all that the last one did not end, and knows what is in doubt") {
  AgentMailbox box = with(2);
  CHECK(taken(box).size() == 2);
  box.start_over({2});
  CHECK_FALSE(box.find(1)->recovering);
  CHECK(box.find(2)->recovering);
  CHECK(taken(box) == std::vector<std::uint64_t>{1, 2});
  CHECK(box.drain().size() == 2);
  CHECK(box.size() == 0);
  CHECK(box.accept(message(4)));
  CHECK(taken(box) == std::vector<std::uint64_t>{4});
}

TEST_CASE("what waits can be looked at") {
  AgentMailbox box;
  Mail one = message(1, "hello");
  one.inbound.event_id = "msg_1";
  one.inbound.letter.sender = "bob";
  one.inbound.letter.thread = "th_1";
  one.inbound.steer = true;
  REQUIRE(box.accept(one));
  const auto pending = box.pending("ada");
  REQUIRE(pending.size() == 1);
  CHECK(pending[0].from == "bob");
  CHECK(pending[0].target == "ada");
  CHECK(pending[0].body == "hello");
  CHECK(pending[0].thread_id == "th_1");
  CHECK(pending[0].mode == "steer");
  CHECK(pending[0].event_id == "msg_1");
}

TEST_CASE("what was only got ready is known beside what is being typed") {
  AgentMailbox box = with(3);
  CHECK(taken(box) == std::vector<std::uint64_t>{1, 2});
  const auto untyped = box.begun_except("g", {1});
  REQUIRE(untyped.size() == 1);
  CHECK(untyped[0].delivery_id == "del_2");
  // It was in doubt before.
  box.begun(2, "g", true);
  CHECK(box.begun_except("g", {1}).empty());
}

TEST_CASE("what has begun with its acceptance has begun, also while it waits") {
  AgentMailbox box;
  Mail accepted = message(7);
  accepted.generation = "g";
  accepted.begun = true;
  REQUIRE(box.accept(accepted));
  REQUIRE(box.begun_except("g", {}).size() == 1);
  CHECK(box.begun_except("g", {7}).empty());
  CHECK(box.begun_except("h", {}).empty());
  // Another program did not begin it.
  box.start_over({});
  CHECK(box.begun_except("g", {}).empty());
}

TEST_CASE("a reader that waits for the disk is given more at a time, one that does not two") {
  AgentMailbox box = with(50);
  CHECK(taken(box) == std::vector<std::uint64_t>{1, 2});
  box.settle_pace(true);
  CHECK(taken(box) == std::vector<std::uint64_t>{3, 4});
  box.settle_pace(true);
  CHECK(taken(box).size() == 4);
  for (int i = 0; i < 3; ++i) box.settle_pace(true);
  CHECK(taken(box).size() == 24);  // 32 in all
  box.settle_pace(false);
  for (std::uint64_t number = 1; number <= 31; ++number) CHECK(box.ended(number));
  CHECK(taken(box) == std::vector<std::uint64_t>{33});
  // Nothing more waits behind these few: nobody is helped by more.
  AgentMailbox small = with(2);
  CHECK(taken(small).size() == 2);
  small.settle_pace(true);
  for (std::uint64_t number = 11; number <= 14; ++number) CHECK(small.accept(message(number)));
  CHECK(taken(small).empty());
}

TEST_CASE("what was taken is next until the mode holds it or something urgent comes") {
  AgentMailbox box = with(4);
  CHECK(taken(box) == std::vector<std::uint64_t>{1, 2});
  CHECK(box.still_next(2));
  box.set_mode(DeliveryMode::manual_flush);
  CHECK_FALSE(box.still_next(2));
  box.set_mode(DeliveryMode::auto_inject);
  CHECK(box.still_next(2));
  Mail urgent = message(5);
  urgent.inbound.priority = 4;
  REQUIRE(box.accept(urgent));
  CHECK_FALSE(box.still_next(2));
  box.put_back(2);
  CHECK(taken(box) == std::vector<std::uint64_t>{5});
  CHECK(box.still_next(5));
  CHECK(box.still_next(99));  // gone: nobody waits for it
  CHECK(box.ended(5));
  CHECK(taken(box) == std::vector<std::uint64_t>{2});
  CHECK(box.still_next(2));  // what was urgent has been typed
}

}  // namespace relay::broker
