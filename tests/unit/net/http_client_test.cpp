#include "net/http_client.hpp"

#include <asio/ip/tcp.hpp>
#include <asio/read_until.hpp>
#include <asio/streambuf.hpp>
#include <asio/write.hpp>

#include "http_server_fixture.hpp"
#include "net/curl_library.hpp"
#include "support/temp_dir.hpp"

namespace relay::net {
namespace {

using namespace std::chrono_literals;
using test::has;
using test::hear;
using test::send;
using test::Served;

asio::awaitable<void> reflect(Exchange* exchange) {
  const auto& request = exchange->request();
  HttpResponse response(200, "text/plain", request.method + ' ' + request.target + '\n');
  for (const auto& [name, value] : request.headers.fields()) {
    response.body += name + ": " + value + '\n';
  }
  response.body += request.body;
  response.headers.add("X-Answer", "yes");
  exchange->respond(response);
  co_return;
}

asio::awaitable<void> redirect(Exchange* exchange) {
  HttpResponse response(302);
  response.headers.add("Location", std::string(*exchange->request().query_value("to")));
  exchange->respond(response);
  co_return;
}

asio::awaitable<void> never(Exchange* exchange) {
  co_await exchange->ended(1h);
}

asio::awaitable<void> large(Exchange* exchange) {
  HttpResponse head(200);
  auto outcome = co_await exchange->begin_stream(head);
  while (outcome) {
    std::string part(100000, 'x');
    outcome = co_await exchange->write(part);
  }
}

int tries = 0;
asio::awaitable<void> third_time(Exchange* exchange) {
  HttpResponse response(503, "text/plain", "busy rk_secret");
  if (++tries == 3) response = HttpResponse(200, "text/plain", "at last");
  exchange->respond(response);
  co_return;
}

std::vector<Route> routes() {
  std::vector<Route> all;
  for (const auto* method : {"GET", "POST", "PUT", "DELETE"}) {
    all.emplace_back(method, "/reflect", reflect, std::size_t{8} << 20);
  }
  all.emplace_back("GET", "/redirect", redirect);
  all.emplace_back("GET", "/never", never);
  all.emplace_back("GET", "/large", large);
  all.emplace_back("GET", "/third", third_time);
  return all;
}

std::string hide(std::string_view text) {
  std::string hidden(text);
  for (auto at = hidden.find("rk_secret"); at != std::string::npos; at = hidden.find("rk_secret")) {
    hidden.replace(at, 9, "[hidden]");
  }
  return hidden;
}

/// How a call reaches the server: over a socket of ours, or as one that is far, by libcurl.
enum class Way { near, far };

void take(HttpCall& call, Way way) {
  // There is no proxy, but the loopback is nothing special any more.
  call.loopback_through_proxy = way == Way::far;
}

/// A client, a server, and their loop.
struct Pair {
  explicit Pair(Way way_in)
      : way(way_in), served(io, {}, routes()), client(io.get_executor(), settings(), random) {}

  static HttpClientOptions settings() {
    HttpClientOptions options;
    options.redact = hide;
    options.user_agent = "test/1";
    return options;
  }
  [[nodiscard]] std::string url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(served.port) + path;
  }
  Result<HttpReply> call(HttpCall what) {
    take(what, way);
    return test::run(io, client.call(std::move(what)));
  }
  Result<HttpReply> get(const std::string& path) { return call(HttpCall("GET", url(path))); }

