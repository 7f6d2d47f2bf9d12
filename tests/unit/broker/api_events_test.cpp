// What has happened, asked for once and followed.
#include "api_world.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"

namespace relay::broker {
namespace {

using test::ApiWorld;
using test::hear;
using test::is;
using test::same_json;

void idle(ApiWorld* world, int times = 1) {
  for (int i = 0; i < times; ++i) {
    world->operations.log.add("agent_idle", [](JsonWriter& out) { out.field("name", "w1"); });
  }
}

void output(ApiWorld* world, int times = 1) {
  for (int i = 0; i < times; ++i) {
    world->operations.log.add_ephemeral("worker_stream",
                                        [](JsonWriter& out) { out.field("chunk", "x"); });
  }
}

std::string idle_event(int seq) {
  return R"({"kind":"agent_idle","seq":)" + std::to_string(seq) + R"(,"name":"w1"})";
}

asio::awaitable<void> expect(net::WebSocket* socket, std::string wanted) {
  const auto heard = co_await hear(socket);
  INFO(heard);
  const bool same = same_json(heard, wanted);
  CHECK(same);
}

asio::awaitable<void> follow_from_the_past(ApiWorld* world) {
  idle(world, 3);
  const auto socket = co_await world->connect("/ws?sinceSeq=1");
  co_await expect(socket.get(), idle_event(2));
  co_await expect(socket.get(), idle_event(3));
  output(world);
  idle(world);
  co_await expect(socket.get(), R"({"kind":"worker_stream","chunk":"x"})");
  co_await expect(socket.get(), idle_event(4));
  const auto other = co_await world->connect("/ws");
  co_await expect(other.get(), idle_event(1));
  const auto snake = co_await world->connect("/ws?since_seq=3");
  co_await expect(snake.get(), idle_event(4));
}

asio::awaitable<void> follow_what_is_lost(ApiWorld* world) {
  idle(world, 1005);
  const auto socket = co_await world->connect("/ws?sinceSeq=2");
  co_await expect(socket.get(), R"({"kind":"replay_gap","requestedSinceSeq":2,"oldestAvailable":6,)"
                                R"("seq":1005})");
  co_await expect(socket.get(), idle_event(6));
  // A number of another life of the broker: nothing is held back afterwards.
  const auto ahead = co_await world->connect("/ws?sinceSeq=5000");
  co_await expect(ahead.get(),
                  R"({"kind":"replay_gap","requestedSinceSeq":5000,"oldestAvailable":6,)"
                  R"("seq":1005})");
  idle(world);
  co_await expect(ahead.get(), idle_event(1006));
}

asio::awaitable<void> be_too_slow(ApiWorld* world) {
  const auto socket = co_await world->connect("/ws");
  idle(world);
  co_await expect(socket.get(), idle_event(1));
  // More at once than is kept for anybody.
  idle(world, 1100);
  co_await expect(socket.get(), R"({"kind":"events_missed","count":100})");
  co_await expect(socket.get(), R"({"kind":"replay_gap","requestedSinceSeq":1,)"
                                R"("oldestAvailable":102,"seq":1101})");
  for (int seq = 102; seq <= 1101; ++seq) co_await expect(socket.get(), idle_event(seq));
  output(world, 515);
  co_await expect(socket.get(), R"({"kind":"events_missed","count":3})");
  co_await expect(socket.get(), R"({"kind":"worker_stream","chunk":"x"})");
}

/// A client that does not read while 40 MB come up: it gets what is kept, and hears of the rest.
asio::awaitable<void> not_read(ApiWorld* world) {
  const auto socket = co_await world->connect("/ws");
  const std::string body(100'000, 'x');
  for (int i = 0; i < 400; ++i) {
    world->operations.log.add("relay_inbound", [&](JsonWriter& out) { out.field("body", body); });
    co_await net::pause(Duration(1));
  }
  int events = 0;
  bool told = false;
  bool last = false;
  while (!last) {
    const auto heard = co_await hear(socket.get());
    REQUIRE_FALSE(heard.starts_with("e"));
    told = told || heard.starts_with(R"({"kind":"replay_gap")");
    last = heard.starts_with(R"({"kind":"relay_inbound","seq":400,)");
    ++events;
  }
  CHECK(told);
  CHECK(events < 400);
}

asio::awaitable<void> say_goodbye(ApiWorld* world) {
  const auto socket = co_await world->connect("/ws");
  co_await test::say(socket.get(), "what a client says here is read and dropped");
  co_await socket->close(1000, "enough");
  CHECK(socket->end()->cause == net::WsCause::we_closed);
  CHECK(socket->end()->code == 1000);
}

asio::awaitable<void> leave_without_a_word(ApiWorld* world) {
  const auto socket = co_await world->connect("/ws");
  CHECK(world->api.streams() == 1);
  socket->abort();
}

asio::awaitable<void> stop_api(ApiWorld* world) {
  co_await net::shielded();
  co_await world->api.stop();
}

asio::awaitable<void> be_left(ApiWorld* world) {
  const auto executor = co_await asio::this_coro::executor;
  const auto events = co_await world->connect("/ws");
  const auto input = co_await world->connect("/api/input/w1/stream");
  co_await expect(input.get(), R"({"type":"pty_input_ready","name":"w1"})");
  net::TaskGroup group(executor);
  group.spawn(stop_api(world));
  const auto first = co_await hear(events.get());
  CHECK(first == "end 1001");
  const auto second = co_await hear(input.get());
  CHECK(second == "end 1001");
  co_await net::shielded();
  co_await group.join();
}

asio::awaitable<void> be_one_too_many(ApiWorld* world) {
  const auto socket = co_await world->connect("/ws");
  const auto refusal = co_await world->refused("/ws");
  CHECK(refusal.status == 503);
  CHECK(refusal.body.starts_with(R"({"code":"too_many_streams","message":")"));
}

}  // namespace

TEST_CASE("events are replayed, with the mark of what is lost") {
  ApiWorld world;
  CHECK(is(world.ask("GET", "/api/events/replay"), 200,
           R"({"events":[],"gap":false,"oldestAvailable":0})"));
  idle(&world, 2);
  CHECK(is(world.ask("GET", "/api/events/replay?sinceSeq=1"), 200,
           R"({"events":[)" + idle_event(2) + R"(],"gap":false,"oldestAvailable":1})"));
  CHECK(is(world.ask("GET", "/api/events/replay?since_seq=2"), 200,
           R"({"events":[],"gap":false,"oldestAvailable":1})"));
  idle(&world, 1000);
  const auto lost = world.ask("GET", "/api/events/replay");
  CHECK(lost.body.ends_with(R"(],"gap":true,"oldestAvailable":3})"));
  for (const auto* query : {"sinceSeq=x", "sinceSeq=", "sinceSeq=-1", "sinceSeq=1.5"}) {
    CHECK(world.ask("GET", std::string("/api/events/replay?") + query).status == 400);
    CHECK(world.ask("GET", std::string("/ws?") + query).status == 400);
  }
}

TEST_CASE("a stream begins where the client left off and goes on with what happens") {
  ApiWorld world;
  test::run(world.io, follow_from_the_past(&world));
}

TEST_CASE("a stream begins with a mark when what was asked for is lost") {
  ApiWorld world;
  test::run(world.io, follow_what_is_lost(&world));
}

TEST_CASE("a stream that falls behind hears what it missed") {
  ApiWorld world;
  test::run(world.io, be_too_slow(&world));
}

TEST_CASE("a client that does not read costs no more than what is kept anyway") {
  ApiWorld world;
  test::run(world.io, not_read(&world));
}

TEST_CASE("a close is answered, and a client that vanishes is noticed") {
  ApiWorld world;
  test::run(world.io, say_goodbye(&world));
  world.run_until_quiet();
  test::run(world.io, leave_without_a_word(&world));
  world.run_until_quiet();
}

TEST_CASE("streams are told when the broker ends") {
  ApiWorld world;
  world.operations.add("w1");
  test::run(world.io, be_left(&world));
}

TEST_CASE("there are only so many streams, and only by upgrade") {
  auto settings = ApiWorld::settings();
  settings.streams_most = 1;
  ApiWorld world(std::move(settings));
  world.api.engine_ready(ApiWorld::facts());
  test::run(world.io, be_one_too_many(&world));
  CHECK(world.ask("GET", "/ws").status == 426);
}

}  // namespace relay::broker
