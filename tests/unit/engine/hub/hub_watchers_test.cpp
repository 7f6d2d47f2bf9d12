// Who watches a workspace on /v1/ws.
#include "engine/events.hpp"
#include "engine/hub/hub_world.hpp"

namespace relay::engine {
namespace {

std::string watcher_refusal(HubWorld& world, const std::string& token) {
  const auto outcome = world.connect("/v1/ws", token, true);
  if (outcome.connected) return "connected";
  return std::to_string(outcome.refusal->status) + " " +
         Heard(outcome.refusal->body).at("/error/code");
}

}  // namespace

TEST_CASE("a workspace is watched with its key, and with nothing else") {
  HubWorld world;
  CHECK(watcher_refusal(world, "rk_live_team") == "connected");
  CHECK(watcher_refusal(world, "rk_live_other").starts_with("401 "));
  CHECK(watcher_refusal(world, "at_live_1") == "401 unauthorized");
  CHECK(watcher_refusal(world, "ot_live_1") == "401 observer_token_invalid");
  CHECK(watcher_refusal(world, "") == "401 unauthorized");
}

TEST_CASE("all who watch are told the same, numbered, and nobody of another workspace") {
  HubWorld world;
  const auto alice = world.agent("alice");
  const auto build = world.channel("build", {alice});
  auto one = world.watcher();
  auto two = world.watcher();
  CHECK(world.hub->counts().watchers == 2);
  one->say(R"({"type":"subscribe","channels":["elsewhere"]})");
  one->say("no JSON");
  world.post(build, alice, "hello");
  const auto first = one->hear();
  CHECK(two->hear().text == first.text);
  CHECK(first.type() == "message.created");
  CHECK(first.at("/channel") == "build");
  CHECK(first.at("/message/text") == "hello");
  world.post(build, alice, "again");
  CHECK(std::stoull(one->hear().json("/seq")) == std::stoull(first.json("/seq")) + 1);
  CHECK(first.at("/seq").size() <= 16);  // exact in JavaScript
}

TEST_CASE("who comes back asks for what it has missed, and is told when that is not known") {
  HubWorld world;
  const auto alice = world.agent("alice");
  const auto build = world.channel("build", {alice});
  auto first = world.watcher();
  world.post(build, alice, "seen");
  const auto seen = first->hear().json("/seq");
  first->close();
  world.until([&] { return world.hub->counts().watchers == 0; });
  world.post(build, alice, "missed");
  auto second = world.watcher();
  const auto resync = [](Peer& peer, const std::string& from) {
    peer.say(R"({"type":"resync","last_seen_seq":)" + from + "}");
  };
  resync(*second, seen);
  const auto missed = second->hear();
  CHECK(missed.at("/message/text") == "missed");
  const auto done = second->hear();
  CHECK(done.type() == "resync_ack");
  CHECK(done.json("/last_seen_seq") == seen);
  CHECK(done.json("/current_seq") == missed.json("/seq"));
  CHECK(done.json("/replayed") == "1");
  CHECK(done.json("/gap_detected") == "false");
  world.restart();
  auto third = world.watcher();
  resync(*third, done.json("/current_seq"));
  CHECK(third->hear().json("/gap_detected") == "true");
}

TEST_CASE("an observer sees what its filters leave, and nothing without the scope for it") {
  HubWorld world;
  const auto alice = world.agent("alice");
  const auto build = world.channel("build", {alice});
  const auto other = world.channel("other", {alice});
  const auto observer = [&](const std::string& name, const std::string& scope) {
    Observer fresh;
    fresh.workspace = world.workspace.id;
    fresh.name = name;
    fresh.scopes = {scope};
    fresh.filters = R"({"channel_names":["build"]})";
    world.get<Observer>([fresh](Store& store) {
      return store.put_observer(fresh, sha256_hex("ot_live_" + fresh.name));
    });
  };
  observer("one", "stream:read");
  observer("two", "messages:read");
  CHECK(watcher_refusal(world, "ot_live_two") == "403 insufficient_scope");
  auto outcome = world.connect("/v1/ws", "ot_live_one", true);
  REQUIRE(outcome.connected);
  Peer peer(&world, std::move(outcome.connected->socket));
  peer.say(R"({"type":"ping"})");
  CHECK(peer.hear().type() == "pong");
  world.post(other, alice, "hidden");
  world.post(build, alice, "shown");
  CHECK(peer.hear().at("/message/text") == "shown");
}

TEST_CASE("an observer without direct messages gets no answer in one, nor a reaction to it") {
  HubWorld world;
  const auto alice = world.agent("alice");
  const auto bob = world.agent("bob");
  const auto build = world.channel("build", {alice});
  Observer fresh;
  fresh.workspace = world.workspace.id;
  fresh.name = "eye";
  fresh.scopes = {"stream:read"};
  fresh.filters = R"({"channel_names":["build"],"include_dms":false})";
  world.get<Observer>(
      [fresh](Store& store) { return store.put_observer(fresh, sha256_hex("ot_live_eye")); });
  auto outcome = world.connect("/v1/ws", "ot_live_eye", true);
  REQUIRE(outcome.connected);
  Peer peer(&world, std::move(outcome.connected->socket));
  peer.say(R"({"type":"ping"})");
  CHECK(peer.hear().type() == "pong");
  const auto sent = world.dm(alice, bob, "secret");
  world.reply(sent.message, bob, "secret too");
  const auto react = [&](const Message& message) {
    world.tell<bool>([message](Store& store, Happenings& to) -> Result<bool> {
      tell_reacted(store, message, "bob", "eyes", true, to);
      return true;
    });
  };
  react(sent.message);
  const auto shown = world.post(build, alice, "shown");
  react(shown.message);
  CHECK(peer.hear().at("/message/text") == "shown");
  CHECK(peer.hear().type() == "message.reacted");
}

TEST_CASE("filters and scopes that are changed hold for observers that are connected") {
  HubSettings settings;
  settings.look_at_observers = std::chrono::milliseconds(10);
  HubWorld world(nullptr, settings);
  const auto alice = world.agent("alice");
  const auto build = world.channel("build", {alice});
  Observer eye;
  eye.workspace = world.workspace.id;
  eye.name = "eye";
  eye.scopes = {"stream:read"};
  const auto put = [&] {
    const Observer now = eye;
    eye = world.get<Observer>(
        [now](Store& store) { return store.put_observer(now, sha256_hex("ot_live_eye")); });
  };
  put();
  auto outcome = world.connect("/v1/ws", "ot_live_eye", true);
  REQUIRE(outcome.connected);
  Peer peer(&world, std::move(outcome.connected->socket));
  peer.say(R"({"type":"ping"})");
  CHECK(peer.hear().type() == "pong");
  world.post(build, alice, "shown");
  CHECK(peer.hear().at("/message/text") == "shown");
  eye.filters = R"({"event_types":["pong"]})";
  put();
  bool hidden = false;
  for (int i = 0; i < 1000 && !hidden; ++i) {
    world.post(build, alice, "more");
    peer.say(R"({"type":"ping"})");
    hidden = peer.hear().type() == "pong";
    if (!hidden) CHECK(peer.hear().type() == "pong");
  }
  CHECK(hidden);
  eye.scopes = {"messages:read"};
  put();
  CHECK(peer.hear_end() == 1008);
}

}  // namespace relay::engine
