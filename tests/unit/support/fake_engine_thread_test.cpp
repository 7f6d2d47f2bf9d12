#include "support/fake_engine_thread.hpp"

#include <arpa/inet.h>
#include <array>
#include <doctest/doctest.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

namespace relay::test {
namespace {

/// A blocking client, as a product in another process would be.
std::string asked(std::uint16_t port, const std::string& what) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
  const std::string text = what + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  REQUIRE(::send(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  std::string heard;
  std::array<char, 4096> buffer{};
  for (;;) {
    const auto got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) break;
    heard.append(buffer.data(), static_cast<std::size_t>(got));
  }
  ::close(fd);
  return heard;
}

TEST_CASE("an engine on its own thread answers a client that blocks") {
  FakeEngineThread engine;
  CHECK(engine.url() == "http://127.0.0.1:" + std::to_string(engine.port()));
  CHECK(asked(engine.port(), "GET /health").rfind("HTTP/1.1 200 OK\r\n", 0) == 0);
  engine.call([](FakeEngine& e) { e.answer("GET /health", HttpScript::html(503)); });
  CHECK(asked(engine.port(), "GET /health").rfind("HTTP/1.1 503 ", 0) == 0);
  CHECK(engine.next_request("GET /health").target == "/health");
  CHECK(engine.call([](FakeEngine& e) { return e.requests_of("*").size(); }) == 2);
  CHECK_THROWS_AS(engine.next_frame("x", std::chrono::milliseconds(1)), NotSeen);
  CHECK_THROWS_AS(engine.call([](FakeEngine& e) { (void)e.socket(); }), NotSeen);
}

}  // namespace
}  // namespace relay::test
