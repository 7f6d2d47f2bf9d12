// What a server does with clients that are slow, silent, too many or gone, and how it ends.
#include <chrono>
#include <cstdio>
#include <malloc.h>
#include <sys/resource.h>
#include <tuple>

#include "http_server_fixture.hpp"
#include "net/event.hpp"
#include "support/figure.hpp"

namespace relay::net {
namespace {

using namespace std::chrono_literals;
using test::ask_until_close;
using test::count;
using test::dial;
using test::has;
using test::hear;
using test::send;
using test::Served;

const std::string kGet = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
const std::string kGetClose = "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

asio::awaitable<void> say_hello(Exchange* exchange) {
  HttpResponse response(200, "text/plain", "hello;");
  exchange->respond(response);
  co_return;
}

/// What the handlers of these tests tell and wait for.
struct Stage {
  explicit Stage(asio::io_context& io) : changed(io.get_executor()) {}
  Event changed;
  bool entered = false;
  bool go_on = false;
  bool left = false;
  std::size_t taken = 0;
  Result<void> outcome;
};
Stage* stage = nullptr;

asio::awaitable<void> until_told(Exchange* exchange) {
  stage->entered = true;
  stage->changed.notify();
  while (!stage->go_on) co_await stage->changed.wait(10s);
  HttpResponse response(200, "text/plain", "told;");
  exchange->respond(response);
}

asio::awaitable<void> say_and_tell(Exchange* exchange) {
  HttpResponse response(200, "text/plain", "hello;");
  exchange->respond(response);
  stage->entered = true;
  stage->changed.notify();
  co_return;
}

asio::awaitable<void> parts(Exchange* exchange) {
  HttpResponse head(200);
  std::ignore = co_await exchange->begin_stream(head);
  std::ignore = co_await exchange->write("one");
  std::ignore = co_await exchange->write("");
  std::ignore = co_await exchange->write("twelve bytes");
}

asio::awaitable<void> breaks_midway(Exchange* exchange) {
  HttpResponse head(200);
  std::ignore = co_await exchange->begin_stream(head);
  std::ignore = co_await exchange->write("one");
  throw std::runtime_error("midway");
}

asio::awaitable<void> flood(Exchange* exchange) {
  HttpResponse head(200);
  stage->outcome = co_await exchange->begin_stream(head);
  while (stage->outcome) {
    std::string part(100000, 'x');
    stage->outcome = co_await exchange->write(part);
    if (stage->outcome) stage->taken += part.size();
  }
  stage->left = true;
  stage->changed.notify();
}

asio::awaitable<void> events(Exchange* exchange) {
  std::ignore = co_await exchange->begin_events();
  std::ignore = co_await exchange->send_event("greeting", "one\ntwo\r\nthree", "7");
  std::ignore = co_await exchange->send_comment("still here");
  std::ignore = co_await exchange->send_event("", "gr\xc3\xbc\xc3\x9f dich", "");
  stage->entered = true;
  stage->changed.notify();
  bool ended = false;
  while (!ended) ended = co_await exchange->ended(10s);
  stage->left = true;
  stage->changed.notify();
}

std::vector<Route> plain_routes() {
  std::vector<Route> all;
  all.emplace_back("GET", "/a", say_hello);
  all.emplace_back("GET", "/wait", until_told);
  all.emplace_back("GET", "/tell", say_and_tell);
  all.emplace_back("GET", "/parts", parts);
  all.emplace_back("GET", "/breaks", breaks_midway);
  all.emplace_back("GET", "/flood", flood);
  all.emplace_back("GET", "/events", events);
  all.emplace_back("POST", "/a", say_hello);
  return all;
}

HttpServerOptions quick() {
  HttpServerOptions options;
  options.head_time = 200ms;
  options.idle_time = 200ms;
  options.slice_time = 200ms;
  options.linger_time = 200ms;
  return options;
}

std::string get(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n";
}

asio::awaitable<void> wait_for(bool* what) {
  for (int i = 0; i < 100 && !*what; ++i) co_await stage->changed.wait(100ms);
  CHECK(*what);
}

}  // namespace

TEST_CASE("a head that does not come in time is 408, an idle connection is just closed") {
  asio::io_context io;
  Served served(io, quick(), plain_routes());
  const auto late = test::run(io, ask_until_close(served.port, "GET /a HTTP/1.1\r\nHost: x\r\n"));
  CHECK(has(late, "HTTP/1.1 408 Request Timeout\r\n"));
  CHECK(has(late, "Connection: close"));
  const auto body = test::run(
      io,
      ask_until_close(served.port, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabc"));
  CHECK(has(body, "HTTP/1.1 408 "));
  CHECK(test::run(io, ask_until_close(served.port, "")).empty());
  CHECK(served.server.counts().timed_out == 3);
}

TEST_CASE("a connection that asks nothing more is closed, and was answered") {
  asio::io_context io;
  HttpServerOptions options = quick();
  // Only the wait for more is short.
  options.head_time = 10min;
  Served served(io, options, plain_routes());
  const auto idle = test::run(io, ask_until_close(served.port, kGet));
  CHECK(count(idle, "HTTP/1.1 ") == 1);
  CHECK(has(idle, "hello;"));
  CHECK(served.server.counts().timed_out == 1);
}

namespace {

asio::awaitable<void> survive_slow_clients(Served* served) {
  std::vector<StreamPtr> slow;
  for (int i = 0; i < 1000; ++i) {
    slow.push_back(co_await dial(served->port));
    co_await send(slow.back().get(), "GET /a HTTP/1.1\r\nX: ");
  }
  CHECK(served->server.counts().connections <= 64 + 8);
  const auto before = SystemClock().now();
  const auto text = co_await ask_until_close(served->port, kGetClose);
  const auto took = SystemClock().now() - before;
  CHECK(has(text, "hello;"));
  CHECK(took < 5s);
  CHECK(served->server.counts().displaced >= 900);
  CHECK(served->server.counts().turned_away == 0);
  const double milliseconds = std::chrono::duration<double, std::milli>(took).count();
  char figures[80];
  std::snprintf(figures, sizeof figures,
                "1000 slow clients: the next is answered in %.1f ms (less "
                "than 50)",
                milliseconds);
  test::figure("S11", figures, milliseconds, 50);
}

asio::awaitable<void> fill_with_work(Served* served) {
  std::vector<StreamPtr> busy;
  for (int i = 0; i < 2; ++i) {
    stage->entered = false;
    busy.push_back(co_await dial(served->port));
    co_await send(busy.back().get(), get("/wait"));
    co_await wait_for(&stage->entered);
  }
  const auto text = co_await ask_until_close(served->port, kGet);
  CHECK(has(text, "HTTP/1.1 503 Service Unavailable\r\n"));
  CHECK(has(text, "Retry-After: 1\r\n"));
  stage->go_on = true;
  stage->changed.notify();
  for (auto& each : busy) {
    const auto told = co_await hear(each.get(), "told;");
    CHECK(has(told, "told;"));
  }
  const auto again = co_await ask_until_close(served->port, kGetClose);
  CHECK(has(again, "hello;"));
}

}  // namespace

TEST_CASE("S11: a thousand slow clients do not keep others out") {
  asio::io_context io;
  // Both ends are in this process; a shell is mostly given 1024.
  rlimit files{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &files) == 0);
  files.rlim_cur = files.rlim_max;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &files) == 0);
  HttpServerOptions options;
  // They are displaced, however long the dialling takes.
  options.head_time = 10min;
  Served served(io, options, plain_routes());
  test::run(io, survive_slow_clients(&served));
}

