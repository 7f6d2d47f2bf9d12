// The life of a node's session: first start, tokens, reconnects, the end.
#include <algorithm>

#include "node_control/node_tokens.hpp"
#include "os/fake_files.hpp"
#include "session_world.hpp"
#include "support/canary.hpp"
#include "token_cache/http_engine_access.hpp"

namespace relay::node_control {
namespace {

using Scenario = asio::awaitable<void>;

/// The session with the real token cache, on a disk in memory.
struct CachedWorld : SessionWorld {
  os::FakeFiles files{clock};
  net::HttpClient client{io.get_executor(), net::HttpClientOptions(), random};
  token_cache::HttpEngineAccess access{client, net::NetworkSettings(), random,
                                       [](std::string_view text) { return std::string(text); }};
  std::unique_ptr<token_cache::Resolver> resolver;
  std::unique_ptr<CachedTokens> cached;

  CachedWorld() {
    engine.state().nodes.clear();
    token_cache::CachePlaces places;
    places.own = "/data/relay-broker";
    places.peer = "/data/agent-relay";
    places.user = os::FakeFiles::kUs;
    resolver = std::make_unique<token_cache::Resolver>(files, places, random, access, "rb/test");
    use(request("/srv/app"));
  }

  [[nodiscard]] token_cache::ResolveRequest request(const char* directory) const {
    token_cache::ResolveRequest made;
    made.engine = engine.url();
    made.workspace_key = Secret(FakeState::kWorkspaceKey);
    made.directory = directory;
    made.node_name = "builder-1";
    return made;
  }
  void use(token_cache::ResolveRequest wanted) {
    cached = std::make_unique<CachedTokens>(*resolver, std::move(wanted));
    token_source = cached.get();
  }
  [[nodiscard]] std::size_t mints() const { return engine.requests_of("POST /v1/nodes").size(); }
};

struct ConnectWorld : SessionWorld {};

/// The session is gone as if it had left; the world lives on.
Scenario leave(SessionWorld& w) {
  co_await w.session->stop();
  w.session.reset();
}

/// That many tries have ended, all without a connection.
Scenario tried(SessionWorld& w, std::size_t tries) {
  std::function<bool()> ended = [&w, tries] {
    return w.session->status().counters.tries == tries &&
           w.session->status().next_try_in.has_value();
  };
  co_await w.broker.until(std::move(ended), "a try ends");
}

Scenario refused_as(ConnectWorld& w, int status, const char* code, bool fatal) {
  w.engine.answer("GET /v1/node/ws", HttpScript::refusal(status, code), test::kAlways);
  const auto started = co_await w.start();
  CHECK(started.has_value() == !fatal);
  if (!started) CHECK(started.error().message.find(code) != std::string::npos);
  CHECK_FALSE(w.session->status().connected);
  REQUIRE(w.session->status().last_error.has_value());
  CHECK(w.session->status().last_error->message.find(code) != std::string::npos);
  co_await leave(w);
  w.engine.clear_scripts();
}

}  // namespace

TEST_CASE_FIXTURE(CachedWorld, "first start: mint, socket, register, inventory, heartbeat") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    const Record mint = co_await w.engine.next_request("POST /v1/nodes");
    const Record socket = co_await w.engine.next_request("GET /v1/node/ws");
    const Record hello = co_await w.engine.next_frame("node.register");
    const Record list = co_await w.engine.next_frame("inventory.sync");
    const Record beat = co_await w.engine.next_frame("node.heartbeat");
    CHECK(mint.index < socket.index);
    CHECK(socket.index < hello.index);
    CHECK(hello.index < list.index);
    CHECK(list.index < beat.index);
    const std::string token = w.engine.state().node("builder-1").token;
    CHECK(socket.header("Authorization") == "Bearer " + token);
    CHECK(socket.target == "/v1/node/ws");
    CHECK(hello.string("/name") == "builder-1");
    CHECK(hello.string("/node_id") == w.engine.state().node("builder-1").id);
    CHECK(hello.json("/resume_cursor") == "null");
    CHECK(list.json("/agents") == "[]");
    CHECK(beat.json("/load") == "0");
    CHECK(beat.json("/handlers_live") == "true");
    // The first heartbeat came without any time passing; the next ones come every 12 s.
    co_await w.pass(11s);
    CHECK(w.engine.frames_of("node.heartbeat").size() == 1);
    co_await w.pass(2s);
    CHECK(w.engine.frames_of("node.heartbeat").size() == 2);
    co_await w.engine.next_note("ping");
    co_await w.pass(24s);
    CHECK(w.engine.frames_of("node.heartbeat").size() == 4);
    CHECK(w.engine.frames_of("inventory.sync").size() >= 2);
    CHECK(w.engine.frames_of("node.register").size() == 1);
  });
}

