// Connections that leave HTTP, Unix sockets, and the guard in front of both.
#include <unistd.h>

#include "http_server_fixture.hpp"
#include "support/temp_dir.hpp"

namespace relay::net {
namespace {

using namespace std::chrono_literals;
using test::ask_until_close;
using test::dial;
using test::has;
using test::hear;
using test::send;
using test::Served;

/// Where the test's handler puts the connections it got.
TaskGroup* owner = nullptr;

asio::awaitable<void> echo(std::shared_ptr<Handover> handover) {
  auto& stream = *handover->stream;
  co_await stream.write(handover->already_read);
  std::array<char, 100> buffer{};
  for (;;) {
    const auto got = co_await stream.read_some(buffer);
    if (!got.ok()) co_return;
    co_await stream.write(std::span<const char>(buffer.data(), got.bytes));
  }
}

asio::awaitable<void> upgrade(Exchange* exchange) {
  HttpResponse head(101);
  head.headers.add("Connection", "Upgrade");
  head.headers.add("Upgrade", "echo");
  auto handover = co_await exchange->upgrade(head);
  if (!handover) {
    HttpResponse refused(426, "text/plain", handover.error().message);
    exchange->respond(refused);
    co_return;
  }
  owner->spawn(echo(std::make_shared<Handover>(std::move(*handover))));
}

asio::awaitable<void> say_uid(Exchange* exchange) {
  const auto uid = exchange->request().peer_uid;
  HttpResponse response(200, "text/plain", "none;");
  if (uid) response.body = std::to_string(*uid) + ";";
  exchange->respond(response);
  co_return;
}

std::vector<Route> upgrade_routes() {
  std::vector<Route> all;
  all.emplace_back("GET", "/echo", upgrade);
  all.emplace_back("GET", "/uid", say_uid);
  return all;
}

const std::string kUpgrade =
    "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: echo\r\n";

asio::awaitable<void> talk(Served* served) {
  const auto executor = co_await asio::this_coro::executor;
  TaskGroup group(executor);
  owner = &group;
  auto stream = co_await dial(served->port);
  co_await send(stream.get(), kUpgrade + "\r\nsent ahead;");
  const auto head = co_await hear(stream.get(), "ahead;");
  CHECK(has(head, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n"));
  CHECK_FALSE(has(head, "Content-Length"));
  CHECK(head.substr(head.size() - 15) == "\r\n\r\nsent ahead;");
  CHECK(served->server.counts().connections == 0);

  // The server is gone, the connection is not.
  co_await served->server.stop(1s);
  served->stopped = true;
  co_await send(stream.get(), "after the end;");
  const auto after = co_await hear(stream.get(), "end;");
  CHECK(after == "after the end;");
  stream.reset();
  co_await shielded();
  co_await group.join();
}

asio::awaitable<std::string> ask_unix(std::string path, std::string bytes) {
  auto stream = co_await dial_unix(path, 5s);
  REQUIRE(stream.has_value());
  co_await send(stream->get(), bytes);
  co_return co_await hear(stream->get(), "no such text");
}

}  // namespace

TEST_CASE("an upgraded connection belongs to its new owner, with the bytes sent ahead") {
  asio::io_context io;
  Served served(io, {}, upgrade_routes());
  test::run(io, talk(&served));
}

TEST_CASE("no upgrade without being asked") {
  asio::io_context io;
  Served served(io, {}, upgrade_routes());
  const auto text = test::run(
      io,
      ask_until_close(served.port, "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  CHECK(has(text, "HTTP/1.1 426 "));
}

TEST_CASE("an upgrade passes the guard first") {
  asio::io_context io;
  HttpServerOptions options;
  options.guard = LocalGuard(1, "token");
  Served served(io, options, upgrade_routes());
  const auto text = test::run(io, ask_until_close(served.port, kUpgrade + "Connection: close\r\n"
                                                                          "\r\n"));
  CHECK(has(text, "HTTP/1.1 403 Forbidden\r\n"));
}

TEST_CASE("over a Unix socket the peer is known to handler and guard") {
  asio::io_context io;
  const test::TempDir dir;
  const auto path = (dir / "socket").string();
  HttpServerOptions options;
  options.guard = LocalGuard(0, "token");
  Served served(io, options, upgrade_routes());
  auto listener = Listener::unix(io.get_executor(), path);
  REQUIRE(listener.has_value());
  served.server.serve(std::move(*listener));
  const std::string get = "GET /uid HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n";
  const auto text = test::run(io, ask_unix(path, get + "\r\n"));
  CHECK(has(text, "\r\n\r\n" + std::to_string(::getuid()) + ";"));
  const auto foreign = test::run(io, ask_unix(path, get + "Origin: http://evil.test\r\n\r\n"));
  CHECK(has(foreign, "HTTP/1.1 403 "));
  // The same server over TCP wants Host and token.
  const auto tcp = test::run(io, ask_until_close(served.port, get + "\r\n"));
  CHECK(has(tcp, "HTTP/1.1 403 "));
  test::run(io, served.stop(1s));
}

}  // namespace relay::net