  Way way;
  asio::io_context io;
  SeededRandom random{7};
  Served served;
  HttpClient client;
};

/// A case for both ways.
template <class Case>
void both_ways(Case what) {
  for (const Way way : {Way::near, Way::far}) {
    CAPTURE(way == Way::far);
    Pair pair(way);
    what(pair);
  }
}

/// Answers each connection with the same bytes after the first read, then closes.
asio::awaitable<void> answer_raw(Listener* listener, std::string bytes, std::string* request) {
  for (;;) {
    auto stream = co_await listener->accept();
    if (!stream) co_return;
    *request = co_await hear(stream->get(), "\r\n\r\n");
    co_await send(stream->get(), bytes);
    co_await (*stream)->shutdown_send();
    co_await hear(stream->get(), "no such text");
  }
}

asio::awaitable<Result<HttpReply>> call_raw(HttpClient* client, HttpCall call, std::string bytes,
                                            std::string* request) {
  const auto executor = co_await asio::this_coro::executor;
  auto listener = Listener::tcp(executor, "127.0.0.1", 0);
  REQUIRE(listener.has_value());
  const auto port = std::to_string(listener->port());
  if (call.url.empty()) call.url = "http://127.0.0.1:" + port + "/raw";
  TaskGroup group(executor);
  group.spawn(answer_raw(&*listener, std::move(bytes), request));
  auto outcome = co_await client->call(std::move(call));
  co_await shielded();
  group.cancel();
  co_await group.join();
  co_return outcome;
}

Result<HttpReply> raw(Pair& pair, const std::string& bytes) {
  std::string request;
  HttpCall call("GET", "");
  take(call, pair.way);
  return test::run(pair.io, call_raw(&pair.client, call, bytes, &request));
}

}  // namespace

TEST_CASE("method, headers and body go out as given, status, headers and body come back") {
  both_ways([](Pair& pair) {
    HttpCall call("POST", pair.url("/reflect?a=b"));
    call.headers.add("X-One", "1");
    call.headers.add("Content-Type", "application/json");
    call.headers.add("X-Empty", "");
    call.body = "{\"a\":\"\xc3\xbc\"}";
    const auto reply = pair.call(call);
    REQUIRE(reply.has_value());
    CHECK(reply->status == 200);
    CHECK(reply->headers.get("x-answer") == "yes");
    CHECK(has(reply->body, "POST /reflect?a=b\n"));
    CHECK(has(reply->body, "X-One: 1\n"));
    CHECK(has(reply->body, "X-Empty: \n"));
    CHECK(has(reply->body, "User-Agent: test/1\n"));
    CHECK(has(reply->body, "Content-Type: application/json\n"));
    CHECK_FALSE(has(reply->body, "Expect"));
    CHECK(has(reply->body, "\n{\"a\":\"\xc3\xbc\"}"));
    CHECK(reply->call == "POST " + pair.url("/reflect"));

    HttpCall put("PUT", pair.url("/reflect"));
    put.body = std::string(7 << 20, 'x');
    const auto stored = pair.call(put);
    REQUIRE(stored.has_value());
    CHECK(has(stored->body, "PUT /reflect\n"));
    CHECK(has(stored->body, "Content-Length: 7340032\n"));
    CHECK_FALSE(has(stored->body, "urlencoded"));
    CHECK(has(pair.call(HttpCall("DELETE", pair.url("/reflect")))->body, "DELETE /reflect\n"));
    CHECK(pair.call(HttpCall("HEAD", pair.url("/reflect")))->body.empty());
    CHECK(pair.served.server.counts().accepted == 1);
  });
}

TEST_CASE("an answer that is no success is a reply, and an error if the caller says so") {
  both_ways([](Pair& pair) {
    const auto reply = pair.get("/none?token=rk_secret");
    REQUIRE(reply.has_value());
    CHECK(reply->status == 404);
    const auto error = error_of(*reply, hide);
    CHECK(error.code == Code::not_found);
    CHECK(error.message ==
          "GET " + pair.url("/none") +
              ": answered 404 Not Found: {\"ok\":false,\"error\":{\"code\":\"not_found\","
              "\"message\":\"there is nothing at this path\"}}");
    HttpReply limited;
    limited.status = 429;
    limited.call = "GET x";
    limited.body = "rk_secret";
    limited.headers.add("Retry-After", "7");
    const auto later = error_of(limited, hide);
    CHECK(later.code == Code::rate_limited);
    CHECK(later.retry_after == 7s);
    CHECK(later.message == "GET x: answered 429 Too Many Requests: [hidden]");
  });
}

