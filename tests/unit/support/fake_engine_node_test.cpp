#include <doctest/doctest.h>

#include "net/task_group.hpp"
#include "net/timeout.hpp"
#include "raw_client.hpp"
#include "support/fake_engine.hpp"
#include "support/json_edit.hpp"
#include "support/loop.hpp"
#include "support/ws_wire.hpp"

// Every way in which the fake engine can treat a node socket, seen by a node that reads frames.
namespace relay::test {
namespace {

using Mode = FakeNodeSocket::Mode;
using namespace std::chrono_literals;

struct Handshake {
  std::string name;
  HttpScript script;
  std::vector<std::string> parts;
};

asio::awaitable<void> check_handshake(FakeEngine* engine, const Handshake* each) {
  const std::string token = co_await minted_token(engine);
  engine->answer("GET /v1/node/ws", each->script);
  RawNode refused;
  const bool open = co_await refused.open(engine->port(), token);
  CHECK_FALSE(open);
  const std::string got = refused.heard + "[" + refused.end + "]";
  for (const auto& part : each->parts) {
    CAPTURE(got);
    CHECK(has(got, part));
  }
  RawNode node;
  const bool again = co_await node.open(engine->port(), token);
  CHECK(again);
}

TEST_CASE("each scripted handshake is what the node gets, once") {
  const std::vector<Handshake> cases{
      {"401", HttpScript::refusal(401, "node_token_invalid"), {"HTTP/1.1 401 "}},
      {"403", HttpScript::refusal(403, "forbidden"), {"HTTP/1.1 403 "}},
      {"500", HttpScript::html(500), {"HTTP/1.1 500 ", "<html>"}},
      {"garbage", HttpScript::bytes("hello\r\n\r\n"), {"hello\r\n\r\n[eof]"}},
      {"cut", HttpScript::standard().cut_after(20), {"HTTP/1.1 101 Switchi[eof]"}},
      {"closed", HttpScript::close(), {"[eof]"}},
      {"reset", HttpScript::reset(), {"[reset]"}},
  };
  for (const Handshake& each : cases) {
    CAPTURE(each.name);
    asio::io_context io;
    FakeEngine engine(io);
    run(io, check_handshake(&engine, &each));
  }
}

asio::awaitable<void> check_hanging_handshake(FakeEngine* engine) {
  engine->answer("GET /v1/node/ws", HttpScript::hang());
  RawClient node;
  co_await node.connect(engine->port());
  co_await node.send(request_text("GET /v1/node/ws", "nt_live_x", ""));
  co_await engine->next_note("hanging");
  node.leave();
  co_await engine->next_note("client left");
}

TEST_CASE("a handshake can hang until the node gives up") {
  asio::io_context io;
  FakeEngine engine(io);
  run(io, check_hanging_handshake(&engine));
}

asio::awaitable<void> check_token(FakeEngine* engine) {
  const std::string old = co_await minted_token(engine);
  const std::string token = co_await minted_token(engine);
  CHECK(old != token);
  RawNode refused;
  const bool open = co_await refused.open(engine->port(), old);
  CHECK_FALSE(open);
  CHECK(has(refused.heard, "HTTP/1.1 401 "));
  RawNode first;
  co_await first.open(engine->port(), token);
  RawNode second;
  co_await second.open(engine->port(), token);
  const auto end = co_await first.next();
  CHECK(end == "[close 1000 superseded]");
  co_await second.say(kRegister);
  const auto reply = co_await second.next();
  CHECK(json_string_at(reply, "/id") == "r1");
  CHECK(json_string_at(reply, "/data/status") == "online");
}

TEST_CASE("minting revokes the old token, and a second socket supersedes the first") {
  asio::io_context io;
  FakeEngine engine(io);
  run(io, check_token(&engine));
}

asio::awaitable<void> check_delivery(FakeEngine* engine) {
  RawNode node;
  co_await start_node(engine, &node);
  engine->dm("boss", "worker", "one");
  engine->dm("boss", "worker", "two");
  const auto first = co_await node.next();
  CHECK(json_at(first, "/seq") == "1");
  CHECK(json_string_at(first, "/type") == "deliver");
  CHECK(json_string_at(first, "/agent") == "worker");
  CHECK(json_string_at(first, "/mode") == "wait");
  CHECK(json_string_at(first, "/payload/type") == "dm.received");
  CHECK(json_string_at(first, "/payload/data/from_name") == "boss");
  const auto second = co_await node.next();
  co_await node.say(R"({"v":1,"type":"delivery.ack","agent":"worker","up_to_seq":1})");
  const Record ack = co_await engine->next_frame("delivery.ack");
  CHECK(ack.json("/up_to_seq") == "1");
  CHECK(engine->state().agent("worker").acked_seq == 1);
  // What is not acked comes again, the same, with the next registration and inventory.
  node.leave();
  const Record gone = co_await engine->next_note("node gone");
  CHECK(gone.text == "eof");
  CHECK(engine->state().agent("worker").status == "offline");
  RawNode back;
  co_await back.open(engine->port(), engine->state().node("builder-1").token);
  co_await back.say(kRegister);
  co_await back.next();
  const auto replayed = co_await back.next();
  CHECK(replayed == second);
  co_await back.say(R"({"v":1,"type":"inventory.sync","agents":[{"agent_id":")" +
                    engine->state().agent("worker").id + R"(","name":"worker"}]})");
  const auto synced = co_await back.next();
  CHECK(json_at(synced, "/data/rebound_agents") == "1");
  const auto again = co_await back.next();
  CHECK(again == second);
  CHECK(engine->state().agent("worker").status == "active");
}

