// Which way a call takes: through a proxy or not, and whom it trusts.
#include "http_server_fixture.hpp"
#include "net/http_client.hpp"
#include "support/certificate.hpp"
#include "support/run_binary.hpp"

namespace relay::net {
namespace {

using namespace std::chrono_literals;
using test::has;
using test::hear;
using test::send;

asio::awaitable<void> be_proxy(Listener* listener, std::string answer, std::string* asked) {
  for (;;) {
    auto stream = co_await listener->accept();
    if (!stream) co_return;
    *asked = co_await hear(stream->get(), "\r\n\r\n");
    co_await send(stream->get(), answer);
    co_await (*stream)->shutdown_send();
    co_await hear(stream->get(), "no such text");
  }
}

struct Outcome {
  Result<HttpReply> reply;
  std::string asked;
};

asio::awaitable<void> call_with_proxy(HttpCall call, std::string no_proxy, Outcome* outcome) {
  const auto executor = co_await asio::this_coro::executor;
  auto listener = Listener::tcp(executor, "127.0.0.1", 0);
  REQUIRE(listener.has_value());
  HttpClientOptions options;
  options.network.http_proxy = "http://127.0.0.1:" + std::to_string(listener->port());
  options.network.https_proxy = options.network.http_proxy;
  options.network.no_proxy = no_proxy;
  SeededRandom random(7);
  HttpClient client(executor, options, random);
  std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nproxy";
  if (call.url.rfind("https", 0) == 0) answer = "HTTP/1.1 403 Forbidden\r\n\r\n";
  TaskGroup group(executor);
  group.spawn(be_proxy(&*listener, answer, &outcome->asked));
  outcome->reply = co_await client.call(std::move(call));
  co_await shielded();
  group.cancel();
  co_await group.join();
}

Outcome through_proxy(const HttpCall& call, const std::string& no_proxy = "") {
  asio::io_context io;
  Outcome outcome;
  test::run(io, call_with_proxy(call, no_proxy, &outcome));
  return outcome;
}

/// `openssl s_server` with a certificate for localhost that only its own file vouches for.
class TlsServer {
 public:
  TlsServer() {
    const std::string mark = "ACCEPT 127.0.0.1:";
    program_.wait_for(mark);
    program_.wait_for("\n");
    const std::string& said = program_.out();
    port = std::to_string(std::stoi(said.substr(said.find(mark) + mark.size())));
  }
  [[nodiscard]] const std::string& ca() const { return certificate_.certificate_file; }

  std::string port;

 private:
  test::Certificate certificate_{"DNS:localhost"};
  test::RunningProgram program_{
      os::Command({"openssl", "s_server", "-accept", "127.0.0.1:0", "-www", "-key",
                   certificate_.key_file, "-cert", certificate_.certificate_file},
                  os::Environment::of_process())};
};

Result<HttpReply> get(const std::string& url, const std::string& ca) {
  asio::io_context io;
  SeededRandom random(7);
  HttpClientOptions options;
  options.network.ca_file = ca;
  HttpClient client(io.get_executor(), options, random);
  HttpCall call("GET", url);
  call.deadline = 10s;
  return test::run(io, client.call(call));
}

}  // namespace

TEST_CASE("a proxy gets the whole URL of http, and a tunnel for https") {
  const auto plain = through_proxy(HttpCall("GET", "http://far.test/path?q"));
  REQUIRE(plain.reply.has_value());
  CHECK(plain.reply->body == "proxy");
  CHECK(plain.asked.rfind("GET http://far.test/path?q HTTP/1.1\r\nHost: far.test\r\n", 0) == 0);

  const auto tunnel = through_proxy(HttpCall("GET", "https://far.test/secret"));
  CHECK_FALSE(tunnel.reply.has_value());
  CHECK(tunnel.asked.rfind("CONNECT far.test:443 HTTP/1.1\r\n", 0) == 0);
  CHECK_FALSE(has(tunnel.asked, "secret"));
  CHECK(has(tunnel.reply.error().message, "403"));
}

TEST_CASE("hosts of NO_PROXY and this machine are called directly") {
  HttpCall listed("GET", "http://far.invalid/");
  const auto direct = through_proxy(listed, "other.test,far.invalid");
  CHECK(direct.reply.error().code == Code::engine_unreachable);
  CHECK(direct.asked.empty());

  HttpCall near("GET", "http://127.0.0.1:1/");
  const auto local = through_proxy(near);
  CHECK(local.reply.error().code == Code::engine_unreachable);
  CHECK(local.asked.empty());
  near.loopback_through_proxy = true;
  CHECK(through_proxy(near).reply->body == "proxy");
}

TEST_CASE("a certificate is trusted only if its CA and its name fit") {
  const TlsServer server;
  const auto trusted = get("https://localhost:" + server.port + "/", server.ca());
  REQUIRE(trusted.has_value());
  CHECK(trusted->status == 200);
  CHECK(has(trusted->body, "s_server"));

  const auto unknown = get("https://localhost:" + server.port + "/", "");
  REQUIRE_FALSE(unknown.has_value());
  CHECK(unknown.error().code == Code::tls_failed);
  CHECK(has(unknown.error().message, "certificate"));

  const auto other_name = get("https://127.0.0.1:" + server.port + "/", server.ca());
  REQUIRE_FALSE(other_name.has_value());
  CHECK(other_name.error().code == Code::tls_failed);

  const auto no_file = get("https://localhost:" + server.port + "/", "/no/such/file.pem");
  REQUIRE_FALSE(no_file.has_value());
  CHECK(no_file.error().code == Code::tls_failed);
  CHECK(has(no_file.error().message, "/no/such/file.pem"));
}

}  // namespace relay::net
