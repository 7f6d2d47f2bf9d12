#include "token_cache/resolver.hpp"

#include <asio/io_context.hpp>
#include <doctest/doctest.h>

#include "net/task_group.hpp"
#include "os/fake_files.hpp"
#include "scripted_engine.hpp"
#include "support/loop.hpp"
#include "token_cache/node_identity.hpp"

namespace relay::token_cache {
namespace {

struct ResolverWorld {
  asio::io_context io;
  FakeClock clock;
  os::FakeFiles files{clock};
  SeededRandom random{7};
  ScriptedEngine engine;
  CachePlaces places = make_places();
  Resolver resolver{files, places, random, engine, "relay-broker/test"};

  static CachePlaces make_places() {
    CachePlaces made;
    made.own = "/data/relay-broker";
    made.peer = "/data/agent-relay";
    made.user = os::FakeFiles::kUs;
    return made;
  }

  static ResolveRequest request(const char* directory = "/srv/app") {
    ResolveRequest made;
    made.engine = "http://e";
    made.workspace_key = Secret("rk_live_key");
    made.directory = directory;
    made.node_name = std::string("box") + directory;
    return made;
  }

  Result<NodeCredentials> resolve(ResolveRequest wanted) {
    return test::run(io, resolver.resolve(std::move(wanted)));
  }

  [[nodiscard]] bool token_files() {
    const auto listed = resolver.store().list();
    return listed && !listed->empty();
  }
};

}  // namespace

TEST_CASE_FIXTURE(ResolverWorld, "environment, then cache, then mint, which is kept") {
  const auto minted = resolve(request());
  REQUIRE(minted);
  CHECK(minted->source == TokenSource::mint);
  CHECK(minted->token.reveal() == "nt_live_1");
  CHECK(minted->workspace_id == "ws_1");

  const auto cached = resolve(request());
  REQUIRE(cached);
  CHECK(cached->source == TokenSource::cache);
  CHECK(cached->token.reveal() == "nt_live_1");
  CHECK(cached->node_id == minted->node_id);
  CHECK(cached->node_name == "box/srv/app");
  CHECK(engine.minted == 1);
  CHECK(engine.count("verify") == 0);

  auto given = request();
  given.node_token = Secret("nt_live_env");
  given.node_id = "node_env";
  const auto environment = resolve(given);
  REQUIRE(environment);
  CHECK(environment->source == TokenSource::environment);
  CHECK(environment->token.reveal() == "nt_live_env");
  CHECK(environment->token_path.empty());
  CHECK_FALSE(resolver.store().find("node_env").value());
}

TEST_CASE_FIXTURE(ResolverWorld,
                  "stable in a directory, different across directories and workspaces") {
  const auto app = resolve(request("/srv/app"));
  const auto lib = resolve(request("/srv/lib"));
  engine.workspace_id = "ws_2";
  auto elsewhere = request("/srv/app");
  elsewhere.node_name = "box-2";
  const auto other = resolve(elsewhere);
  REQUIRE(app);
  REQUIRE(lib);
  REQUIRE(other);
  CHECK(app->node_id != lib->node_id);
  CHECK(app->node_id != other->node_id);
  engine.workspace_id = "ws_1";
  CHECK(resolve(request("/srv/app"))->token.reveal() == app->token.reveal());
  CHECK(engine.minted == 3);
}

TEST_CASE_FIXTURE(ResolverWorld, "a token of another engine is not used") {
  REQUIRE(resolve(request()));
  auto other = request();
  other.engine = "http://other";
  const auto minted = resolve(other);
  REQUIRE(minted);
  CHECK(minted->source == TokenSource::mint);
  CHECK(engine.minted == 2);
}

TEST_CASE_FIXTURE(ResolverWorld,
                  "with a token from outside the machine-id is the node id, verbatim") {
  auto given = request();
  given.node_token = Secret("nt_live_env");
  const auto none = resolve(given);
  REQUIRE_FALSE(none);
  CHECK(none.error().code == Code::invalid_argument);
  CHECK_FALSE(files.stat(places.own / "machine-id"));

  files.plant(places.peer / "machine-id", "node_01J7OPERATOR\n", 0644);
  CHECK(resolve(given)->node_id == "node_01J7OPERATOR");
  CHECK(engine.calls.empty());
}

TEST_CASE_FIXTURE(ResolverWorld, "a pinned node id is minted for and cached verbatim") {
  auto pinned = request();
  pinned.node_id = "node_01J7OPERATOR";
  const auto minted = resolve(pinned);
  REQUIRE(minted);
  CHECK(minted->node_id == "node_01J7OPERATOR");
  CHECK(minted->token_path.filename() == "node_01J7OPERATOR.json");
  CHECK_FALSE(files.stat(places.own / "machine-id"));
}

TEST_CASE_FIXTURE(ResolverWorld, "two that start at once mint once") {
  engine.mint_takes = 20;
  std::vector<std::string> tokens;
  const auto start = [](ResolverWorld* world,
                        std::vector<std::string>* into) -> asio::awaitable<void> {
    auto got = co_await world->resolver.resolve(ResolverWorld::request());
    into->push_back(got ? got->token.reveal() : got.error().message);
  };
  const auto both = [](ResolverWorld* world, std::vector<std::string>* into,
                       decltype(start)* begin) -> asio::awaitable<void> {
    net::TaskGroup group(world->io.get_executor());
    group.spawn((*begin)(world, into));
    group.spawn((*begin)(world, into));
    co_await group.join();
  };
  test::run(io, both(this, &tokens, &start));
  CHECK(tokens == std::vector<std::string>{"nt_live_1", "nt_live_1"});
  CHECK(engine.minted == 1);
}

TEST_CASE_FIXTURE(ResolverWorld,
                  "verify: a good token is kept, a dead one replaced, without a key told") {
  const auto first = resolve(request());
  REQUIRE(first);
  auto asking = request();
  asking.verify = true;
  CHECK(resolve(asking)->source == TokenSource::cache);
  engine.good.clear();
  const auto renewed = resolve(asking);
  REQUIRE(renewed);
  CHECK(renewed->source == TokenSource::mint);
  CHECK_FALSE(renewed->notices.empty());

  engine.good.clear();
  asking.workspace_key.reset();
  asking.engine.clear();
  const auto refused = resolve(asking);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::token_rejected);
  CHECK(engine.minted == 2);
}