TEST_CASE_FIXTURE(CachedWorld, "a restart mints nothing; another directory is another node") {
  run([](SessionWorld& any) -> Scenario {
    auto& w = dynamic_cast<CachedWorld&>(any);
    co_await w.up();
    const std::string id = w.session->status().node_id;
    co_await leave(w);
    co_await w.up();
    CHECK(w.session->status().node_id == id);
    CHECK(w.mints() == 1);
    co_await leave(w);
    auto elsewhere = w.request("/srv/other");
    elsewhere.node_name = "builder-2";
    w.use(std::move(elsewhere));
    const auto started = co_await w.start();
    REQUIRE(started.has_value());
    co_await w.connected();
    CHECK(w.session->status().node_id != id);
    CHECK(w.mints() == 2);
  });
}

TEST_CASE_FIXTURE(CachedWorld, "a pinned token is never minted for; 401 is loud") {
  run([](SessionWorld& any) -> Scenario {
    auto& w = dynamic_cast<CachedWorld&>(any);
    auto pinned = w.request("/srv/app");
    pinned.node_id = "node_pinned";
    pinned.node_token = Secret("nt_live_0000000000000000000000000000000000000000pinned");
    w.use(std::move(pinned));
    const auto started = co_await w.start();
    CHECK(started.has_value());
    REQUIRE(w.session->status().hard_error.has_value());
    CHECK(w.session->status().hard_error->code == Code::token_rejected);
    CHECK_FALSE(w.session->status().connected);
    CHECK(w.session->status().next_try_in.value_or(0s) >= 15s);
    CHECK(w.mints() == 0);
    // The operator mends it at the engine; the same token is taken then.
    w.engine.state().add_node("builder-1", "node_pinned",
                              "nt_live_0000000000000000000000000000000000000000pinned");
    co_await w.jump(30s);
    co_await w.connected();
    CHECK_FALSE(w.session->status().hard_error.has_value());
    CHECK(w.session->status().node_id == "node_pinned");
    CHECK(w.mints() == 0);
  });
}

TEST_CASE_FIXTURE(CachedWorld, "401: the cache is emptied, one mint, connected") {
  run([](SessionWorld& any) -> Scenario {
    auto& w = dynamic_cast<CachedWorld&>(any);
    co_await w.up();
    const std::string old = w.engine.state().node("builder-1").token;
    co_await leave(w);
    w.engine.state().node("builder-1").token = "nt_live_somebody_elses_mint_0000000000000000000000";
    w.options.start_within = 10ms;
    const auto started = co_await w.start();
    REQUIRE(started.has_value());
    std::function<bool()> waits = [&w] { return w.session->status().next_try_in.has_value(); };
    co_await w.broker.until(std::move(waits), "the refusal");
    CHECK_FALSE(w.session->status().hard_error.has_value());
    co_await w.jump(500ms);
    co_await w.connected();
    CHECK(w.mints() == 2);
    CHECK(w.engine.state().node("builder-1").token != old);
    co_await leave(w);
    co_await w.up();
    CHECK(w.mints() == 2);
  });
}

TEST_CASE_FIXTURE(ConnectWorld, "after five mints in a row no more; the tries go on, loudly") {
  run([](SessionWorld& w) -> Scenario {
    w.engine.answer("GET /v1/node/ws", HttpScript::refusal(401, "node_token_invalid"),
                    test::kAlways);
    w.options.start_within = 10ms;
    const auto started = co_await w.start();
    REQUIRE(started.has_value());
    for (std::size_t tries = 1; tries <= 9; ++tries) {
      co_await tried(w, tries);
      CHECK(w.tokens.minted == static_cast<int>(std::min<std::size_t>(tries - 1, 5)));
      // Each mint honours the backoff: nothing happens while time stands still.
      co_await w.saved();
      CHECK(w.engine.requests_of("GET /v1/node/ws").size() == tries);
      CHECK(w.session->status().hard_error.has_value() == (tries >= 6));
      co_await w.jump(30s);
    }
    CHECK(w.tokens.minted == 5);
    co_await w.settle_try();
    w.engine.clear_scripts();
    co_await w.jump(30s);
    co_await w.connected();
    CHECK_FALSE(w.session->status().hard_error.has_value());
    CHECK(w.tokens.minted == 5);
  });
}