TEST_CASE(
    "a redirect is followed without credentials and refused with them, or when it is not wanted") {
  both_ways([](Pair& pair) {
    const auto followed = pair.get("/redirect?to=/reflect");
    REQUIRE(followed.has_value());
    CHECK(has(followed->body, "GET /reflect\n"));

    HttpCall unmoved("GET", pair.url("/redirect?to=/reflect"));
    unmoved.follow_redirects = false;
    CHECK(pair.call(unmoved).error().code == Code::protocol_error);

    HttpCall call("GET", pair.url("/redirect?to=http://u:p@evil.test/x%3Ftoken=1"));
    call.headers.add("Authorization", "Bearer rk_secret");
    const auto refused = pair.call(call);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == Code::protocol_error);
    CHECK(has(refused.error().message, "a redirect to http://evil.test/x, "));
    CHECK_FALSE(has(refused.error().message, "token"));

    CHECK(pair.get("/redirect?to=https://127.0.0.1/").error().code == Code::protocol_error);
    CHECK(pair.get("/redirect?to=file:///etc/passwd").error().code == Code::protocol_error);
    const auto round = pair.get("/redirect?to=/redirect%3Fto=/redirect%253Fto=x");
    REQUIRE(round.has_value());
  });
}

TEST_CASE("a server that never answers costs the deadline, not more") {
  both_ways([](Pair& pair) {
    HttpCall call("GET", pair.url("/never"));
    call.deadline = 60ms;
    const auto before = SystemClock().now();
    const auto late = pair.call(call);
    CHECK(late.error().code == Code::timeout);
    CHECK(has(late.error().message, "GET " + pair.url("/never") + ": "));
    CHECK(SystemClock().now() - before < 10s);
  });
}

TEST_CASE("a reply over its bound is refused while it comes") {
  both_ways([](Pair& pair) {
    HttpCall call("GET", pair.url("/large"));
    call.reply_most = 1000000;
    const auto refused = pair.call(call);
    CHECK(refused.error().code == Code::too_large);
    CHECK(has(refused.error().message, "larger than 1000000 bytes"));
  });
}