TEST_CASE_FIXTURE(ResolverWorld,
                  "without a key the enrolment of the directory is used, or there is none") {
  auto keyless = request();
  keyless.workspace_key.reset();
  keyless.engine.clear();
  CHECK(resolve(keyless).error().code == Code::not_enrolled);
  CHECK_FALSE(files.stat(places.own));
  REQUIRE(resolve(request()));
  const auto found = resolve(keyless);
  REQUIRE(found);
  CHECK(found->engine == "http://e");
  CHECK(found->token.reveal() == "nt_live_1");
}

TEST_CASE_FIXTURE(ResolverWorld,
                  "an engine that is away does not keep a cached node from starting") {
  REQUIRE(resolve(request()));
  engine.failure = Error(Code::engine_unreachable, "connection refused");
  const auto offline = resolve(request());
  REQUIRE(offline);
  CHECK(offline->token.reveal() == "nt_live_1");
  REQUIRE(offline->notices.size() == 1);
  CHECK(offline->notices.front().find("connection refused") != std::string::npos);
  // A key that is refused is another matter: it does not pass by itself.
  engine.failure = Error(Code::unauthorized, "bad key");
  CHECK(resolve(request()).error().code == Code::unauthorized);
}

TEST_CASE_FIXTURE(ResolverWorld, "a failed start leaves nothing behind, and says the real reason") {
  for (const Code code : {Code::unauthorized, Code::forbidden, Code::engine_unreachable}) {
    engine.failure = Error(code, "the reason");
    const auto failed = resolve(request());
    REQUIRE_FALSE(failed);
    CHECK(failed.error().code == code);
    CHECK(failed.error().message == "the reason");
    CHECK_FALSE(files.stat(places.own));
  }
}

TEST_CASE_FIXTURE(ResolverWorld, "a name of another node is a conflict before anything is minted") {
  engine.names["box/srv/app"] = "node_somebody";
  const auto taken = resolve(request());
  REQUIRE_FALSE(taken);
  CHECK(taken.error().code == Code::name_conflict);
  CHECK(taken.error().message.find("node_somebody") != std::string::npos);
  CHECK(engine.count("mint") == 0);
  CHECK_FALSE(token_files());
}

TEST_CASE_FIXTURE(ResolverWorld,
                  "an engine that knows nodes by name alone is caught, its token not kept") {
  engine.answers_for = "node_somebody";
  const auto wrong = resolve(request());
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().code == Code::name_conflict);
  CHECK_FALSE(token_files());
}

TEST_CASE_FIXTURE(ResolverWorld,
                  "a refused mint is over; one that was cut off is remembered and settled") {
  REQUIRE(resolve(request()));
  auto rotate = request();
  rotate.rotate = true;

  SUBCASE("refused") {
    engine.mint_failure = Error(Code::name_conflict, "409");
    engine.mint_maybe = false;
    CHECK_FALSE(resolve(rotate));
    CHECK(resolve(request())->source == TokenSource::cache);
    CHECK(engine.count("verify") == 0);
  }
  SUBCASE("cut off before it was done: the old token is asked about and kept") {
    engine.mint_failure = Error(Code::timeout, "no answer");
    const auto lost = resolve(rotate);
    REQUIRE_FALSE(lost);
    CHECK(lost.error().message.find("may have been minted") != std::string::npos);
    engine.mint_failure.reset();
    const auto next = resolve(request());
    REQUIRE(next);
    CHECK(next->source == TokenSource::cache);
    CHECK(engine.count("verify") == 1);
    // Settled: nobody is asked again.
    REQUIRE(resolve(request()));
    CHECK(engine.count("verify") == 1);
  }
  SUBCASE("cut off after it was done: the old token is dead, the next start mints and says so") {
    engine.mint_failure = Error(Code::connection_closed, "reset");
    engine.mint_done_all_the_same = true;
    CHECK_FALSE(resolve(rotate));
    engine.mint_failure.reset();
    const auto next = resolve(request());
    REQUIRE(next);
    CHECK(next->source == TokenSource::mint);
    CHECK(next->token.reveal() == "nt_live_3");
    REQUIRE_FALSE(next->notices.empty());
    CHECK(next->notices.front().find("never saved") != std::string::npos);
  }
}