TEST_CASE_FIXTURE(ConnectWorld,
                  "a token that a person puts in place gets the chances of a new one") {
  run([](SessionWorld& w) -> Scenario {
    w.engine.answer("GET /v1/node/ws", HttpScript::refusal(401, "node_token_invalid"), 6);
    w.options.start_within = 10ms;
    const auto started = co_await w.start();
    REQUIRE(started.has_value());
    for (std::size_t tries = 1; tries < 6; ++tries) {
      co_await tried(w, tries);
      co_await w.jump(30s);
    }
    co_await tried(w, 6);
    REQUIRE(w.session->status().hard_error.has_value());
    CHECK(w.tokens.minted == 5);
    // The engine does not know this one either, but now minting may help again.
    w.tokens.token.token = Secret("nt_live_000000000000000000000000000000000000000000000099");
    co_await w.jump(30s);
    co_await tried(w, 7);
    CHECK_FALSE(w.session->status().hard_error.has_value());
    co_await w.jump(30s);
    co_await w.connected();
    CHECK(w.tokens.minted == 6);
  });
}

TEST_CASE_FIXTURE(ConnectWorld, "a connection that stands starts the count of 401 anew") {
  run([](SessionWorld& w) -> Scenario {
    w.options.start_within = 10ms;
    for (int round = 0; round < 3; ++round) {
      w.engine.answer("GET /v1/node/ws", HttpScript::refusal(401, "node_token_invalid"), 4);
      if (round == 0) {
        const auto started = co_await w.start();
        REQUIRE(started.has_value());
      }
      std::function<bool()> ended = [&w] {
        return w.session->status().connected || w.session->status().next_try_in.has_value();
      };
      co_await w.broker.until(ended, "a try ends");
      while (!w.session->status().connected) {
        co_await w.jump(30s);
        co_await w.broker.until(ended, "a try ends");
      }
      co_await w.connected();
      CHECK_FALSE(w.session->status().hard_error.has_value());
      w.engine.socket().reset();
      std::function<bool()> lost = [&w] { return !w.session->status().connected; };
      co_await w.broker.until(std::move(lost), "the connection ends");
      CHECK(w.tokens.minted == 4 * (round + 1));
    }
  });
}

TEST_CASE_FIXTURE(ConnectWorld, "what a new try cannot help ends the start, with the real reason") {
  run([](SessionWorld& any) -> Scenario {
    auto& w = dynamic_cast<ConnectWorld&>(any);
    co_await refused_as(w, 403, "node_id_mismatch", true);
    co_await refused_as(w, 404, "no_such_endpoint", true);
    co_await refused_as(w, 500, "internal_error", false);
    co_await refused_as(w, 503, "come_back_later", false);
    co_await refused_as(w, 429, "rate_limited", false);
    CHECK(w.tokens.discarded == 0);
  });
}

TEST_CASE_FIXTURE(CachedWorld, "a workspace key that is refused ends the start") {
  run([](SessionWorld& any) -> Scenario {
    auto& w = dynamic_cast<CachedWorld&>(any);
    w.engine.answer("POST /v1/nodes", HttpScript::refusal(403, "forbidden_key"));
    const auto started = co_await w.start();
    REQUIRE_FALSE(started.has_value());
    CHECK(started.error().code == Code::forbidden);
    CHECK(started.error().message.find("forbidden_key") != std::string::npos);
    CHECK(w.engine.requests_of("GET /v1/node/ws").empty());
  });
}

TEST_CASE_FIXTURE(ConnectWorld, "a name that belongs to another node ends the start") {
  run([](SessionWorld& w) -> Scenario {
    w.engine.state().add_node("taken", "node_2",
                              "nt_live_000000000000000000000000000000000000000000000002");
    w.tokens.token.node_name = "taken";
    const auto started = co_await w.start();
    REQUIRE_FALSE(started.has_value());
    CHECK(started.error().code == Code::name_conflict);
    CHECK(started.error().message.find("node_name_conflict") != std::string::npos);
  });
}

TEST_CASE_FIXTURE(ConnectWorld, "after a start that failed for good nothing is tried any more") {
  run([](SessionWorld& w) -> Scenario {
    w.engine.answer("GET /v1/node/ws", HttpScript::refusal(403, "node_id_mismatch"));
    const auto started = co_await w.start();
    REQUIRE_FALSE(started.has_value());
    co_await w.jump(60s);
    CHECK_FALSE(w.session->status().next_try_in.has_value());
    CHECK(w.session->status().counters.tries == 1);
    CHECK(w.engine.requests_of("GET /v1/node/ws").size() == 1);
  });
}

