#include "bench/net_servers.hpp"

#include <array>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <cstdio>
#include <exception>
#include <vector>

#include "net/listener.hpp"
#include "net/task_group.hpp"
#include "support/ws_accept.hpp"

namespace relay::bench {
namespace {

using namespace std::chrono_literals;
using Tcp = asio::ip::tcp;

void say_port(std::uint16_t port) {
  std::printf("%u\n", static_cast<unsigned>(port));
  std::fflush(stdout);
}

/// The yardstick: nothing of ours, only Asio.
asio::awaitable<void> raw_echo(Tcp::socket socket) {
  std::vector<char> buffer(65536);
  for (;;) {
    std::error_code error;
    const std::size_t n = co_await socket.async_read_some(
        asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
    co_await asio::async_write(socket, asio::buffer(buffer.data(), n),
                               asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
  }
}

asio::awaitable<int> raw_server() {
  const auto executor = co_await asio::this_coro::executor;
  Tcp::acceptor acceptor(executor, Tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  say_port(acceptor.local_endpoint().port());
  net::TaskGroup group(executor);
  for (;;) {
    auto socket = co_await acceptor.async_accept(asio::use_awaitable);
    socket.set_option(Tcp::no_delay(true));
    group.spawn(raw_echo(std::move(socket)));
  }
}

asio::awaitable<void> ws_echo(net::StreamPtr stream) {
  auto socket = co_await test::accept_ws(std::move(stream), net::WsOptions());
  if (!socket) co_return;
  for (;;) {
    auto message = co_await socket->receive(1h);
    if (!message) co_return;
    auto sent = co_await socket->send(std::move(message->payload), 1h);
    if (!sent) co_return;
  }
}

asio::awaitable<int> ws_server() {
  const auto executor = co_await asio::this_coro::executor;
  auto listener = net::Listener::tcp(executor, "127.0.0.1", 0);
  if (!listener) co_return 1;
  say_port(listener->port());
  net::TaskGroup group(executor);
  for (;;) {
    auto stream = co_await listener->accept();
    if (!stream) co_return 1;
    group.spawn(ws_echo(std::move(*stream)));
  }
}

}  // namespace

int serve(const std::string& name) {
  if (name != "raw" && name != "ws") return 2;
  asio::io_context io(1);
  int status = 0;
  auto ended = [&status](const std::exception_ptr& error, int code) { status = error ? 1 : code; };
  asio::co_spawn(io, name == "raw" ? raw_server() : ws_server(), ended);
  io.run();
  return status;
}

}  // namespace relay::bench