TEST_CASE("a crash at any step of a rotation never leaves a lost token unmentioned") {
  for (std::size_t step = 1; step < 40; ++step) {
    CAPTURE(step);
    ResolverWorld world;
    REQUIRE(world.resolve(ResolverWorld::request()));
    auto rotate = ResolverWorld::request();
    rotate.rotate = true;
    world.files.fail_step(step, os::FakeFiles::Fault::power_cut);
    const auto crashed = world.resolve(rotate);
    world.files.restart(os::FakeFiles::Kept::synced_only);
    const auto next = world.resolve(ResolverWorld::request());
    REQUIRE(next);
    // Whatever happened, what we end up with is good at the engine.
    CHECK(world.engine.good[next->node_id] == next->token.reveal());
    if (world.engine.minted == 3) {
      CHECK_FALSE(next->notices.empty());
    }
    if (crashed) CHECK(world.engine.minted == 2);
  }
}

TEST_CASE("a full disk is met before the engine is asked, or the loss is told") {
  for (std::size_t step = 1; step < 40; ++step) {
    CAPTURE(step);
    ResolverWorld world;
    REQUIRE(world.resolve(ResolverWorld::request()));
    auto rotate = ResolverWorld::request();
    rotate.rotate = true;
    world.files.fail_step(step, os::FakeFiles::Fault::no_space);
    const auto failed = world.resolve(rotate);
    if (failed) continue;
    const auto kept = world.resolver.store().find(world.engine.good.begin()->first);
    REQUIRE(kept);
    REQUIRE(*kept);
    const bool current = world.engine.good.begin()->second == (*kept)->file->token.reveal();
    if (!current) CHECK(failed.error().message.find("is lost") != std::string::npos);
    CHECK(world.resolve(ResolverWorld::request()));
  }
}

TEST_CASE_FIXTURE(ResolverWorld, "discard forgets the token that was refused, not a newer one") {
  const auto first = resolve(request());
  REQUIRE(first);
  REQUIRE(resolver.discard(first->node_id, Secret("nt_live_older")));
  CHECK(resolve(request())->token.reveal() == "nt_live_1");
  REQUIRE(resolver.discard(first->node_id, first->token));
  CHECK(resolve(request())->token.reveal() == "nt_live_2");
}

TEST_CASE_FIXTURE(ResolverWorld,
                  "with the peer's seed the node and its token are shared with the peer") {
  REQUIRE(files.make_private_directory(places.peer / "node-tokens"));
  files.plant(places.peer / "machine-id", "node_seed\n", 0644);
  const std::string id = derived_node_id("node_seed", "/srv/app", "ws_1");
  SUBCASE("theirs is used") {
    files.plant(places.peer / "node-tokens" / (id + ".json"),
                R"({"node_id":")" + id +
                    R"(","workspace_id":"ws_1","base_url":"http://e","token":"nt_live_peer"})",
                0644);
    const auto found = resolve(request());
    REQUIRE(found);
    CHECK(found->token.reveal() == "nt_live_peer");
    CHECK(files.stat(found->token_path)->mode == 0600);
    CHECK(engine.minted == 0);
  }
  SUBCASE("ours is put where they look") {
    const auto minted = resolve(request());
    REQUIRE(minted);
    CHECK(minted->node_id == id);
    CHECK(minted->token_path == places.peer / "node-tokens" / (id + ".json"));
  }
  SUBCASE("that of an old peer, without an engine, on workspace match") {
    const std::string old = peer_node_id("node_seed", "/srv/app");
    const auto path = places.peer / "node-tokens" / (old + ".json");
    files.plant(path, R"({"node_id":")" + old + R"(","workspace_id":"ws_1","token":"nt_live_old"})",
                0644);
    const auto found = resolve(request());
    REQUIRE(found);
    CHECK(found->node_id == old);
    CHECK(found->token.reveal() == "nt_live_old");
  }
  SUBCASE("that of an old peer in an unknown workspace is left alone") {
    const std::string old = peer_node_id("node_seed", "/srv/app");
    const auto path = places.peer / "node-tokens" / (old + ".json");
    const std::string text =
        R"({"node_id":")" + old + R"(","workspace_id":"ws_unknown","token":"nt_live_old"})";
    files.plant(path, text, 0644);
    const auto minted = resolve(request());
    REQUIRE(minted);
    CHECK(minted->node_id == id);
    CHECK(files.read(path, 1000) == text);
  }
}

}  // namespace relay::token_cache