TEST_CASE_FIXTURE(ConnectWorld, "why a connection ended is told until the next one stands") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    w.engine.socket().reset();
    co_await w.waits();
    CHECK(w.session->status().last_error.has_value());
    co_await w.jump(500ms);
    co_await w.connected();
    CHECK_FALSE(w.session->status().last_error.has_value());
  });
}

TEST_CASE_FIXTURE(ConnectWorld,
                  "12.1 10.0.0: an engine that is down or hangs: up, degraded, connected later") {
  run([](SessionWorld& w) -> Scenario {
    w.engine.down();
    const auto started = co_await w.start();
    REQUIRE(started.has_value());
    CHECK_FALSE(w.session->status().connected);
    CHECK(w.session->status().tunnel == Tunnel::connecting_initial);
    CHECK(w.session->status().last_error->code == Code::engine_unreachable);
    // Commands are served meanwhile (12.5.6): a registration says at once why it cannot be.
    AgentWish wish("ada");
    const auto refused = co_await w.session->register_agent(std::move(wish));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == Code::node_not_ready);
    CHECK(refused.error().message.find(w.session->status().last_error->message) !=
          std::string::npos);
    w.engine.up();
    co_await w.jump(30s);
    co_await w.connected();
    CHECK(w.broker.tunnels == std::vector<std::string>{"connecting_initial", "connected"});
  });
}

TEST_CASE_FIXTURE(ConnectWorld,
                  "A13, 12.1 11.6.2: half-open: dropped after 15 s of silence, connected again") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    co_await w.pass(30s);
    const auto before = w.clock.now();
    w.engine.socket().set_mode(FakeNodeSocket::Mode::black_hole);
    while (w.session->status().connected && w.clock.now() < before + 60s) co_await w.jump(1s);
    const auto noticed = w.clock.now() - before;
    CHECK(noticed >= 8s);
    CHECK(noticed <= 16s);
    CHECK(w.session->status().last_error->code == Code::timeout);
    CHECK(w.broker.tunnels.back() == "connecting_recovery");
    co_await w.jump(30s);
    co_await w.connected();
  });
}

TEST_CASE_FIXTURE(ConnectWorld,
                  "C.liveness: an engine that answers pings and nothing else is noticed in 15 s") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    co_await w.pass(30s);
    w.engine.socket().set_mode(FakeNodeSocket::Mode::mute);
    const auto before = w.clock.now();
    while (w.session->status().connected && w.clock.now() < before + 60s) {
      co_await w.jump(1s);
      // It does answer pings.
      if (w.session->status().connected) co_await w.settle();
    }
    CHECK(w.clock.now() - before <= 16s);
    CHECK(w.session->status().last_error->message.find("dropped") != std::string::npos);
  });
}

TEST_CASE_FIXTURE(ConnectWorld,
                  "A14, 12.5.5: after healthy minutes each reconnect begins with the first wait") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    for (int restart = 0; restart < 10; ++restart) {
      co_await w.pass(61s);
      w.engine.down();
      std::function<bool()> waits = [&w] { return w.session->status().next_try_in.has_value(); };
      co_await w.broker.until(std::move(waits), "the session waits");
      CHECK(*w.session->status().next_try_in <= 500ms);
      w.engine.up();
      co_await w.jump(500ms);
      co_await w.connected();
    }
    CHECK(w.session->status().counters.connections == 11);
  });
}

TEST_CASE_FIXTURE(ConnectWorld,
                  "tunnel: given up on after 5 min without a connection; the tries go on") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    w.engine.down();
    std::function<bool()> waits = [&w] { return w.session->status().next_try_in.has_value(); };
    co_await w.broker.until(waits, "the session waits");
    for (int step = 0; step < 11; ++step) {
      co_await w.jump(30s);
      co_await w.broker.until(waits, "the session waits");
    }
    CHECK(w.session->status().tunnel == Tunnel::disconnected);
    w.engine.up();
    co_await w.jump(30s);
    co_await w.connected();
    CHECK(w.broker.tunnels == std::vector<std::string>{"connecting_initial", "connected",
                                                       "connecting_recovery", "disconnected",
                                                       "connected"});
  });
}

TEST_CASE_FIXTURE(ConnectWorld, "tunnel: a subscriber that throws disturbs nobody") {
  run([](SessionWorld& w) -> Scenario {
    w.session = std::make_unique<NodeSession>(w.io.get_executor(), w.clock, w.random, w.tokens,
                                              w.store, w.broker, w.options);
    w.session->on_tunnel([](const TunnelReport&) { throw std::runtime_error("no"); });
    const auto started = co_await w.session->start();
    CHECK(started.has_value());
    co_await w.connected();
    CHECK(w.broker.tunnels.back() == "connected");
  });
}

