// What every store has to do: searching, watching, triggers, doors to the outside.
#include "engine/store_world.hpp"

using namespace relay;
using namespace relay::engine;

namespace {

std::vector<std::string> found(StoreWorld& world, const SearchQuery& query) {
  std::vector<std::string> texts;
  for (const auto& hit :
       StoreWorld::get(world.read([&](const Store& of) { return of.search(query); }))) {
    texts.push_back(hit.message.text);
  }
  return texts;
}

SearchQuery words(const StoreWorld& world, const std::string& text) {
  SearchQuery query;
  query.workspace = world.workspace.id;
  query.words = text;
  return query;
}

void index_all(StoreWorld& world) {
  while (StoreWorld::get(world.write([](Store& of) { return of.index_messages(2); }))) {
  }
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("messages are found by all of their words, once they were made findable") {
  on_each_store([](StoreWorld& world) {
    const auto ada = world.agent("ada");
    const auto bob = world.agent("bob");
    const auto room = world.channel("room", {ada, bob});
    world.post(room, ada, "red green");
    world.post(room, bob, "green \"blue\"");
    world.post(room, ada, "GRÜN red");
    CHECK(found(world, words(world, "green")) == Texts{});
    index_all(world);
    CHECK(found(world, words(world, "green")) == Texts{"green \"blue\"", "red green"});
    CHECK(found(world, words(world, " red\tgreen ")) == Texts{"red green"});
    CHECK(found(world, words(world, "grun")) == Texts{"GRÜN red"});
    CHECK(found(world, words(world, "red OR blue")) == Texts{});
    for (const char* text : {"", "  ", "\"", "*", "NEAR(", "a\"b", "-x", "text:red"}) {
      CAPTURE(text);
      CHECK(found(world, words(world, text)).empty());
    }
    auto query = words(world, "green");
    query.author = ada.id;
    CHECK(found(world, query) == Texts{"red green"});
    query.channel = room.id + 1;
    CHECK(found(world, query) == Texts{});
    world.store->restart();
    CHECK(found(world, words(world, "blue")) == Texts{"green \"blue\""});
  });
}

TEST_CASE("a search finds nothing of another workspace or of others' conversations") {
  on_each_store([](StoreWorld& world) {
    const auto ada = world.agent("ada");
    const auto bob = world.agent("bob");
    const auto eve = world.agent("eve");
    world.dm(ada, bob, "secret");
    index_all(world);
    auto query = words(world, "secret");
    CHECK(found(world, query) == Texts{"secret"});
    query.reader = bob.id;
    CHECK(found(world, query) == Texts{"secret"});
    query.reader = eve.id;
    CHECK(found(world, query) == Texts{});
    query.reader = 0;
    query.workspace = world.workspace.id + 1;
    CHECK(found(world, query) == Texts{});
    // Gone with its workspace, also from the index.
    StoreWorld::get(
        world.write([&](Store& of) { return of.remove_workspace(world.workspace.id); }));
    index_all(world);
    CHECK(found(world, words(world, "secret")) == Texts{});
  });
}

TEST_CASE("a trigger is claimed by one, and again after its pause") {
  on_each_store([](StoreWorld& world) {
    Trigger fresh;
    fresh.workspace = world.workspace.id;
    fresh.action = "build";
    const auto made =
        StoreWorld::get(world.write([&](Store& of) { return of.put_trigger(fresh); }));
    const auto claim = [&] {
      return StoreWorld::get(world.write([&](Store& of) {
        return of.claim_trigger(made.id, of.now() - std::chrono::seconds(5));
      }));
    };
    CHECK(claim());
    CHECK_FALSE(claim());
    world.clock.advance(std::chrono::seconds(4));
    CHECK_FALSE(claim());
    world.clock.advance(std::chrono::seconds(1));
    CHECK(claim());
    // A clock that was set back does not keep it for ever.
    world.clock.jump_wall(-std::chrono::hours(1));
    CHECK(claim());
    auto changed = made;
    changed.enabled = false;
    StoreWorld::get(world.write([&](Store& of) { return of.put_trigger(changed); }));
    const auto known = StoreWorld::get(
        world.read([&](const Store& of) { return of.trigger(world.workspace.id, made.id); }));
    CHECK_FALSE(known.enabled);
    CHECK(known.last_triggered);
    CHECK(StoreWorld::refusal(world.read([&](const Store& of) {
            return of.trigger(world.workspace.id + 1, made.id);
          })) == "trigger_not_found");
  });
}

TEST_CASE("an observer is known by its token until its time is over") {
  on_each_store([](StoreWorld& world) {
    Observer fresh;
    fresh.workspace = world.workspace.id;
    fresh.name = "eye";
    fresh.scopes = {"stream:read"};
    fresh.expires = world.clock.wall() + std::chrono::minutes(1);
    const auto made = StoreWorld::get(
        world.write([&](Store& of) { return of.put_observer(fresh, std::string("hash")); }));
    const auto refused = [&](const std::string& hash) {
      return StoreWorld::refusal(
          world.read([&](const Store& of) { return of.observer_of_token(hash); }));
    };
    CHECK(refused("hash") == "none");
    CHECK(refused("other") == "observer_token_invalid");
    CHECK(StoreWorld::refusal(world.write([&](Store& of) {
            return of.put_observer(fresh, std::string("second"));
          })) == "observer_token_name_conflict");
    StoreWorld::get(
        world.write([&](Store& of) { return of.put_observer(made, std::string("new")); }));
    CHECK(refused("hash") == "observer_token_invalid");
    CHECK(refused("new") == "none");
    world.clock.advance(std::chrono::minutes(1));
    CHECK(refused("new") == "observer_token_invalid");
  });
}

TEST_CASE("of what an agent says of itself the last thousand are kept") {
  on_each_store([](StoreWorld& world) {
    const auto ada = world.agent("ada");
    StoreWorld::get(world.write([&](Store& of) -> Result<int> {
      for (int i = 1; i <= 1003; ++i) {
        auto added = of.add_agent_event(ada.id, "harness.n", std::to_string(i));
        if (!added) return fail(std::move(added).error());
      }
      return 0;
    }));
    const auto events =
        StoreWorld::get(world.read([&](const Store& of) { return of.agent_events(ada.id, 5000); }));
    REQUIRE(events.size() == 1000);
    CHECK(events.front().seq == 4);
    CHECK(events.back().payload == "1003");
    const auto last =
        StoreWorld::get(world.read([&](const Store& of) { return of.agent_events(ada.id, 2); }));
    CHECK(last.front().seq == 1002);
  });
}

TEST_CASE("messages that are too old go, with their words, but not while somebody waits for them") {
  DeliveryStore::Limits limits;
  limits.ttl = std::chrono::hours(24 * 400);
  limits.messages_kept = std::chrono::hours(24 * 30);
  on_each_store(
      [](StoreWorld& world) {
        const auto ada = world.agent("ada");
        const auto bob = world.agent("bob");
        const auto say = [&](const std::string& text, Id answer_to = 0) {
          return StoreWorld::get(world.write([&](Store& of) {
            MessageDraft draft;
            draft.channel = StoreWorld::get(of.find_channel(world.workspace.id, "general")).id;
            draft.author = ada.id;
            draft.text = text;
            draft.answer_to = answer_to;
            return of.append_message(draft);
          }));
        };
        const auto prune = [&] {
          return StoreWorld::get(world.write([](Store& of) { return of.prune_messages(10); }));
        };
        const auto read = [&](const Posted& posted) {
          StoreWorld::get(
              world.write([&](Store& of) { return of.ack_delivery(bob.id, posted.message.id); }));
        };
        const auto is_there = [&](const Posted& posted) {
          return StoreWorld::refusal(world.read(
                     [&](const Store& of) { return of.message(posted.message.id); })) == "none";
        };
        const auto root = say("root");
        const auto open = say("open");
        const auto plain = say("plain");
        read(root);
        read(plain);
        world.clock.advance(std::chrono::hours(24 * 31));
        const auto answer = say("answer", root.message.id);
        read(answer);
        CHECK(prune() == 1);
        CHECK_FALSE(is_there(plain));
        CHECK(is_there(open));
        CHECK(is_there(root));
        read(open);
        world.clock.advance(std::chrono::hours(24 * 31));
        CHECK(prune() == 2);
        CHECK_FALSE(is_there(answer));
        CHECK(prune() == 1);
        CHECK(prune() == 0);
        CHECK_FALSE(is_there(root));
      },
      limits);
}

TEST_CASE("an upload that was never completed goes, one that was stays") {
  on_each_store([](StoreWorld& world) {
    const auto ada = world.agent("ada");
    const auto begin = [&] {
      File fresh;
      fresh.workspace = world.workspace.id;
      fresh.uploader = ada.id;
      fresh.name = "a.txt";
      fresh.content_type = "text/plain";
      fresh.ticket = "ticket";
      return StoreWorld::get(world.write([&](Store& of) { return of.add_file(fresh); })).id;
    };
    const Id kept = begin();
    const Id left = begin();
    StoreWorld::get(world.write([&](Store& of) { return of.put_file_content(left, "hello"); }));
    StoreWorld::get(world.write([&](Store& of) { return of.complete_file(kept); }));
    world.clock.advance(std::chrono::hours(1));
    const Id young = begin();
    const auto prune = [&] {
      return StoreWorld::get(world.write(
          [&](Store& of) { return of.prune_files(of.now() - std::chrono::minutes(59), 10); }));
    };
    CHECK(prune() == 1);
    CHECK(prune() == 0);
    const auto known = [&](Id id) {
      return StoreWorld::refusal(
          world.read([&](const Store& of) { return of.file(world.workspace.id, id); }));
    };
    CHECK(known(kept) == "none");
    CHECK(known(young) == "none");
    CHECK(known(left) == "file_not_found");
    CHECK(StoreWorld::refusal(world.read([&](const Store& of) { return of.file_content(left); })) ==
          "file_not_found");
  });
}

TEST_CASE("the content of a file is kept byte by byte, for who has its ticket") {
  on_each_store([](StoreWorld& world) {
    File fresh;
    fresh.workspace = world.workspace.id;
    fresh.uploader = world.agent("ada").id;
    fresh.name = "a.bin";
    fresh.content_type = "application/x";
    fresh.ticket = "ticket";
    const auto file = StoreWorld::get(world.write([&](Store& of) { return of.add_file(fresh); }));
    CHECK(file.uploader_name == "ada");
    const std::string bytes("a\0\xff\n", 4);
    StoreWorld::get(world.write([&](Store& of) -> Result<void> {
      auto put = of.put_file_content(file.id, bytes);
      return put ? of.complete_file(file.id) : put;
    }));
    world.store->restart();
    const auto known = StoreWorld::get(
        world.read([&](const Store& of) { return of.file_of_ticket(file.id, "ticket"); }));
    CHECK(known.size == 4);
    CHECK(known.state == FileState::complete);
    CHECK(StoreWorld::get(world.read([&](const Store& of) { return of.file_content(file.id); })) ==
          bytes);
    CHECK(StoreWorld::refusal(world.read([&](const Store& of) {
            return of.file_of_ticket(file.id, "other");
          })) == "file_not_found");
    StoreWorld::get(world.write([&](Store& of) { return of.remove_file(file.id); }));
    CHECK(StoreWorld::refusal(world.read(
              [&](const Store& of) { return of.file_content(file.id); })) == "file_not_found");
  });
}