TEST_CASE("when every connection is at work the next one gets 503") {
  asio::io_context io;
  Stage here(io);
  stage = &here;
  HttpServerOptions options;
  options.connections_most = 2;
  Served served(io, options, plain_routes());
  test::run(io, fill_with_work(&served));
}

namespace {

asio::awaitable<void> grow_and_rest(Served* served, std::vector<StreamPtr>* clients) {
  const std::string post =
      "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n" + std::string(60000, 'x');
  for (int i = 0; i < 100; ++i) {
    clients->push_back(co_await dial(served->port));
    co_await send(clients->back().get(), post);
    co_await hear(clients->back().get(), "hello;");
  }
}

std::size_t bytes_in_use() {
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

}  // namespace

TEST_CASE("an idle connection holds at most 12 KiB, also after a large request") {
  asio::io_context io;
  HttpServerOptions options;
  options.connections_most = 1000;
  Served served(io, options, plain_routes());
  std::vector<StreamPtr> first;
  test::run(io, grow_and_rest(&served, &first));
  const auto before = bytes_in_use();
  std::vector<StreamPtr> clients;
  test::run(io, grow_and_rest(&served, &clients));
  CHECK(served.server.counts().connections == 200);
  CHECK(bytes_in_use() - before < std::size_t{100} * 12 * 1024);
}

TEST_CASE("a streamed answer comes in chunks, and plain to HTTP/1.0") {
  asio::io_context io;
  Served served(io, {}, plain_routes());
  const auto text = test::run(io, ask_until_close(served.port, get("/parts") + kGetClose));
  CHECK(has(text, "Transfer-Encoding: chunked\r\n"));
  CHECK(has(text, "\r\n\r\n3\r\none\r\nc\r\ntwelve bytes\r\n0\r\n\r\nHTTP/1.1 200 OK"));
  const auto old = test::run(io, ask_until_close(served.port, "GET /parts HTTP/1.0\r\n\r\n"));
  CHECK(has(old, "\r\n\r\nonetwelve bytes"));
  CHECK_FALSE(has(old, "chunked"));
  const auto head = test::run(
      io, ask_until_close(served.port, "HEAD /parts HTTP/1.1\r\nHost: x\r\n\r\n" + kGetClose));
  CHECK(has(head, "\r\n\r\nHTTP/1.1 200 OK"));
}

TEST_CASE("a stream whose handler breaks is cut, so that nobody takes it for whole") {
  asio::io_context io;
  Served served(io, {}, plain_routes());
  const auto text = test::run(io, ask_until_close(served.port, get("/breaks")));
  CHECK(has(text, "3\r\none\r\n"));
  CHECK_FALSE(has(text, "0\r\n\r\n"));
}

namespace {

asio::awaitable<void> do_not_read(Served* served) {
  auto stream = co_await dial(served->port);
  co_await send(stream.get(), get("/flood"));
  co_await wait_for(&stage->left);
  REQUIRE_FALSE(stage->outcome.has_value());
  CHECK(stage->outcome.error().code == Code::connection_closed);
  // What the sockets of both sides hold; nothing of it is ours.
  CHECK(stage->taken < (std::size_t{64} << 20));
}

asio::awaitable<void> leave_events(Served* served) {
  auto stream = co_await dial(served->port);
  co_await send(stream.get(), get("/events"));
  const auto text = co_await hear(stream.get(), "dich\n\n");
  CHECK(has(text, "Content-Type: text/event-stream\r\n"));
  CHECK(has(text, "event: greeting\nid: 7\ndata: one\ndata: two\ndata: three\n\n"));
  CHECK(has(text, ": still here\n\n"));
  CHECK(has(text, "data: gr\xc3\xbc\xc3\x9f dich\n\n"));
  CHECK_FALSE(stage->left);
  stream.reset();
  co_await wait_for(&stage->left);
}

}  // namespace

TEST_CASE("a client that does not read is cut off and costs no memory") {
  asio::io_context io;
  Stage here(io);
  stage = &here;
  Served served(io, quick(), plain_routes());
  test::run(io, do_not_read(&served));
  CHECK(served.server.counts().connections == 0);
}

TEST_CASE("an event stream notices that its client has gone") {
  asio::io_context io;
  Stage here(io);
  stage = &here;
  Served served(io, {}, plain_routes());
  test::run(io, leave_events(&served));
}

namespace {

asio::awaitable<void> stop_with_work(Served* served, Duration grace, std::string* heard) {
  auto idle = co_await dial(served->port);
  co_await send(idle.get(), kGet);
  co_await hear(idle.get(), "hello;");
  auto busy = co_await dial(served->port);
  co_await send(busy.get(), get("/wait"));
  co_await wait_for(&stage->entered);

  const auto executor = co_await asio::this_coro::executor;
  TaskGroup group(executor);
  group.spawn(served->stop(grace));
  const auto last_of_idle = co_await hear(idle.get(), "no such text");
  CHECK(last_of_idle.empty());
  const auto refused = co_await net::dial_tcp("127.0.0.1", std::to_string(served->port), 5s);
  CHECK_FALSE(refused.has_value());
  stage->go_on = grace > 1s;
  stage->changed.notify();
  *heard = co_await hear(busy.get(), "no such text");
  busy.reset();
  co_await shielded();
  co_await group.join();
  CHECK(served->server.counts().connections == 0);
}

asio::awaitable<void> stop_when_told(Served* served) {
  co_await wait_for(&stage->entered);
  auto work = served->stop(10min);
  co_await std::move(work);
}

/// Whoever is asked to stop does it while the answer goes out.
asio::awaitable<void> ask_to_stop(Served* served) {
  const auto executor = co_await asio::this_coro::executor;
  TaskGroup group(executor);
  group.spawn(stop_when_told(served));
  auto stream = co_await dial(served->port);
  co_await send(stream.get(), get("/tell"));
  const auto text = co_await hear(stream.get(), "no such text");
  CHECK(has(text, "hello;"));
  co_await shielded();
  co_await group.join();
}

asio::awaitable<void> stop_events(Served* served) {
  auto stream = co_await dial(served->port);
  co_await send(stream.get(), get("/events"));
  co_await wait_for(&stage->entered);
  const auto executor = co_await asio::this_coro::executor;
  TaskGroup group(executor);
  group.spawn(served->stop(10s));
  const auto text = co_await hear(stream.get(), "no such text");
  CHECK(has(text, "\r\n0\r\n\r\n"));
  CHECK(stage->left);
  stream.reset();
  co_await shielded();
  co_await group.join();
}

}  // namespace

TEST_CASE("stop waits for no other request of whom it just answers") {
  asio::io_context io;
  Stage here(io);
  stage = &here;
  Served served(io, {}, plain_routes());
  test::run(io, ask_to_stop(&served));
}

TEST_CASE("stop closes idle connections, finishes what is under way and leaves nothing") {
  asio::io_context io;
  Stage here(io);
  stage = &here;
  Served served(io, {}, plain_routes());
  std::string heard;
  test::run(io, stop_with_work(&served, 10s, &heard));
  CHECK(has(heard, "Connection: close\r\n"));
  CHECK(has(heard, "told;"));
}

TEST_CASE("stop cuts what is not done when the grace is over") {
  asio::io_context io;
  Stage here(io);
  stage = &here;
  Served served(io, {}, plain_routes());
  std::string heard;
  test::run(io, stop_with_work(&served, 50ms, &heard));
  CHECK(heard.empty());
}

TEST_CASE("stop ends event streams in order") {
  asio::io_context io;
  Stage here(io);
  stage = &here;
  Served served(io, {}, plain_routes());
  test::run(io, stop_events(&served));
}

}  // namespace relay::net