TEST_CASE("deliveries are numbered, acked and replayed") {
  asio::io_context io;
  FakeEngine engine(io);
  run(io, check_delivery(&engine));
  CHECK(engine.state().invalid_frames.empty());
}

struct Outgoing {
  std::string name;
  FrameScript script;
  int frames;
  /// The texts of the frames that the node gets for three messages.
  std::string got;
};

asio::awaitable<void> check_outgoing(FakeEngine* engine, const Outgoing* each) {
  RawNode node;
  co_await start_node(engine, &node);
  engine->outgoing("deliver", each->script, 1, 1);
  for (const char* text : {"one", "two", "three"}) engine->dm("boss", "worker", text);
  const std::string got = co_await next_texts(&node, each->frames);
  CHECK(got == each->got);
}

TEST_CASE("each script for an outgoing frame does what it says to the second of three") {
  const std::vector<Outgoing> cases{
      {"drop", FrameScript::drop(), 2, "one three"},
      {"duplicate", FrameScript::duplicate(), 4, "one two two three"},
      {"swap", FrameScript::swap_with_next(), 3, "one three two"},
      {"hold", FrameScript::hold(), 2, "one three"},
      {"edit", FrameScript::edit([](std::string) { return "{half"; }), 3, "one {half three"},
      {"cut", FrameScript::cut_after(9), 2, "one [reset]"},
  };
  for (const Outgoing& each : cases) {
    CAPTURE(each.name);
    asio::io_context io;
    FakeEngine engine(io);
    run(io, check_outgoing(&engine, &each));
  }
}

asio::awaitable<void> check_replies(FakeEngine* engine) {
  RawNode node;
  co_await start_node(engine, &node);
  engine->outgoing("reply:agent.register", FrameScript::drop());
  engine->outgoing("reply:agent.register", FrameScript::with("/id", "\"other\""));
  engine->outgoing("reply:agent.register", FrameScript::without("/data/token"));
  engine->outgoing("reply", FrameScript::with("/data/extra", "1"));
  for (int i = 0; i < 5; ++i) co_await node.say(kAgent);
  const auto wrong_id = co_await node.next();
  CHECK(json_string_at(wrong_id, "/id") == "other");
  const auto no_token = co_await node.next();
  CHECK(json_string_at(no_token, "/id") == "a1");
  CHECK(json_at(no_token, "/data/token").empty());
  const auto extra = co_await node.next();
  CHECK(json_at(extra, "/data/extra") == "1");
  const auto right = co_await node.next();
  CHECK(json_string_at(right, "/data/token") == engine->state().agent("worker").token);
  CHECK(json_at(right, "/data/extra").empty());
  CHECK(engine->frames_of("agent.register").size() == 6);
}

