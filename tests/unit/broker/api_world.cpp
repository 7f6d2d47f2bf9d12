#include "api_world.hpp"

#include <array>

#include "net/dial.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"
#include "net/ws_client.hpp"

namespace relay::test {
namespace {

net::Listener loopback(asio::io_context& io) {
  auto listener = net::Listener::tcp(io.get_executor(), "127.0.0.1", 0);
  REQUIRE(listener.has_value());
  return std::move(*listener);
}

asio::awaitable<Result<std::string>> until_close(std::uint16_t port, std::string bytes) {
  auto stream = co_await net::dial_tcp("127.0.0.1", std::to_string(port), 5s);
  REQUIRE(stream.has_value());
  co_await (*stream)->write(bytes);
  std::string text;
  std::array<char, 16384> buffer{};
  for (;;) {
    const auto got = co_await (*stream)->read_some(buffer);
    text.append(buffer.data(), got.bytes);
    if (!got.ok()) co_return text;
  }
}

}  // namespace

ApiWorld::ApiWorld(broker::LocalApiSettings settings)
    : operations(io.get_executor()),
      listener_(loopback(io)),
      api(io.get_executor(), operations, completed(std::move(settings)), clock),
      server_(io.get_executor(), server_options(), api.routes()),
      client_(io.get_executor(), net::HttpClientOptions(), random_) {
  server_.serve(std::move(listener_));
  auto local = net::Listener::unix(io.get_executor(), (dir / "api.sock").string());
  REQUIRE(local.has_value());
  server_.serve(std::move(*local));
}

ApiWorld::~ApiWorld() {
  run(io, stop());
  for (const auto& failure : failures) MESSAGE(failure);
  CHECK(failures.empty());
}

asio::awaitable<void> ApiWorld::stop() {
  co_await net::shielded();
  co_await server_.stop(0s);
  co_await api.stop();
  CHECK(api.streams() == 0);
}

broker::WorkspaceFacts ApiWorld::facts() {
  broker::WorkspaceFacts facts("ws_1");
  facts.alias = "home";
  facts.key = Secret("rk_live_1");
  facts.base_url = "http://127.0.0.1:9";
  facts.self_name = "broker-1";
  facts.self_agent_id = "agt_broker";
  return facts;
}

broker::LocalApiSettings ApiWorld::settings() {
  broker::LocalApiSettings settings;
  settings.key = Secret(kApiKey);
  return settings;
}

broker::LocalApiSettings ApiWorld::completed(broker::LocalApiSettings settings) {
  port = listener_.port();
  settings.port = port;
  settings.version = "1.2.3";
  settings.on_renewed = [this] { ++renewals; };
  settings.on_failure = [this](std::string what) { failures.push_back(std::move(what)); };
  return settings;
}

net::HttpServerOptions ApiWorld::server_options() {
  net::HttpServerOptions options;
  options.guard = api.guard();
  options.on_failure = [this](std::string what) { failures.push_back(std::move(what)); };
  return options;
}

net::HttpCall ApiWorld::to(std::string method, std::string path) const {
  return {std::move(method), "http://127.0.0.1:" + std::to_string(port) + path};
}

net::HttpReply ApiWorld::call(net::HttpCall call) {
  auto reply = run(io, client_.call(std::move(call)));
  REQUIRE(reply.has_value());
  return std::move(*reply);
}

net::HttpReply ApiWorld::ask(std::string method, std::string path, std::string body) {
  auto request = to(std::move(method), std::move(path));
  request.headers.add("X-API-Key", kApiKey);
  if (!body.empty()) request.headers.add("Content-Type", "application/json");
  request.body = std::move(body);
  return call(std::move(request));
}

net::HttpReply ApiWorld::ask_unix(std::string method, std::string path) {
  net::HttpCall request(std::move(method), "http://relay" + path);
  request.unix_socket = (dir / "api.sock").string();
  return call(std::move(request));
}

std::string ApiWorld::raw(std::string bytes) {
  auto work = until_close(port, std::move(bytes));
  auto text = run(io, net::with_timeout(std::move(work), 10s, "the answer"));
  REQUIRE(text.has_value());
  return std::move(*text);
}

net::WsClientOptions ApiWorld::stream_at(const std::string& path) const {
  net::WsClientOptions options("ws://127.0.0.1:" + std::to_string(port) + path);
  options.headers.add("X-API-Key", kApiKey);
  return options;
}

asio::awaitable<net::HttpResponse> ApiWorld::refused(std::string path) {
  auto outcome = co_await net::ws_connect(stream_at(path), &random_);
  REQUIRE(outcome.refusal.has_value());
  co_return std::move(*outcome.refusal);
}

void ApiWorld::run_until_quiet() {
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  io.restart();
  while (api.streams() != 0 && io.run_one_until(deadline) != 0) {
  }
  CHECK(api.streams() == 0);
}

asio::awaitable<std::shared_ptr<net::WebSocket>> ApiWorld::connect(std::string path) {
  auto outcome = co_await net::ws_connect(stream_at(path), &random_);
  REQUIRE(outcome.connected.has_value());
  co_return std::make_shared<net::WebSocket>(std::move(outcome.connected->socket));
}

asio::awaitable<std::string> hear(net::WebSocket* socket) {
  auto message = co_await socket->receive(10s);
  if (message) co_return std::move(message->payload);
  if (!socket->end()) co_return "error: " + message.error().message;
  co_return "end " + std::to_string(socket->end()->code);
}

asio::awaitable<void> say(net::WebSocket* socket, std::string text) {
  const auto sent = co_await socket->send(std::move(text), 5s);
  CHECK(sent.has_value());
}

}  // namespace relay::test