TEST_CASE_FIXTURE(ConnectWorld, "the end with an unreachable engine: at once, with all saved") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    const std::string ada = co_await w.agent("ada");
    w.engine.dm("bob", "ada", "one");
    std::function<bool()> came = [&w] { return w.broker.deliveries.size() == 1; };
    co_await w.broker.until(std::move(came), "the message");
    w.engine.down();
    std::function<bool()> waits = [&w] { return w.session->status().next_try_in.has_value(); };
    co_await w.broker.until(std::move(waits), "the session waits");
    w.done(w.broker.deliveries.front());
    const auto before = SystemClock().now();
    co_await w.session->stop();
    CHECK(SystemClock().now() - before < 5s);
    REQUIRE(w.store.state.live.size() == 1);
    CHECK(w.store.state.live.front().mailbox->cursor == 1);
    CHECK(w.broker.tunnels.back() == "disconnected");
  });
}

TEST_CASE_FIXTURE(ConnectWorld, "the end with an engine that reads nothing is bounded too") {
  run([](SessionWorld& w) -> Scenario {
    w.options.leave_within = 200ms;
    co_await w.up();
    w.engine.socket().set_mode(FakeNodeSocket::Mode::black_hole);
    const auto before = SystemClock().now();
    co_await w.session->stop();
    CHECK(SystemClock().now() - before < 5s);
  });
}

TEST_CASE_FIXTURE(ConnectWorld, "12.5.8: leaving deregisters the node and says close") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    co_await w.session->stop();
    const Record last = co_await w.engine.next_frame("node.deregister");
    CHECK(last.json("/v") == "1");
    const Record gone = co_await w.engine.next_note("node gone");
    CHECK(gone.text.find("close 1000") != std::string::npos);
  });
}

TEST_CASE_FIXTURE(ConnectWorld, "drain: an engine that asks for it is left and found again") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    w.engine.socket().send_as_is(R"({"v":1,"type":"drain"})");
    const Record gone = co_await w.engine.next_note("node gone");
    CHECK(gone.text.find("close 1000") != std::string::npos);
    std::function<bool()> waits = [&w] { return w.session->status().next_try_in.has_value(); };
    co_await w.broker.until(std::move(waits), "the session waits");
    CHECK(*w.session->status().next_try_in <= 500ms);
    co_await w.jump(500ms);
    co_await w.connected();
  });
}

TEST_CASE_FIXTURE(ConnectWorld, "the close code and reason are told, 1000 too") {
  run([](SessionWorld& w) -> Scenario {
    co_await w.up();
    w.engine.socket().close(1000, "superseded");
    std::function<bool()> waits = [&w] { return w.session->status().next_try_in.has_value(); };
    co_await w.broker.until(std::move(waits), "the session waits");
    CHECK(w.session->status().last_error->message.find("1000, superseded") != std::string::npos);
  });
}

TEST_CASE_FIXTURE(ConnectWorld, "no capability is called spawn, whatever the broker offers") {
  run([](SessionWorld& w) -> Scenario {
    wire::Capability bare;
    bare.name = "spawn";
    w.options.manifest.capabilities.push_back(bare);
    co_await w.up();
    const Record hello = co_await w.engine.next_frame("node.register");
    CHECK(hello.json("/capabilities") ==
          R"([{"name":"spawn:claude","kind":"capacity"},)"
          R"({"name":"relay:delivery-cursor-v1","kind":"capacity"}])");
    const Record beat = co_await w.engine.next_frame("node.heartbeat");
    CHECK(beat.json("/capabilities") == hello.json("/capabilities"));
  });
}

TEST_CASE_FIXTURE(CachedWorld, "no token in notes, errors and status") {
  run([](SessionWorld& any) -> Scenario {
    auto& w = dynamic_cast<CachedWorld&>(any);
    co_await w.up();
    (void)co_await w.agent("ada");
    const std::string token = w.engine.state().node("builder-1").token;
    w.engine.socket().send_as_is(R"({"v":1,"type":"error","id":"x","ok":false,"code":"oops",)"
                                 R"("message":"Bearer )" +
                                 token + R"("})");
    w.engine.socket().close(4000, "token " + token);
    std::function<bool()> waits = [&w] { return w.session->status().next_try_in.has_value(); };
    co_await w.broker.until(std::move(waits), "the session waits");
    std::string all = w.session->status().last_error->message;
    for (const auto& note : w.broker.notes) all += note.second;
    CHECK(all.find("oops") != std::string::npos);
    for (const auto& secret : w.engine.state().secrets) {
      CHECK(all.find(secret) == std::string::npos);
    }
  });
}

}  // namespace relay::node_control