TEST_CASE("replies can be lost or wrong, one after the other") {
  asio::io_context io;
  FakeEngine engine(io);
  run(io, check_replies(&engine));
}

asio::awaitable<void> check_held_frame(FakeEngine* engine) {
  RawNode node;
  co_await start_node(engine, &node);
  engine->outgoing("deliver", FrameScript::hold());
  engine->incoming("delivery.ack", FrameScript::hold());
  engine->incoming("delivery.ack", FrameScript::drop());
  engine->dm("boss", "worker", "one");
  engine->dm("boss", "worker", "two");
  const auto first = co_await next_texts(&node, 1);
  CHECK(first == "two");
  co_await node.say(R"({"v":1,"type":"delivery.ack","agent":"worker","up_to_seq":1})");
  co_await node.say(R"({"v":1,"type":"delivery.ack","agent":"worker","up_to_seq":2})");
  co_await node.say("{");
  const auto invalid = co_await next_texts(&node, 1);
  CHECK(json_string_at(invalid, "/code") == "invalid_message");
  CHECK(engine->state().agent("worker").acked_seq == 0);
  engine->release_frames();
  const auto late = co_await next_texts(&node, 1);
  CHECK(late == "one");
  CHECK(engine->state().agent("worker").acked_seq == 1);
  CHECK(engine->state().invalid_frames.size() == 1);
}

TEST_CASE("frames of both ways are held until they are released") {
  asio::io_context io;
  FakeEngine engine(io);
  run(io, check_held_frame(&engine));
}

asio::awaitable<void> check_raw(FakeEngine* engine) {
  RawNode node;
  co_await start_node(engine, &node);
  FakeNodeSocket& socket = engine->socket("builder-1");
  socket.send_as_is(R"({"v":2,"type":"deliver"})");
  socket.send_as_is(R"({"v":1,"type":"context.update","topic":"presence"})");
  socket.send_as_is("not JSON");
  socket.send_binary("b");
  socket.ping("are you there");
  const auto old = co_await node.next();
  CHECK(old == R"({"v":2,"type":"deliver"})");
  const auto context = co_await node.next();
  CHECK(has(context, "context.update"));
  const auto garbage = co_await node.next();
  CHECK(garbage == "not JSON");
  const auto binary = co_await node.next();
  CHECK(binary == "[binary b]");
  auto heard = node.next(5ms);
  co_await std::move(heard);
  co_await engine->next_note("pong:are you there");
  engine->socket().send_as_is(std::string(5 << 20, 'x'));
  const auto big = co_await node.next();
  CHECK(big == "[protocol 1009]");
}

TEST_CASE("any text, binary frame or ping can be sent, of any size") {
  asio::io_context io;
  FakeEngine engine(io);
  run(io, check_raw(&engine));
}

asio::awaitable<void> check_bytes(FakeEngine* engine) {
  RawNode node;
  co_await start_node(engine, &node);
  engine->socket().send_bytes(std::string("\xC1\x00", 2));
  const auto got = co_await node.next();
  CHECK(got == "[protocol 1002]");
}

TEST_CASE("bytes that are no frame can be sent") {
  asio::io_context io;
  FakeEngine engine(io);
  run(io, check_bytes(&engine));
}

asio::awaitable<void> check_end(FakeEngine* engine, std::string how) {
  RawNode node;
  co_await start_node(engine, &node);
  engine->dm("boss", "worker", "last");
  if (how == "close") engine->socket().close(4001, "bye");
  if (how == "cut") engine->socket().cut();
  const auto last = co_await next_texts(&node, 1);
  CHECK(last == "last");
  if (how == "reset") engine->socket().reset();
  if (how == "down") engine->down();
  const auto end = co_await node.next();
  const std::string wanted = how == "close" ? "[close 4001 bye]"
                             : how == "cut" ? "[eof]"
                                            : "[reset]";
  CHECK(end == wanted);
  node.leave();
  co_await engine->next_note("node gone");
  CHECK(engine->open_sockets() == 0);
}

