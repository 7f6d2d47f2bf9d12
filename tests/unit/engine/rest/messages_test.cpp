// Messages, threads, conversations, mailboxes and what reads them, over HTTP.
#include <algorithm>

#include "engine/rest/rest_world.hpp"
#include "support/faulty_disk.hpp"

using namespace relay::engine;

namespace {

bool has(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

}  // namespace

TEST_CASE("a message of a channel: its answer, its lists, its thread") {
  RestWorld world;
  const auto ada = world.agent("ada");
  const auto bob = world.agent("bob");
  world.channel("room", {ada, bob});
  const auto said =
      world.post("/v1/channels/%23room/messages", ada,
                 R"({"text":"hi @bob and @x-y.","data":{"a":1,"__relaycast_author":2}})");
  CHECK(said.status == 201);
  CHECK(said.at("/ok") == "true");
  CHECK(said.at("/data/mentions") == R"(["bob","x-y"])");
  CHECK(said.at("/data/metadata") == R"({"a":1})");
  CHECK(said.at("/data/thread_id") == "null");
  CHECK(said.at("/data/attachments") == "[]");
  CHECK(said.at("/data/created_at").ends_with(".000Z"));
  CHECK(said.headers.at("access-control-allow-origin") == "*");
  const auto id = said.at("/data/id");
  CHECK(has(world.engine.heard(), "message.created"));

  const auto reply = world.post("/v1/messages/" + id + "/replies", bob, R"({"text":"one"})");
  CHECK(reply.status == 201);
  CHECK(reply.at("/data/thread_id") == id);
  // An answer to an answer belongs to the root.
  const auto nested =
      world.post("/v1/messages/" + reply.at("/data/id") + "/replies", ada, R"({"text":"two"})");
  CHECK(nested.at("/data/thread_id") == id);
  const auto thread = world.get("/v1/messages/" + id + "/replies", bob);
  CHECK(thread.at("/data/parent/reply_count") == "2");
  CHECK(thread.at("/data/replies/0/text") == "one");
  CHECK(thread.at("/data/replies/1/text") == "two");

  const auto second = world.say("room", bob, "later");
  const auto list = world.get("/v1/channels/room/messages", world.key);
  CHECK(list.at("/data/0/id") == second);
  CHECK(list.at("/data/1/id") == id);
  CHECK(list.at("/data/2") == "");
  CHECK(world.get("/v1/channels/room/messages?after=" + id, ada).at("/data/0/id") == second);
  CHECK(world.get("/v1/channels/room/messages?before=" + second, ada).at("/data/0/id") == id);
  CHECK(refusal(world.get("/v1/channels/room/messages?limit=x", ada)) == "400 invalid_request");
  CHECK(refusal(world.get("/v1/channels/none/messages", ada)) == "404 channel_not_found");
  CHECK(refusal(world.get("/v1/messages/12345", ada)) == "404 message_not_found");
}

TEST_CASE("a key that is sent again is the same message, with another body it is refused") {
  RestWorld world;
  const auto ada = world.agent("ada");
  const auto bob = world.agent("bob");
  const std::vector<std::string> key{"Idempotency-Key: k-1"};
  const auto first = world.post("/v1/channels/general/messages", ada, R"({"text":"once"})", key);
  CHECK(first.status == 201);
  CHECK_FALSE(first.headers.contains("idempotency-replayed"));
  (void)world.engine.heard();
  const auto again =
      world.post("/v1/channels/general/messages", ada, R"({"text":"once","mode":"wait"})", key);
  CHECK(again.status == 201);
  CHECK(again.body == first.body);
  CHECK(again.headers.at("idempotency-replayed") == "true");
  CHECK(world.engine.heard().empty());
  CHECK(world.get("/v1/deliveries", bob).at("/data/1") == "");
  CHECK(refusal(world.post("/v1/channels/general/messages", ada, R"({"text":"two"})", key)) ==
        "409 idempotency_key_reused");
  CHECK(world.post("/v1/channels/general/messages", bob, R"({"text":"mine"})", key).status == 201);
  CHECK(refusal(world.post("/v1/dm", ada, R"({"to":"bob","text":"x"})",
                           {"Idempotency-Key: " + std::string(256, 'k')})) ==
        "400 invalid_idempotency_key");
}

TEST_CASE("a mailbox over HTTP: list, acknowledge, fail, put off") {
  RestWorld world;
  const auto ada = world.agent("ada");
  const auto bob = world.agent("bob");
  const auto cyd = world.agent("cyd");
  const auto first = world.dm(ada, "bob", "one");
  world.dm(ada, "bob", "two");
  world.dm(ada, "bob", "three");
  const auto list = world.get("/v1/deliveries", bob);
  CHECK(list.at("/data/0/seq") == "1");
  CHECK(list.at("/data/0/status") == "queued");
  CHECK(list.at("/data/0/message/text") == "one");
  CHECK(list.at("/data/0/reason") == "dm");
  CHECK(list.at("/data/0/route_node_role") == "direct");
  CHECK(world.get("/v1/deliveries", ada).at("/data") == "[]");
  CHECK(world.get("/v1/deliveries", cyd).at("/data") == "[]");
  CHECK(world.get("/v1/agents/bob", world.key).at("/data/pending_deliveries/2/status") == "queued");

  const auto one = list.at("/data/0/id");
  const auto two = list.at("/data/1/id");
  const auto three = list.at("/data/2/id");
  (void)world.engine.heard();
  const auto acked = world.post("/v1/deliveries/" + one + "/ack", bob);
  CHECK(acked.at("/data/status") == "acked");
  CHECK(acked.at("/data/channel_id") == list.at("/data/0/channel_id"));
  CHECK(world.post("/v1/deliveries/" + one + "/ack", bob).body == acked.body);
  CHECK(world.engine.heard() == std::vector<std::string>{"delivery.delivered"});
  CHECK(world.get("/v1/deliveries", bob).at("/data/0/id") == two);
  CHECK(world.get("/v1/deliveries?status=acked", bob).at("/data/0/id") == one);

  CHECK(refusal(world.post("/v1/deliveries/" + two + "/fail", bob, "{")) == "400 invalid_json");
  CHECK(refusal(world.post("/v1/deliveries/" + two + "/ack", cyd)) == "404 delivery_not_found");
  CHECK(refusal(world.post("/v1/deliveries/del_1_2/ack", bob)) == "404 delivery_not_found");
  const auto failed =
      world.post("/v1/deliveries/" + two + "/fail", bob, R"({"error":"no room","retryable":true})");
  CHECK(failed.at("/data/error") == "no room");
  CHECK(failed.at("/data/retryable") == "true");
  CHECK(world.post("/v1/deliveries/" + two + "/fail", bob, R"({"error":"other"})")
            .at("/data/error") == "no room");
  CHECK(world.post("/v1/deliveries/" + two + "/ack", bob).at("/data/status") == "acked");

  CHECK(refusal(world.post("/v1/deliveries/" + three + "/defer", bob,
                           R"({"available_at":"soon"})")) == "400 invalid_request");
  (void)world.engine.heard();
  const std::string later = R"({"available_at":"2030-01-01T00:00:00.700Z"})";
  const auto deferred = world.post("/v1/deliveries/" + three + "/defer", bob, later);
  CHECK(deferred.at("/data/status") == "queued");
  CHECK(deferred.at("/data/available_at") == "2030-01-01T00:00:00.000Z");
  world.post("/v1/deliveries/" + three + "/defer", bob, later);
  CHECK(world.engine.heard() == std::vector<std::string>{"delivery.deferred"});
  CHECK(world.post("/v1/deliveries/" + one + "/defer", bob, later).at("/data/status") == "acked");
  CHECK(world.post("/v1/deliveries/" + three + "/fail", bob).status == 200);
  CHECK(refusal(world.get("/v1/deliveries?limit=0", bob)) == "400 invalid_request");
  CHECK(refusal(world.get("/v1/deliveries?limit=201", bob)) == "400 invalid_request");
  CHECK(world.get("/v1/messages/" + first + "/readers", world.key).at("/data/0/agent_name") ==
        "bob");
}

TEST_CASE("what is read is not unread any more, and its delivery is done") {
  RestWorld world;
  const auto ada = world.agent("ada");
  const auto bob = world.agent("bob");
  const auto cyd = world.agent("cyd");
  world.channel("room", {ada, bob});
  const auto id = world.say("room", ada, "for @bob");
  world.dm(ada, "bob", "psst");
  auto inbox = world.get("/v1/inbox", bob);
  CHECK(inbox.at("/data/unread_channels/0") == R"({"channel_name":"room","unread_count":1})");
  CHECK(inbox.at("/data/mentions/0/text") == "for @bob");
  CHECK(inbox.at("/data/unread_dms/0/from") == "ada");
  CHECK(inbox.at("/data/unread_dms/0/last_message/text") == "psst");
  CHECK(refusal(world.post("/v1/messages/" + id + "/read", cyd)) == "404 message_not_found");
  (void)world.engine.heard();
  CHECK(world.post("/v1/messages/" + id + "/read", bob).at("/data/message_id") == id);
  CHECK(has(world.engine.heard(), "message.read"));
  inbox = world.get("/v1/inbox", bob);
  CHECK(inbox.at("/data/unread_channels") == "[]");
  CHECK(inbox.at("/data/mentions") == "[]");
  CHECK(world.get("/v1/deliveries?status=acked", bob).at("/data/0/message_id") == id);
  const auto status = world.get("/v1/channels/room/read-status", ada);
  CHECK(status.at("/data/1/agent_name") == "bob");
  CHECK(status.at("/data/1/last_read_id") == id);
  CHECK(status.at("/data/0/last_read_id") == "null");

  const std::string reaction = R"({"emoji":"👍"})";
  CHECK(world.post("/v1/messages/" + id + "/reactions", bob, reaction).status == 201);
  const auto same = world.post("/v1/messages/" + id + "/reactions", bob, reaction);
  CHECK(same.status == 201);
  CHECK(world.get("/v1/messages/" + id + "/reactions", ada).at("/data") ==
        R"([{"emoji":"👍","count":1,"agents":["bob"]}])");
  CHECK(world.get("/v1/inbox", ada).at("/data/recent_reactions/0/agent_name") == "bob");
  CHECK(world.remove("/v1/messages/" + id + "/reactions/%F0%9F%91%8D", bob).status == 204);
  CHECK(world.remove("/v1/messages/" + id + "/reactions/%F0%9F%91%8D", bob).status == 204);
  CHECK(world.get("/v1/messages/" + id + "/reactions", ada).at("/data") == "[]");
}

TEST_CASE("a conversation is for who is in it") {
  RestWorld world;
  const auto ada = world.agent("ada");
  const auto bob = world.agent("bob");
  const auto eve = world.agent("eve");
  const auto sent = world.post("/v1/dm", ada, R"({"to":"bob","text":"secret","mode":"steer"})");
  CHECK(sent.at("/data/injection_mode") == "steer");
  CHECK(sent.at("/data/to") == "bob");
  const auto conversation = sent.at("/data/conversation_id");
  CHECK(conversation.starts_with("dm_"));
  CHECK(conversation.size() == 27);
  CHECK(world.get("/v1/dm/" + conversation + "/messages", bob).at("/data/0/text") == "secret");
  CHECK(refusal(world.get("/v1/dm/" + conversation + "/messages", eve)) == "403 forbidden");
  CHECK(refusal(world.post("/v1/dm/" + conversation + "/messages", eve, R"({"text":"x"})")) ==
        "403 forbidden");
  CHECK(refusal(world.get("/v1/messages/" + sent.at("/data/id"), eve)) == "404 message_not_found");
  CHECK(world.get("/v1/dm/conversations/" + conversation + "/messages", world.key)
            .at("/data/0/text") == "secret");
  CHECK(world.get("/v1/dm/conversations", bob).at("/data/0/unread_count") == "1");
  CHECK(world.get("/v1/dm/conversations/all", world.key).at("/data/0/participants") ==
        R"(["ada","bob"])");
  CHECK(refusal(world.post("/v1/dm", ada, R"({"to":"nobody","text":"x"})")) ==
        "404 agent_not_found");
  // To oneself there is nothing to deliver.
  CHECK(world.post("/v1/dm", ada, R"({"to":"@self","text":"note"})").at("/data/to") == "ada");
  CHECK(world.get("/v1/deliveries", ada).at("/data") == "[]");

  const auto group = world.post("/v1/dm/group", ada, R"({"participants":["bob"],"name":"ops"})");
  CHECK(group.status == 201);
  const auto id = group.at("/data/id");
  CHECK(world.post("/v1/dm/" + id + "/participants", ada, R"({"agent_name":"eve"})")
            .at("/data/already_member") == "false");
  CHECK(world.post("/v1/dm/" + id + "/messages", eve, R"({"text":"hello"})").status == 201);
  CHECK(world.remove("/v1/dm/" + id + "/participants/eve", ada).status == 204);
  CHECK(refusal(world.post("/v1/dm/" + id + "/messages", eve, R"({"text":"x"})")) ==
        "403 forbidden");
}

TEST_CASE("what was said is found, by words, and only by who may read it") {
  RestWorld world;
  const auto ada = world.agent("ada");
  const auto bob = world.agent("bob");
  const auto eve = world.agent("eve");
  world.say("general", ada, "the Überblick of the deploy");
  world.dm(ada, "bob", "deploy key");
  auto hits = world.get("/v1/search?q=deploy", eve);
  CHECK(hits.at("/data/0/text") == "the Überblick of the deploy");
  CHECK(hits.at("/data/1") == "");
  CHECK(world.get("/v1/search?q=deploy%20uberblick", eve).at("/data/0/channel_name") == "general");
  CHECK(world.get("/v1/search?q=deploy", bob).at("/data/1/agent_name") == "ada");
  CHECK(world.get("/v1/search?q=deploy&channel=none", bob).at("/data") == "[]");
  CHECK(world.get("/v1/search?q=deploy&from=bob", bob).at("/data") == "[]");
  CHECK(world.get("/v1/search?q=%22OR%20(", bob).status == 200);
  CHECK(refusal(world.get("/v1/search", bob)) == "400 invalid_request");
}

TEST_CASE("a full mailbox refuses and an old message dies: who sent it is told, and not at once") {
  DeliveryStore::Limits limits;
  limits.depth = 1;
  RestWorld full(limits);
  const auto ada = full.agent("ada");
  const auto bob = full.agent("bob");
  full.dm(ada, "bob", "one");
  (void)full.engine.heard();
  full.dm(ada, "bob", "two");
  CHECK(full.engine.heard() == std::vector<std::string>{"dm.received", "delivery.failed"});
  CHECK(full.get("/v1/deliveries", bob).at("/data/1") == "");

  limits.ttl = std::chrono::nanoseconds(1);
  RestWorld late(limits);
  const auto cyd = late.agent("cyd");
  const auto dan = late.agent("dan");
  late.dm(cyd, "dan", "old");
  // What is over does not fill the mailbox.
  late.dm(cyd, "dan", "older");
  CHECK(late.get("/v1/deliveries", dan).at("/data") == "[]");
  const auto dead = late.get("/v1/deliveries?status=dead_lettered", dan);
  CHECK(dead.at("/data/1/status") == "dead_lettered");
  CHECK(dead.at("/data/0/error") == "delivery TTL expired");
  const auto heard = late.engine.heard();
  CHECK(std::count(heard.begin(), heard.end(), "delivery.failed") == 2);
}

TEST_CASE("what the disk has taken too long for is told and delivered all the same") {
  relay::test::QuickDisk quick;
  RestWorld world;
  const auto ada = world.agent("ada");
  const auto bob = world.agent("bob");
  (void)world.engine.heard();
  quick.disk.set(relay::test::DiskFault::sync_waits);
  world.engine.wait_for_disk(std::chrono::milliseconds(20));
  const auto late = world.post("/v1/dm", ada, R"({"to":"bob","text":"late"})");
  CHECK(refusal(late) == "500 internal_error");
  CHECK(world.engine.heard().empty());
  world.engine.wait_for_disk(std::chrono::seconds(60));
  quick.disk.set(relay::test::DiskFault::does_not_sync);
  world.dm(ada, "bob", "next");
  CHECK(world.engine.heard() == std::vector<std::string>{"dm.received", "dm.received"});
  CHECK(world.get("/v1/deliveries", bob).at("/data/0/message/text") == "late");
}
