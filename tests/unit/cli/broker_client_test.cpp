// What commands make of a broker's refusals, and of its silence.
#include "cli/broker_client.hpp"

#include <array>
#include <asio/local/stream_protocol.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <doctest/doctest.h>
#include <filesystem>
#include <memory>

#include "net/task_group.hpp"
#include "support/loop.hpp"
#include "support/temp_dir.hpp"

namespace relay::cli {
namespace {

using Local = asio::local::stream_protocol;

net::HttpReply refusal(int status, std::string body) {
  net::HttpReply reply;
  reply.status = status;
  reply.body = std::move(body);
  reply.call = "GET http://localhost/api/broker";
  return reply;
}

bool says(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// The place of a broker that the test plays.
class Silence {
 public:
  [[nodiscard]] broker::Instance instance() const {
    os::UserPaths paths;
    paths.state = temp_ / "state";
    paths.runtime = temp_ / "run";
    paths.temporary = temp_ / "tmp";
    broker::Instance out(paths, "shop-1a2b3c4d");
    std::filesystem::create_directories(out.runtime);
    return out;
  }
  void listen() { acceptor_.emplace(io_, Local::endpoint(instance().api_socket.string())); }
  void leave() { acceptor_.reset(); }
  /// Takes connections, and what is asked; then it is gone.
  void leave_when_asked() {
    listen();
    tasks_.spawn(hear_and_leave());
  }
  /// What comes of a question.
  Error ask(const std::string& method, Duration within) {
    BrokerClient client(io_.get_executor(), instance());
    auto answer = test::run(io_, client.call(method, "/api/broker", "{}", within));
    REQUIRE(!answer);
    return answer.error();
  }

 private:
  asio::awaitable<void> hear_and_leave() {
    std::error_code error;
    auto peer = co_await acceptor_->async_accept(asio::redirect_error(asio::use_awaitable, error));
    std::array<char, 4096> bytes{};
    (void)co_await peer.async_read_some(asio::buffer(bytes),
                                        asio::redirect_error(asio::use_awaitable, error));
    acceptor_.reset();
  }

  test::TempDir temp_;
  asio::io_context io_;
  std::optional<Local::acceptor> acceptor_;
  net::TaskGroup tasks_{io_.get_executor()};
};

}  // namespace

TEST_CASE("a broker that is starting asks to come again, as no other refusal does") {
  auto reply = refusal(503, "Broker is starting, please retry");
  Error starting = broker_refusal(reply);
  CHECK(starting.code == Code::node_not_ready);
  CHECK(starting.detail == kBrokerNotReady);
  CHECK(starting.message == "the broker is starting");
  CHECK_FALSE(starting.hint.empty());
  CHECK(starting.retry_after == std::chrono::seconds(1));
  reply.headers.set("Retry-After", "7");
  CHECK(broker_refusal(reply).retry_after == std::chrono::seconds(7));

  const Error full =
      broker_refusal(refusal(503, R"({"error":{"code":"queue_full","message":"no room"}})"));
  CHECK(full.code == Code::queue_full);
  CHECK(full.message == "no room");
  CHECK(full.detail.empty());
  CHECK(broker_refusal(refusal(502, "Bad Gateway")).code == Code::engine_error);
}

TEST_CASE("a broker that does not answer is named, with what may be done") {
  Silence broker;
  broker.listen();
  const Error asked = broker.ask("GET", std::chrono::milliseconds(30));
  CHECK(asked.code == Code::timeout);
  CHECK(asked.message == "the broker shop-1a2b3c4d has not answered within 30ms");
  CHECK(says(asked.hint, "relay-broker doctor"));
  CHECK_FALSE(says(asked.hint, "may be done"));
  CHECK(says(broker.ask("POST", std::chrono::milliseconds(30)).hint, "may be done"));
}

TEST_CASE("a broker that has gone is told of as by every command, and what may be done") {
  Silence broker;
  broker.listen();
  broker.leave();
  const Error refused = broker.ask("POST", std::chrono::seconds(30));
  CHECK(refused.code == Code::broker_not_running);
  CHECK(says(refused.message, "does not run (instance shop-1a2b3c4d)"));
  CHECK(says(refused.hint, "relay-broker serve --instance shop-1a2b3c4d starts it again"));
  CHECK_FALSE(says(refused.hint, "may be done"));
  std::filesystem::remove(broker.instance().api_socket);

  for (const std::string method : {"GET", "POST"}) {
    CAPTURE(method);
    Silence another;
    another.leave_when_asked();
    const Error cut = another.ask(method, std::chrono::seconds(30));
    CHECK(cut.code == Code::broker_not_running);
    CHECK(cut.message.starts_with("the broker has ended before it answered: "));
    CHECK(says(cut.message, "does not run (instance shop-1a2b3c4d)"));
    CHECK(says(cut.hint, "may be done") == (method == "POST"));
  }
}

}  // namespace relay::cli