TEST_CASE("a node socket ends by close, FIN or RST") {
  for (const char* how : {"close", "cut", "reset", "down"}) {
    CAPTURE(how);
    asio::io_context io;
    FakeEngine engine(io);
    run(io, check_end(&engine, how));
  }
}

asio::awaitable<void> check_peer_close(FakeEngine* engine) {
  RawNode node;
  co_await start_node(engine, &node);
  co_await node.say_close(1000, "done");
  const auto answer = co_await node.next();
  CHECK(answer == "[close 1000 ]");
  node.leave();
  const Record gone = co_await engine->next_note("node gone");
  CHECK(gone.text == "close 1000 done");
}

TEST_CASE("the transcript tells how a node left") {
  asio::io_context io;
  FakeEngine engine(io);
  run(io, check_peer_close(&engine));
}

asio::awaitable<void> check_modes(FakeEngine* engine) {
  RawNode node;
  co_await start_node(engine, &node);
  // Mute: pings are answered, nothing else.
  engine->socket().set_mode(Mode::mute);
  co_await node.say(kAgent);
  co_await node.ping("1");
  const auto muted = co_await node.next();
  CHECK(muted == "[pong 1]");
  // Deaf: it sends and does not read.
  engine->socket().set_mode(Mode::deaf);
  co_await node.say(kAgent);
  engine->dm("boss", "worker", "one");
  const auto sent = co_await next_texts(&node, 1);
  CHECK(sent == "one");
  CHECK(engine->frames_of("agent.register").size() == 2);
  // Black hole: neither, and the connection is up.
  engine->socket().set_mode(Mode::black_hole);
  engine->dm("boss", "worker", "two");
  co_await node.ping("2");
  const auto nothing = co_await node.next(20ms);
  CHECK(nothing == "[silent]");
  CHECK(engine->open_sockets() == 1);
  // Everything that was kept back is there in the end.
  engine->socket().set_mode(Mode::normal);
  const auto second = co_await next_texts(&node, 1);
  CHECK(second == "two");
  const auto reply = co_await node.next();
  CHECK(json_string_at(reply, "/id") == "a1");
}

TEST_CASE("an engine can be mute, deaf or a black hole, and come back") {
  asio::io_context io;
  FakeEngine engine(io);
  run(io, check_modes(&engine));
}

asio::awaitable<void> check_backpressure(FakeEngine* engine) {
  RawNode node;
  co_await start_node(engine, &node);
  engine->socket().set_mode(Mode::deaf);
  const std::string frame = ws_frame(0x81, std::string(std::size_t{50} << 20U, 'x'), true);
  // The sockets hold a few megabytes; then the node finds its own full for good.
  std::span<const char> left(frame);
  for (int full = 0; full < 50 && !left.empty();) {
    const auto some = node.stream().try_write(left);
    left = left.subspan(some.bytes);
    full = some.ok() ? 0 : full + 1;
    co_await net::pause(Duration::zero());
  }
  CHECK(left.size() > frame.size() / 2);
}

TEST_CASE("what a deaf engine does not read piles up at the node") {
  asio::io_context io;
  FakeEngine engine(io);
  run(io, check_backpressure(&engine));
}

asio::awaitable<void> read_on(RawNode* node) {
  for (;;) {
    const auto text = co_await node->next();
    if (text == "[eof]" || text == "[reset]") co_return;
    const auto seq = json_at(text, "/seq");
    if (!seq.empty()) co_await node->say(ack_of("worker", std::stoi(seq)));
  }
}

asio::awaitable<void> check_settle(FakeEngine* engine) {
  RawNode node;
  co_await start_node(engine, &node);
  net::TaskGroup group(co_await asio::this_coro::executor);
  group.spawn(read_on(&node));
  engine->dm("boss", "worker", "one");
  engine->dm("boss", "worker", "two");
  co_await engine->settle("builder-1");
  CHECK(engine->frames_of("delivery.ack").size() == 2);
  engine->down();
  co_await group.join();
}

TEST_CASE("after settling, what the node had to say is there") {
  asio::io_context io;
  FakeEngine engine(io);
  run(io, check_settle(&engine));
}

}  // namespace
}  // namespace relay::test
