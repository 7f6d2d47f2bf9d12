#include "net/ws_client.hpp"

#include <doctest/doctest.h>

#include "net/task_group.hpp"
#include "support/certificate.hpp"
#include "support/loop.hpp"
#include "support/stream_pair.hpp"
#include "support/temp_dir.hpp"
#include "support/ws_accept.hpp"

namespace relay::net {
namespace {

using namespace std::chrono_literals;

Random& random_source() {
  static SeededRandom random(11);
  return random;
}

asio::awaitable<void> end_group(TaskGroup* group) {
  co_await shielded();
  group->cancel();
  co_await group->join();
}

asio::awaitable<void> echo(StreamPtr stream, std::vector<std::string> protocols) {
  auto socket = co_await test::accept_ws(std::move(stream), WsOptions(), std::move(protocols));
  if (!socket) co_return;
  for (;;) {
    auto message = co_await socket->receive(1h);
    if (!message) co_return;
    auto sent = co_await socket->send(std::move(message->payload), 1h);
    if (!sent) co_return;
  }
}

/// Serves one connection, with TLS if there is a context.
asio::awaitable<void> serve(Listener* listener, std::optional<TlsContext> tls,
                            std::vector<std::string> protocols) {
  auto stream = co_await listener->accept();
  if (!stream) co_return;
  if (tls) {
    auto secured = co_await tls_accept(std::move(*stream), *tls);
    if (!secured) co_return;
    stream = std::move(secured);
  }
  co_await echo(std::move(*stream), std::move(protocols));
}

/// Answers one connection with these bytes and holds it until the peer ends it.
asio::awaitable<void> answer(Listener* listener, std::string bytes) {
  auto stream = co_await listener->accept();
  if (!stream) co_return;
  std::string rest;
  (void)co_await test::read_request(stream->get(), &rest);
  if (!bytes.empty()) co_await (*stream)->write(bytes);
  (void)co_await test::read_all(stream->get());
}

/// Ends one connection before it has answered.
asio::awaitable<void> hang_up(Listener* listener, bool unread) {
  auto stream = co_await listener->accept();
  if (!stream) co_return;
  std::array<char, 1> first;
  std::string rest;
  if (unread) (void)co_await (*stream)->read_some(first);
  if (!unread) (void)co_await test::read_request(stream->get(), &rest);
}

std::string url_of(const Listener& listener, const char* scheme, const char* host) {
  return std::string(scheme) + "://" + host + ":" + std::to_string(listener.port()) + "/x";
}

asio::awaitable<WsOutcome> against(std::string bytes, Duration within) {
  const auto executor = co_await asio::this_coro::executor;
  auto listener = Listener::tcp(executor, "127.0.0.1", 0);
  TaskGroup group(executor);
  group.spawn(answer(&*listener, std::move(bytes)));
  WsClientOptions options(url_of(*listener, "ws", "127.0.0.1"));
  options.within = within;
  auto outcome = co_await ws_connect(std::move(options), &random_source());
  co_await end_group(&group);
  co_return outcome;
}

asio::awaitable<WsOutcome> against_silence(bool unread) {
  const auto executor = co_await asio::this_coro::executor;
  auto listener = Listener::tcp(executor, "127.0.0.1", 0);
  TaskGroup group(executor);
  group.spawn(hang_up(&*listener, unread));
  WsClientOptions options(url_of(*listener, "ws", "127.0.0.1"));
  auto outcome = co_await ws_connect(std::move(options), &random_source());
  co_await end_group(&group);
  co_return outcome;
}

asio::awaitable<void> talk(WsOutcome* outcome) {
  REQUIRE(outcome->connected.has_value());
  WebSocket& socket = outcome->connected->socket;
  for (const std::size_t size : {5, 300, 100000, 4194304}) {
    const std::string text(size, 'h');
    auto sent = co_await socket.send(text, 5s);
    REQUIRE(sent.has_value());
    auto back = co_await socket.receive(5s);
    REQUIRE(back.has_value());
    CHECK(back->payload == text);
  }
  co_await socket.close(1000, "");
  CHECK(socket.end()->cause == WsCause::we_closed);
}

asio::awaitable<void> plain() {
  const auto executor = co_await asio::this_coro::executor;
  auto listener = Listener::tcp(executor, "127.0.0.1", 0);
  TaskGroup group(executor);
  std::vector<std::string> spoken{"v2"};
  group.spawn(serve(&*listener, std::nullopt, spoken));
  WsClientOptions options(url_of(*listener, "ws", "localhost"));
  options.protocols = {"v1", "v2"};
  options.headers.add("Authorization", "Bearer secret");
  auto outcome = co_await ws_connect(std::move(options), &random_source());
  CHECK(outcome.connected->protocol == "v2");
  co_await talk(&outcome);
  co_await end_group(&group);
}

asio::awaitable<WsOutcome> over_tls(TlsContext server, TlsContext client, std::string host) {
  const auto executor = co_await asio::this_coro::executor;
  auto listener = Listener::tcp(executor, "127.0.0.1", 0);
  TaskGroup group(executor);
  group.spawn(serve(&*listener, server, {}));
  WsClientOptions options(url_of(*listener, "wss", host.c_str()));
  options.tls = client;
  auto outcome = co_await ws_connect(std::move(options), &random_source());
  if (outcome.connected) co_await talk(&outcome);
  co_await end_group(&group);
  co_return outcome;
}

/// One direction of a tunnel.
asio::awaitable<void> copy(Stream* from, Stream* to) {
  std::array<char, 8192> buffer;
  for (;;) {
    const auto got = co_await from->read_some(buffer);
    if (!got.ok()) break;
    co_await to->write(std::span<const char>(buffer.data(), got.bytes));
  }
  co_await to->shutdown_send();
}

/// A proxy that takes one CONNECT and goes to `port`, whatever it was asked for.
asio::awaitable<void> proxy(Listener* listener, std::string port, std::string* seen) {
  const auto executor = co_await asio::this_coro::executor;
  auto near = co_await listener->accept();
  if (!near) co_return;
  std::string rest;
  const auto request = co_await test::read_request(near->get(), &rest);
  if (!request) co_return;
  *seen = request->method + " " + request->target + " " +
          std::string(request->headers.get("Proxy-Authorization").value_or(""));
  auto far = co_await dial_tcp("127.0.0.1", port, 5s);
  if (!far) co_return;
  const std::string ok = "HTTP/1.1 200 Connection established\r\n\r\n";
  co_await (*near)->write(ok);
  TaskGroup group(executor);
  group.spawn(copy(near->get(), far->get()));
  group.spawn(copy(far->get(), near->get()));
  co_await shielded();
  co_await group.join();
}

asio::awaitable<void> through_proxy(TlsContext server, TlsContext client) {
  const auto executor = co_await asio::this_coro::executor;
  auto listener = Listener::tcp(executor, "127.0.0.1", 0);
  auto between = Listener::tcp(executor, "127.0.0.1", 0);
  TaskGroup group(executor);
  std::string seen;
  group.spawn(serve(&*listener, server, {}));
  group.spawn(proxy(&*between, std::to_string(listener->port()), &seen));
  WsClientOptions options("wss://engine.test/x");
  options.tls = client;
  options.loopback_through_proxy = true;
  options.network.https_proxy = "http://me:pw@127.0.0.1:" + std::to_string(between->port());
  auto outcome = co_await ws_connect(std::move(options), &random_source());
  co_await talk(&outcome);
  CHECK(seen == "CONNECT engine.test:443 Basic bWU6cHc=");
  co_await shielded();
  co_await group.join();
}

asio::awaitable<WsOutcome> connect_unix(std::string path) {
  WsClientOptions options("ws://localhost/echo");
  options.unix_socket = std::move(path);
  co_return co_await ws_connect(std::move(options), &random_source());
}

asio::awaitable<void> echo_over_unix(std::string path) {
  auto listener = Listener::unix(co_await asio::this_coro::executor, path);
  REQUIRE(listener.has_value());
  TaskGroup group(co_await asio::this_coro::executor);
  group.spawn(serve(&*listener, std::nullopt, {}));
  auto outcome = co_await connect_unix(path);
  REQUIRE(outcome.connected.has_value());
  const auto sent = co_await outcome.connected->socket.send("hello", 5s);
  CHECK(sent.has_value());
  const auto heard = co_await outcome.connected->socket.receive(5s);
  REQUIRE(heard.has_value());
  CHECK(heard->payload == "hello");
  co_await end_group(&group);
}

}  // namespace

TEST_CASE("a client connects, with a subprotocol, and talks") {
  asio::io_context io;
  test::run(io, plain());
}

TEST_CASE("a refused handshake keeps its status, headers and body, and is told from other ends") {
  asio::io_context io;
  const auto answered = [&](const char* bytes) { return test::run(io, against(bytes, 5s)); };
  auto outcome = answered(
      "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: "
      "9\r\n\r\n{\"x\":401}");
  CHECK(outcome.connected.error().code == Code::unauthorized);
  REQUIRE(outcome.refusal.has_value());
  CHECK(outcome.refusal->status == 401);
  CHECK(outcome.refusal->headers.get("www-authenticate") == "Bearer");
  CHECK(outcome.refusal->body == "{\"x\":401}");

  outcome = answered("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  CHECK(outcome.connected.error().code == Code::forbidden);
  outcome = answered("HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
  CHECK(outcome.connected.error().code == Code::rate_limited);
  CHECK(outcome.connected.error().retry_after == 7s);
  outcome = answered("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
  CHECK(outcome.connected.error().code == Code::engine_error);
  outcome = answered("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  CHECK(outcome.connected.error().code == Code::protocol_error);
  CHECK(outcome.refusal->body == "hi");
  outcome = answered("SSH-2.0-OpenSSH\r\n");
  CHECK(outcome.connected.error().code == Code::protocol_error);
  CHECK_FALSE(outcome.refusal.has_value());
  outcome = answered(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
  CHECK(outcome.connected.error().code == Code::protocol_error);
  CHECK(outcome.connected.error().message == "the Sec-WebSocket-Accept of the answer is wrong");
  // Long enough for the head on a busy machine.
  outcome = test::run(io, against("HTTP/1.1 400 Bad Request\r\n\r\nendless", 1s));
  CHECK(outcome.connected.error().code == Code::engine_error);
  REQUIRE(outcome.refusal);
  CHECK(outcome.refusal->status == 400);
  outcome = test::run(io, against("", 30ms));
  CHECK(outcome.connected.error().code == Code::timeout);
}

TEST_CASE("a server that ends the connection before it answers has closed it, whatever was read") {
  asio::io_context io;
  for (const bool unread : {true, false}) {
    CAPTURE(unread);
    const auto outcome = test::run(io, against_silence(unread));
    CHECK(outcome.connected.error().code == Code::connection_closed);
    CHECK_FALSE(outcome.refusal.has_value());
  }
}

TEST_CASE("bad options are refused before anything is sent") {
  asio::io_context io;
  const auto code = [&](WsClientOptions options) {
    return test::run(io, ws_connect(std::move(options), &random_source())).connected.error().code;
  };
  CHECK(code(WsClientOptions("http://h/")) == Code::invalid_argument);
  CHECK(code(WsClientOptions("ws://user:pw@h/")) == Code::invalid_argument);
  WsClientOptions split("ws://127.0.0.1:1/");
  split.headers.add("X", "a\r\nY: b");
  CHECK(code(std::move(split)) == Code::invalid_argument);
  CHECK(code(WsClientOptions("ws://127.0.0.1:1/")) == Code::engine_unreachable);
}

TEST_CASE(
    "wss: a trusted certificate for the name is taken, any other is refused with its reason") {
  asio::io_context io;
  const test::Certificate local("DNS:localhost,IP:127.0.0.1");
  const test::Certificate other("DNS:engine.test");
  const auto server = *TlsContext::server(local.certificate_file, local.key_file);
  const auto wrong_server = *TlsContext::server(other.certificate_file, other.key_file);
  const auto trusting = *TlsContext::client(local.certificate_file);
  const auto trusting_other = *TlsContext::client(other.certificate_file);
  const auto system = *TlsContext::client();

  CHECK(test::run(io, over_tls(server, trusting, "localhost")).connected.has_value());
  CHECK(test::run(io, over_tls(server, trusting, "127.0.0.1")).connected.has_value());
  auto refused = test::run(io, over_tls(server, system, "localhost"));
  CHECK(refused.connected.error().code == Code::tls_failed);
  CHECK(refused.connected.error().message ==
        "TLS with localhost failed: certificate verify failed: self-signed certificate");
  refused = test::run(io, over_tls(wrong_server, trusting_other, "localhost"));
  CHECK(refused.connected.error().message ==
        "TLS with localhost failed: certificate verify failed: hostname mismatch");
  CHECK(TlsContext::client(local.directory + "/none").error().code == Code::tls_failed);
  CHECK(TlsContext::server(local.certificate_file, other.key_file).error().code ==
        Code::tls_failed);
}

TEST_CASE("a Unix socket takes the place of the URL's host") {
  asio::io_context io;
  const test::TempDir dir;
  const auto path = (dir / "ws.sock").string();
  auto none = test::run(io, connect_unix(path));
  CHECK(none.connected.error().code == Code::broker_not_running);
  test::run(io, echo_over_unix(path));
}

TEST_CASE("wss goes through a proxy by CONNECT") {
  asio::io_context io;
  const test::Certificate certificate("DNS:engine.test");
  const auto server = *TlsContext::server(certificate.certificate_file, certificate.key_file);
  const auto client = *TlsContext::client(certificate.certificate_file);
  test::run(io, through_proxy(server, client));
}

}  // namespace relay::net
