#include "engine/events.hpp"

#include "engine/store_world.hpp"
#include "engine/views.hpp"
#include "wire/envelope.hpp"

using namespace relay;
using namespace relay::engine;

namespace {

std::string payload(const wire::DeliverEvent& event) {
  return wire::encode_payload(event).text();
}

std::string type_of(const wire::StreamMessageToClient& event) {
  return std::visit([](const auto& each) { return each.type; }, event);
}

std::vector<std::string> types_of(const Happenings& heard) {
  std::vector<std::string> types;
  for (const auto& news : heard.stream) types.push_back(type_of(news.event));
  return types;
}

Channel channel_of(const Store& store, const Posted& posted) {
  return StoreWorld::get(store.channel(posted.message.channel));
}

/// What is told of `work`, which is one operation.
Happenings told(StoreWorld& world, const std::function<void(Store&, Happenings&)>& work) {
  Happenings heard;
  StoreWorld::get(world.write([&](Store& store) -> Result<int> {
    work(store, heard);
    return 0;
  }));
  return heard;
}

}  // namespace

TEST_CASE("a message is told to its recipients and to who watches, and a repetition to nobody") {
  on_each_store([](StoreWorld& world) {
    const auto ada = world.agent("ada");
    const auto bob = world.agent("bob");
    const auto room = world.channel("room", {ada, bob});
    auto posted = world.post(room, ada, "see \"this\" @bob");
    const auto heard =
        told(world, [&](Store& store, Happenings& to) { tell_posted(store, posted, room, to); });
    CHECK(heard.mailboxes == std::vector<Id>{bob.id});
    CHECK(heard.notices.empty());
    REQUIRE(types_of(heard) == std::vector<std::string>{"message.created"});
    CHECK(heard.stream[0].channel == room.id);
    const auto id = std::to_string(posted.message.id);
    CHECK(wire::encode(heard.stream[0].event) ==
          R"({"type":"message.created","id":")" + event_uuid(id) + R"(","channel":"room",)" +
              R"("message":{"id":")" + id + R"(","agent_id":")" + std::to_string(ada.id) +
              R"(","agent_name":"ada","text":"see \"this\" @bob","injection_mode":"wait",)" +
              R"("attachments":[]}})");

    posted.replayed = true;
    const auto again = told(world, [&](Store& store, Happenings& to) {
      tell_posted(store, posted, channel_of(store, posted), to);
    });
    CHECK(again.mailboxes.empty());
    CHECK(again.stream.empty());
  });
}

TEST_CASE("who sends to a full mailbox is told so") {
  DeliveryStore::Limits limits;
  limits.depth = 1;
  on_each_store(
      [](StoreWorld& world) {
        const auto ada = world.agent("ada");
        const auto bob = world.agent("bob");
        world.dm(ada, bob, "one");
        const auto posted = world.dm(ada, bob, "two");
        const auto heard = told(world, [&](Store& store, Happenings& to) {
          tell_posted(store, posted, channel_of(store, posted), to);
        });
        REQUIRE(heard.notices.size() == 1);
        CHECK(heard.notices[0].to == std::vector<Id>{ada.id});
        CHECK(payload(heard.notices[0].event) ==
              R"({"type":"delivery.failed","data":{"message_id":")" +
                  std::to_string(posted.message.id) +
                  R"(","target_agent_name":"bob","reason":"depth_cap",)"
                  R"("error":"the mailbox of the agent is full","retryable":false}})");
        CHECK(types_of(heard) == std::vector<std::string>{"dm.received", "delivery.failed"});
      },
      limits);
}

TEST_CASE("a delivery frame has the shape of its channel, and the same one later") {
  on_each_store([](StoreWorld& world) {
    const auto ada = world.agent("ada");
    const auto bob = world.agent("bob");
    const auto sent = world.dm(ada, bob, "hello");
    const auto channel = StoreWorld::get(
        world.read([&](const Store& of) { return of.channel(sent.message.channel); }));
    const auto first = payload(deliver_event(sent.message, channel, "bob"));
    CHECK(first.starts_with(R"({"type":"dm.received","data":{"conversation_id":"dm_)"));
    CHECK(first.find(R"("to":"bob","text":"hello","injection_mode":"wait","attachments":[],)"
                     R"("from_name":"ada"}})") != std::string::npos);
    world.clock.advance(std::chrono::minutes(7));
    const auto stored =
        StoreWorld::get(world.read([&](const Store& of) { return of.message(sent.message.id); }));
    CHECK(payload(deliver_event(stored, channel, "bob")) == first);
  });
}

TEST_CASE("an invocation that has ended is told to its caller, one that is open is not") {
  Invocation invocation;
  invocation.id = 17;
  invocation.action = "deploy";
  invocation.caller = 5;
  invocation.caller_name = "ada";
  Happenings heard;
  invocation.state = InvocationState::dispatched;
  tell_ended(invocation, heard);
  CHECK(heard.notices.empty());
  tell_dispatched({invocation}, heard);
  CHECK(heard.dispatched.size() == 1);

  invocation.state = InvocationState::completed;
  invocation.output = "[1,null]";
  tell_ended(invocation, heard);
  REQUIRE(heard.notices.size() == 1);
  CHECK(heard.notices[0].to == std::vector<Id>{5});
  CHECK(heard.notices[0].about == "inv_17");
  CHECK(payload(heard.notices[0].event) ==
        R"({"type":"action.completed","data":{"invocation_id":"inv_17","action_name":"deploy",)"
        R"("status":"completed","output":[1,null],"error":null}})");
}

TEST_CASE("members hear of a reaction and of a member, all nodes of a status") {
  on_each_store([](StoreWorld& world) {
    const auto ada = world.agent("ada");
    const auto bob = world.agent("bob");
    const auto room = world.channel("room", {ada, bob});
    const auto posted = world.post(room, ada, "hi");
    const auto heard = told(world, [&](Store& store, Happenings& to) {
      tell_reacted(store, posted.message, "bob", "+1", false, to);
      tell_member(store, room, bob, "joined", to);
      tell_status(bob, to);
    });
    REQUIRE(heard.notices.size() == 1);
    CHECK(heard.notices[0].to == std::vector<Id>{ada.id, bob.id});
    CHECK(payload(heard.notices[0].event) ==
          R"({"type":"message.reacted","data":{"message_id":")" +
              std::to_string(posted.message.id) +
              R"(","agent_name":"bob","emoji":"+1","action":"removed"}})");
    REQUIRE(heard.context.size() == 2);
    CHECK(heard.context[0].agents == std::vector<Id>{ada.id, bob.id});
    CHECK(heard.context[0].update.event == "member.joined");
    CHECK(heard.context[1].agents.empty());
    CHECK(heard.context[1].update.data.text() == R"({"agent_id":")" + std::to_string(bob.id) +
                                                     R"(","agent_name":"bob","status":"active"})");
  });
}
