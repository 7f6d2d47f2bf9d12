#include "net/listener.hpp"

#include <array>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

#include "net/dial.hpp"
#include "net/task_group.hpp"
#include "support/loop.hpp"
#include "support/temp_dir.hpp"
#include "support/unix_socket.hpp"

namespace relay::net {
namespace {

using namespace std::chrono_literals;

std::string socket_path(const std::string& name) {
  static const test::TempDir dir;
  return (dir / name).string();
}

asio::awaitable<void> echo_one(Listener* listener) {
  auto stream = co_await listener->accept();
  REQUIRE(stream.has_value());
  std::array<char, 16> buffer{};
  for (;;) {
    const auto got = co_await (*stream)->read_some(buffer);
    if (!got.ok()) co_return;
    const auto sent = co_await (*stream)->write(std::span<const char>(buffer.data(), got.bytes));
    if (!sent.ok()) co_return;
  }
}

asio::awaitable<std::string> say(Result<StreamPtr> stream, std::string text) {
  REQUIRE(stream.has_value());
  co_await (*stream)->write(text);
  co_await (*stream)->shutdown_send();
  std::string heard;
  std::array<char, 16> buffer{};
  for (;;) {
    const auto got = co_await (*stream)->read_some(buffer);
    if (!got.ok()) co_return heard;
    heard.append(buffer.data(), got.bytes);
  }
}

asio::awaitable<std::string> tcp_round_trip() {
  const auto executor = co_await asio::this_coro::executor;
  auto listener = Listener::tcp(executor, "127.0.0.1", 0);
  REQUIRE(listener.has_value());
  TaskGroup group(executor);
  group.spawn(echo_one(&*listener));
  auto stream = co_await dial_tcp("localhost", std::to_string(listener->port()), 5s);
  auto heard = co_await say(std::move(stream), "hello over tcp");
  co_await shielded();
  co_await group.join();
  co_return heard;
}

asio::awaitable<std::string> unix_round_trip(std::string path) {
  const auto executor = co_await asio::this_coro::executor;
  auto listener = Listener::unix(executor, path);
  REQUIRE(listener.has_value());
  struct stat made{};
  REQUIRE(::lstat(path.c_str(), &made) == 0);
  CHECK((made.st_mode & 0777U) == 0600U);
  TaskGroup group(executor);
  group.spawn(echo_one(&*listener));
  auto stream = co_await dial_unix(path, 5s);
  REQUIRE(stream.has_value());
  CHECK((*stream)->peer_uid() == ::getuid());
  auto heard = co_await say(std::move(stream), "hello over unix");
  co_await shielded();
  co_await group.join();
  CHECK(Listener::unix(executor, path).error().code == Code::already_running);
  co_return heard;
}

}  // namespace

TEST_CASE("bytes go both ways over TCP") {
  asio::io_context io;
  CHECK(test::run(io, tcp_round_trip()) == "hello over tcp");
}

TEST_CASE("bytes go both ways over a Unix socket of mode 0600, and only one listener has it") {
  asio::io_context io;
  const auto path = socket_path("round-trip");
  CHECK(test::run(io, unix_round_trip(path)) == "hello over unix");
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("S5: a socket file of a dead process is replaced, a file of another kind is not") {
  asio::io_context io;
  const auto stale = socket_path("stale");
  test::listen_at(stale).reset();
  CHECK(Listener::unix(io.get_executor(), stale).has_value());

  const auto file = socket_path("file");
  std::ofstream(file) << "precious";
  CHECK(Listener::unix(io.get_executor(), file).error().code == Code::unsafe_file);
  CHECK(std::filesystem::file_size(file) == 8);
}

TEST_CASE("nobody there is said as such") {
  asio::io_context io;
  CHECK(test::run(io, dial_unix(socket_path("nobody"), 10s)).error().code ==
        Code::broker_not_running);
  auto listener = Listener::tcp(io.get_executor(), "127.0.0.1", 0);
  const auto port = std::to_string(listener->port());
  listener->close();
  const auto refused = test::run(io, dial_tcp("127.0.0.1", port, 5s));
  CHECK(refused.error().code == Code::engine_unreachable);
  CHECK(refused.error().message.find("refused") != std::string::npos);
}

TEST_CASE("an address that is none is bad input") {
  asio::io_context io;
  CHECK(Listener::tcp(io.get_executor(), "localhost.example", 0).error().code ==
        Code::invalid_argument);
  const std::string far(200, 'x');
  CHECK(Listener::unix(io.get_executor(), "/tmp/" + far).error().code == Code::invalid_argument);
}

}  // namespace relay::net
