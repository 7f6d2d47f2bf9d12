// What goes out to the addresses of subscriptions.
#include "engine/subscribers.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/rest/rest_world.hpp"
#include "engine/store_world.hpp"

using namespace relay;
using namespace relay::engine;

namespace {

/// A server that takes one request and says 200.
class Receiver {
 public:
  Receiver() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(listener_, 8) == 0);
    REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    const timeval most{20, 0};
    ::setsockopt(listener_, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
  }
  ~Receiver() { ::close(listener_); }
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(port_) + "/hook";
  }
  /// The next request, up to the end of its body (which ends with a brace).
  std::string take() {
    const int socket = ::accept(listener_, nullptr, nullptr);
    REQUIRE(socket >= 0);
    std::string text;
    std::string chunk(4096, '\0');
    while (text.find("\r\n\r\n") == std::string::npos || text.back() != '}') {
      const auto n = ::recv(socket, chunk.data(), chunk.size(), 0);
      REQUIRE(n > 0);
      text.append(chunk, 0, static_cast<std::size_t>(n));
    }
    const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    REQUIRE(::send(socket, answer.data(), answer.size(), MSG_NOSIGNAL) > 0);
    ::close(socket);
    return text;
  }

 private:
  int listener_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace

TEST_CASE("a body is signed as the published engine signs it") {
  CHECK(signature_of("key", "The quick brown fox jumps over the lazy dog") ==
        "sha256=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8");
}

TEST_CASE("a subscriber is told what it asked for, signed, and nothing else") {
  Receiver receiver;
  RestWorld world;
  const auto ada = world.agent("ada");
  const auto made = world.post("/v1/subscriptions", world.key,
                               R"({"url":")" + receiver.url() +
                                   R"(","events":["message.created"],"secret":"s3",)"
                                   R"("filter":{"mentions":"@ada"},"headers":{"X-Mine":"yes"}})");
  REQUIRE(made.status == 201);
  world.say("general", ada, "nobody's");
  world.say("general", ada, "for @ada");
  const auto request = receiver.take();
  const auto body = request.substr(request.find("\r\n\r\n") + 4);
  CHECK(request.starts_with("POST /hook HTTP/1.1\r\n"));
  CHECK(request.find("X-Mine: yes\r\n") != std::string::npos);
  CHECK(request.find("X-Relay-Signature: " + signature_of("s3", body) + "\r\n") !=
        std::string::npos);
  CHECK(body.find(R"("text":"for @ada")") != std::string::npos);
}

TEST_CASE("what is not taken comes again by time, and is given up after the fifth attempt") {
  on_each_store([](StoreWorld& world) {
    Subscription fresh;
    fresh.workspace = world.workspace.id;
    fresh.url = "http://127.0.0.1:9/x";
    fresh.events = {"message.created"};
    const auto subscription =
        StoreWorld::get(world.write([&](Store& of) { return of.add_subscription(fresh); }));
    StoreWorld::get(
        world.write([&](Store& of) { return of.add_outbound(subscription.id, "{\"n\":1}"); }));
    const auto take = [&] {
      return StoreWorld::get(world.write([](Store& of) { return of.take_outbound(10); }));
    };
    for (int attempt = 1; attempt <= 5; ++attempt) {
      CAPTURE(attempt);
      const auto due = take();
      REQUIRE(due.size() == 1);
      CHECK(due[0].attempts == static_cast<std::uint32_t>(attempt));
      CHECK(due[0].body == "{\"n\":1}");
      CHECK(take().empty());
      world.clock.advance(std::chrono::seconds(30 * (1 << (attempt - 1)) - 1));
      CHECK(take().empty());
      world.clock.advance(std::chrono::seconds(1));
    }
    CHECK(take().empty());

    StoreWorld::get(
        world.write([&](Store& of) { return of.add_outbound(subscription.id, "{\"n\":2}"); }));
    const auto due = take();
    REQUIRE(due.size() == 1);
    StoreWorld::get(world.write([&](Store& of) { return of.outbound_sent(due[0].id); }));
    world.clock.advance(std::chrono::hours(1));
    CHECK(take().empty());
  });
}

TEST_CASE("one subscription leaves room for others, and neither waits for ever nor without end") {
  on_each_store([](StoreWorld& world) {
    const auto subscribe = [&] {
      Subscription fresh;
      fresh.workspace = world.workspace.id;
      fresh.url = "http://127.0.0.1:9/x";
      fresh.events = {"message.created"};
      return StoreWorld::get(world.write([&](Store& of) { return of.add_subscription(fresh); })).id;
    };
    const auto add = [&](Id subscription, int events) {
      return StoreWorld::get(world.write([&](Store& of) -> Result<std::uint32_t> {
        std::uint32_t waiting = 0;
        for (int i = 0; i < events; ++i) {
          auto added = of.add_outbound(subscription, "{}");
          if (!added) return added;
          waiting = *added;
        }
        return waiting;
      }));
    };
    const auto take = [&](std::uint32_t most, const OutboxStore::UnderWay& under_way, Id last) {
      std::vector<Id> of_whom;
      auto due = StoreWorld::get(
          world.write([&](Store& of) { return of.take_outbound(most, under_way, last); }));
      for (const auto& each : due) of_whom.push_back(each.subscription);
      return of_whom;
    };
    const Id one = subscribe();
    const Id two = subscribe();
    CHECK(add(one, 7) == 7);
    add(two, 2);
    CHECK(take(16, {{one, 1}}, 0) == std::vector<Id>{one, one, one, two, two});
    CHECK(take(16, {{one, 4}}, 0).empty());
    add(two, 2);
    CHECK(take(1, {}, one) == std::vector<Id>{two});
    CHECK(take(16, {}, two) == std::vector<Id>{one, one, one, one, two});
    world.clock.advance(std::chrono::hours(24) + std::chrono::seconds(1));
    CHECK(take(16, {}, 0).empty());
    CHECK(add(one, 1) == 1);
    CHECK(add(one, 9999) == 10'000);
    CHECK(add(one, 1) == 10'001);
    CHECK(add(one, 1) == 10'001);
  });
}