TEST_CASE("what goes wrong on the way is told apart") {
  both_ways([](Pair& pair) {
    CHECK(raw(pair, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")->body == "hello");
    CHECK(raw(pair, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello").error().code ==
          Code::connection_closed);
    CHECK(raw(pair, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel").error().code ==
          Code::connection_closed);
    CHECK(raw(pair, "").error().code == Code::connection_closed);
    CHECK(raw(pair, "SSH-2.0-OpenSSH_9.2\r\n").error().code == Code::protocol_error);
    CHECK(raw(pair, "HTTP/1.1 200 OK\r\n" + std::string(70000, 'a') + ": b\r\n\r\n").error().code ==
          Code::too_large);

    auto gone = Listener::tcp(pair.io.get_executor(), "127.0.0.1", 0);
    const auto port = std::to_string(gone->port());
    gone->close();
    const auto refused = pair.call(HttpCall("GET", "http://127.0.0.1:" + port + "/?rk_secret"));
    CHECK(refused.error().code == Code::engine_unreachable);
    CHECK(has(refused.error().message, "Connection refused"));
    CHECK_FALSE(has(refused.error().message, "secret"));
    const auto unknown = pair.call(HttpCall("GET", "http://no-such-host.invalid/"));
    CHECK(unknown.error().code == Code::engine_unreachable);
    CHECK(has(unknown.error().message, "resolve"));
  });
}

TEST_CASE("a call that is none is refused before anything is sent") {
  both_ways([](Pair& pair) {
    CHECK(pair.call(HttpCall("GET", "ftp://x/")).error().code == Code::invalid_argument);
    CHECK(pair.call(HttpCall("GET", "nonsense")).error().code == Code::invalid_argument);
    CHECK(pair.call(HttpCall("GET X", pair.url("/"))).error().code == Code::invalid_argument);
    HttpCall split("GET", pair.url("/reflect"));
    split.headers.add("X", "a\r\nY: b");
    CHECK(pair.call(split).error().code == Code::invalid_argument);
  });
}

TEST_CASE("tries are made as the policy says") {
  both_ways([](Pair& pair) {
    tries = 0;
    HttpCall call("GET", pair.url("/third"));
    call.retry = RetryPolicy::standard();
    call.retry.first_delay = 1ms;
    const auto reply = pair.call(call);
    REQUIRE(reply.has_value());
    CHECK(reply->body == "at last");
    CHECK(tries == 3);
    tries = 0;
    CHECK(pair.get("/third")->status == 503);
    CHECK(tries == 1);
  });
}

namespace {

/// A server with one connection, on which it answers some requests. With the next one that it has
/// read it is gone.
class FewRequests {
 public:
  FewRequests(asio::io_context& io, int answers)
      : answers_(answers), acceptor_(io, {asio::ip::address_v4::loopback(), 0}), peer_(io) {
    url_ = "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/";
    acceptor_.async_accept(peer_, [this](std::error_code) {
      acceptor_.close();
      take();
    });
  }
  [[nodiscard]] const std::string& url() const { return url_; }

 private:
  void take() {
    asio::async_read_until(peer_, buffer_, "\r\n\r\n",
                           [this](std::error_code error, std::size_t size) {
                             if (error || answers_-- <= 0) {
                               peer_.close();
                               return;
                             }
                             buffer_.consume(size);
                             asio::async_write(peer_, asio::buffer(kNothing),
                                               [this](std::error_code, std::size_t) { take(); });
                           });
  }

  static constexpr std::string_view kNothing = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  int answers_;
  asio::ip::tcp::acceptor acceptor_;
  asio::ip::tcp::socket peer_;
  asio::streambuf buffer_;
  std::string url_;
};

Error failure_of_server_that_goes(Pair& pair, const std::string& method, int answers) {
  FewRequests server(pair.io, answers);
  HttpCall call(method, server.url());
  call.headers.set("Idempotency-Key", "once");
  call.retry = RetryPolicy::standard();
  call.retry.first_delay = 1ms;
  for (int i = 0; i < answers; ++i) CHECK(pair.call(call)->status == 200);
  return pair.call(call).error();
}

}  // namespace

TEST_CASE("that a change may have been made is not hidden by tries that could not be made") {
  both_ways([](Pair& pair) {
    // On a connection of its own, and on one that was kept.
    for (const int answers : {0, 1}) {
      CAPTURE(answers);
      const Error written = failure_of_server_that_goes(pair, "POST", answers);
      CHECK(written.code == Code::connection_closed);
    }
    const Error read = failure_of_server_that_goes(pair, "GET", 0);
    CHECK(read.code == Code::engine_unreachable);
  });
}

namespace {

asio::awaitable<void> call_into(HttpClient* client, HttpCall call, bool* ended) {
  auto outcome = co_await client->call(std::move(call));
  *ended = !outcome && outcome.error().code == Code::cancelled;
}

asio::awaitable<void> cancel_call(Pair* pair) {
  const auto executor = co_await asio::this_coro::executor;
  TaskGroup group(executor);
  bool ended = false;
  HttpCall call("GET", pair->url("/never"));
  take(call, pair->way);
  group.spawn(call_into(&pair->client, call, &ended));
  while (pair->served.server.counts().requests == 0) co_await pause(1ms);
  co_await shielded();
  group.cancel();
  co_await group.join();
  CHECK(ended);
}

asio::awaitable<void> count_call(Pair* pair, int* done) {
  HttpCall call("GET", pair->url("/reflect"));
  take(call, pair->way);
  const auto reply = co_await pair->client.call(std::move(call));
  if (reply) *done += reply->status == 200 ? 1 : 0;
}

asio::awaitable<void> many_calls(Pair* pair, int* done) {
  const auto executor = co_await asio::this_coro::executor;
  TaskGroup group(executor);
  for (int i = 0; i < 50; ++i) {
    group.spawn(count_call(pair, done));
  }
  co_await shielded();
  co_await group.join();
}

}  // namespace

TEST_CASE("cancelling a call ends its transfer") {
  both_ways([](Pair& pair) { test::run(pair.io, cancel_call(&pair)); });
}

TEST_CASE("many calls run side by side") {
  both_ways([](Pair& pair) {
    int done = 0;
    test::run(pair.io, many_calls(&pair, &done));
    CHECK(done == 50);
  });
}

TEST_CASE("a client that goes ends its calls") {
  for (const Way way : {Way::near, Way::far}) {
    asio::io_context io;
    Served served(io, {}, routes());
    SeededRandom random(7);
    auto client = std::make_unique<HttpClient>(io.get_executor(), HttpClientOptions(), random);
    bool ended = false;
    TaskGroup group(io.get_executor());
    HttpCall call("GET", "http://127.0.0.1:" + std::to_string(served.port) + "/never");
    take(call, way);
    group.spawn(call_into(client.get(), call, &ended));
    while (served.server.counts().requests == 0) io.run_one_for(1s);
    client.reset();
    test::run(io, group.join());
    CHECK(ended);
  }
}

namespace {

/// Answers the first request of every connection and lets go of it at the second, as a server does
/// whose time for the connection has just run out.
asio::awaitable<void> answer_once(Listener* listener, int* requests) {
  for (;;) {
    auto stream = co_await listener->accept();
    if (!stream) co_return;
    (void)co_await hear(stream->get(), "\r\n\r\n");
    ++*requests;
    co_await send(stream->get(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    const auto second = co_await hear(stream->get(), "\r\n\r\n");
    *requests += second.empty() ? 0 : 1;
  }
}

asio::awaitable<void> call_twice(std::string method, Result<HttpReply>* second, int* requests) {
  const auto executor = co_await asio::this_coro::executor;
  auto listener = Listener::tcp(executor, "127.0.0.1", 0);
  REQUIRE(listener.has_value());
  SeededRandom random(7);
  HttpClient client(executor, HttpClientOptions(), random);
  TaskGroup group(executor);
  group.spawn(answer_once(&*listener, requests));
  HttpCall call(method, "http://127.0.0.1:" + std::to_string(listener->port()) + "/");
  const auto first = co_await client.call(call);
  CHECK(first.has_value());
  *second = co_await client.call(call);
  co_await shielded();
  group.cancel();
  co_await group.join();
}

}  // namespace

TEST_CASE("a kept connection that ends under a request is replaced, unless it may be done twice") {
  asio::io_context io;
  Result<HttpReply> second = fail(Code::internal_error, "not called");
  int requests = 0;
  test::run(io, call_twice("GET", &second, &requests));
  REQUIRE(second.has_value());
  CHECK(second->body == "ok");
  CHECK(requests == 3);

  requests = 0;
  test::run(io, call_twice("POST", &second, &requests));
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().code == Code::connection_closed);
  CHECK(requests == 2);
}

TEST_CASE("a Unix socket takes the place of the host") {
  both_ways([](Pair& pair) {
    const test::TempDir dir;
    const auto path = (dir / "socket").string();
    HttpCall call("GET", "http://relay/reflect");
    call.unix_socket = path;
    CHECK(pair.call(call).error().code == Code::broker_not_running);
    auto listener = Listener::unix(pair.io.get_executor(), path);
    REQUIRE(listener.has_value());
    pair.served.server.serve(std::move(*listener));
    const auto reply = pair.call(call);
    REQUIRE(reply.has_value());
    CHECK(has(reply->body, "Host: relay\n"));
    test::run(pair.io, pair.served.stop(1s));
  });
}

TEST_CASE("a libcurl that cannot keep a call to its protocol is refused") {
  CHECK(refuse_old_curl(0x075500));
  CHECK(refuse_old_curl(0x080000));
  const auto old = refuse_old_curl(0x074a00);
  REQUIRE_FALSE(old);
  CHECK(old.error().message == "libcurl 7.74.0 is too old");
}

}  // namespace relay::net
