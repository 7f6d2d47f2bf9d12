#include "net/http_server.hpp"

#include "http_server_fixture.hpp"

namespace relay::net {
namespace {

using namespace std::chrono_literals;
using test::ask_until_close;
using test::count;
using test::dial;
using test::has;
using test::hear;
using test::send;
using test::Served;

asio::awaitable<void> say_path(Exchange* exchange) {
  HttpResponse response(200, "text/plain", std::string(exchange->request().path()) + ";");
  exchange->respond(response);
  co_return;
}

asio::awaitable<void> say_size(Exchange* exchange) {
  HttpResponse response(200, "text/plain", std::to_string(exchange->request().body.size()) + ";");
  exchange->respond(response);
  co_return;
}

asio::awaitable<void> say_name(Exchange* exchange) {
  HttpResponse response(200, "text/plain", std::string(exchange->parameter("name")) + ";");
  exchange->respond(response);
  co_return;
}

asio::awaitable<void> say_later(Exchange* exchange) {
  co_await pause(30ms);
  HttpResponse response(200, "text/plain", "later;");
  exchange->respond(response);
}

asio::awaitable<void> breaks(Exchange*) {
  throw std::runtime_error("secret detail");
  co_return;
}

asio::awaitable<void> forgets(Exchange*) {
  co_return;
}

asio::awaitable<void> splits_header(Exchange* exchange) {
  HttpResponse response(200);
  response.headers.add("X", "a\r\nSet-Cookie: b");
  exchange->respond(response);
  co_return;
}

std::vector<Route> server_routes() {
  std::vector<Route> all;
  all.emplace_back("GET", "/a", say_path);
  all.emplace_back("GET", "/b", say_path);
  all.emplace_back("POST", "/size", say_size, std::size_t{8} << 20);
  all.emplace_back("POST", "/small", say_size, std::size_t{10});
  all.emplace_back("GET", "/later", say_later);
  all.emplace_back("GET", "/name/{name}", say_name);
  all.emplace_back("GET", "/breaks", breaks);
  all.emplace_back("GET", "/forgets", forgets);
  all.emplace_back("GET", "/splits", splits_header);
  return all;
}

std::string get_request(const std::string& path, const std::string& more = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: x\r\n" + more + "\r\n";
}
const std::string kClose = "Connection: close\r\n";

asio::awaitable<std::string> ask_by_byte(std::uint16_t port, std::string bytes) {
  auto stream = co_await dial(port);
  for (std::size_t i = 0; i < bytes.size(); ++i) co_await send(stream.get(), bytes.substr(i, 1));
  co_return co_await hear(stream.get(), "no such text");
}

asio::awaitable<std::string> expect_continue(std::uint16_t port) {
  auto stream = co_await dial(port);
  co_await send(stream.get(),
                "POST /size HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\n"
                "Content-Length: 3\r\n\r\n");
  auto text = co_await hear(stream.get(), "\r\n\r\n");
  text += '|';
  co_await send(stream.get(), "abc");
  text += co_await hear(stream.get(), "no such text");
  co_return text;
}

}  // namespace

TEST_CASE("pipelined requests are answered in order on one connection, deferred ones too") {
  asio::io_context io;
  Served served(io, {}, server_routes());
  const auto text = test::run(
      io, ask_until_close(served.port, get_request("/a") + get_request("/later") +
                                           get_request("/b") + get_request("/a", kClose)));
  CHECK(count(text, "HTTP/1.1 200 OK\r\n") == 4);
  const auto later = text.find("later;");
  CHECK(text.find("/a;") < later);
  CHECK(later < text.find("/b;"));
  CHECK(count(text, "Connection: close") == 1);
  CHECK(served.server.counts().accepted == 1);
  CHECK(served.server.counts().requests == 4);
}

TEST_CASE("a request is understood however its bytes arrive") {
  asio::io_context io;
  Served served(io, {}, server_routes());
  const auto text = test::run(
      io, ask_by_byte(served.port,
                      "POST /size HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "3\r\nabc\r\n4\r\ndefg\r\n0\r\nT: t\r\n\r\n" +
                          get_request("/a", kClose)));
  CHECK(has(text, "\r\n\r\n7;HTTP/1.1 200 OK\r\n"));
  CHECK(has(text, "\r\n\r\n/a;"));
}

TEST_CASE("the head of an answer has what it needs and no more") {
  asio::io_context io;
  Served served(io, {}, server_routes());
  const auto text = test::run(io, ask_until_close(served.port, get_request("/a", kClose)));
  const auto date = text.find("Date: ");
  REQUIRE(date != std::string::npos);
  CHECK(text.substr(0, date) ==
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n"
        "Connection: close\r\n");
  CHECK(has(text.substr(date), " GMT\r\n\r\n/a;"));
}

TEST_CASE("HEAD is GET without the body") {
  asio::io_context io;
  Served served(io, {}, server_routes());
  const auto text =
      test::run(io, ask_until_close(served.port, "HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n" +
                                                     get_request("/b", kClose)));
  CHECK(count(text, "Content-Length: 3") == 2);
  CHECK_FALSE(has(text, "/a;"));
  CHECK(has(text, "\r\n\r\n/b;"));
}

TEST_CASE(
    "a path that is not there is 404, a method that is not is 405, and the connection stays") {
  asio::io_context io;
  Served served(io, {}, server_routes());
  const auto text = test::run(
      io, ask_until_close(served.port,
                          get_request("/none") + "DELETE /a HTTP/1.1\r\nHost: x\r\n\r\n" +
                              get_request("/name/%zz") + get_request("/name/a%2Fb%20c", kClose)));
  CHECK(count(text, "HTTP/1.1 404 Not Found\r\n") == 1);
  CHECK(has(text,
            "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: application/json\r\n"
            "Allow: GET, HEAD\r\n"));
  CHECK(has(text, "HTTP/1.1 400 Bad Request\r\n"));
  CHECK(has(text, "\r\n\r\na/b c;"));
}

TEST_CASE("7 MiB of body arrive, with a length and in chunks") {
  asio::io_context io;
  Served served(io, {}, server_routes());
  const std::string body(7 << 20, 'x');
  const auto text = test::run(
      io,
      ask_until_close(served.port,
                      "POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 7340032\r\n\r\n" + body +
                          "POST /size HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                          "Transfer-Encoding: chunked\r\n\r\n700000\r\n" +
                          body + "\r\n0\r\n\r\n"));
  CHECK(count(text, "7340032;") == 2);
}

TEST_CASE("a body over the limit of its route is refused, and the client gets to read it") {
  asio::io_context io;
  Served served(io, {}, server_routes());
  const std::string post = "POST /small HTTP/1.1\r\nHost: x\r\n";
  const auto announced =
      test::run(io, ask_until_close(served.port, post + "Content-Length: 5000000\r\n\r\n" +
                                                     std::string(5000000, 'x')));
  CHECK(has(announced, "HTTP/1.1 413 Content Too Large\r\n"));
  CHECK(has(announced, "Connection: close"));
  const auto chunked =
      test::run(io, ask_until_close(served.port, post + "Transfer-Encoding: chunked\r\n\r\n" +
                                                     "b\r\n01234567890\r\n0\r\n\r\n"));
  CHECK(has(chunked, "HTTP/1.1 413 "));
  const auto fits = test::run(
      io,
      ask_until_close(served.port, post + kClose + "Content-Length: 10\r\n\r\n" + "0123456789"));
  CHECK(has(fits, "\r\n\r\n10;"));
}

TEST_CASE("a client that waits for 100 gets it once, before its body") {
  asio::io_context io;
  Served served(io, {}, server_routes());
  const auto text = test::run(io, expect_continue(served.port));
  CHECK(text.substr(0, 26) == "HTTP/1.1 100 Continue\r\n\r\n|");
  CHECK(count(text, "100 Continue") == 1);
  CHECK(has(text, "\r\n\r\n3;"));
}

TEST_CASE("a client whose request will be refused is not asked for its body") {
  asio::io_context io;
  Served served(io, {}, server_routes());
  const auto text =
      test::run(io, ask_until_close(served.port,
                                    "POST /small HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                                    "Content-Length: 11\r\n\r\n"));
  CHECK(has(text, "HTTP/1.1 413 "));
  CHECK_FALSE(has(text, "100 Continue"));
}

TEST_CASE("requests that are none are answered and closed") {
  asio::io_context io;
  Served served(io, {}, server_routes());
  const auto status = [&](const std::string& bytes) {
    return test::run(io, ask_until_close(served.port, bytes)).substr(0, 13);
  };
  CHECK(status("nonsense\r\n\r\n") == "HTTP/1.1 400 ");
  CHECK(status(get_request("/a", "Content-Length: 1\r\nContent-Length: 2\r\n")) == "HTTP/1.1 400 ");
  CHECK(status(get_request("/a", "A: " + std::string(20000, 'a') + "\r\n")) == "HTTP/1.1 431 ");
  CHECK(status(get_request("/" + std::string(9000, 'a'))) == "HTTP/1.1 414 ");
}

TEST_CASE("HTTP/1.0 closes unless it is asked to stay") {
  asio::io_context io;
  Served served(io, {}, server_routes());
  const auto text =
      test::run(io, ask_until_close(served.port,
                                    "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
                                    "GET /b HTTP/1.0\r\n\r\n"));
  CHECK(has(text, "Connection: keep-alive\r\n"));
  CHECK(has(text, "\r\n\r\n/b;"));
}

TEST_CASE("a handler that breaks costs its own connection and tells the client nothing") {
  asio::io_context io;
  Served served(io, {}, server_routes());
  const auto broken =
      test::run(io, ask_until_close(served.port, get_request("/breaks") + get_request("/a")));
  CHECK(has(broken, "HTTP/1.1 500 Internal Server Error\r\n"));
  CHECK(has(broken, "Connection: close"));
  CHECK_FALSE(has(broken, "secret detail"));
  CHECK_FALSE(has(broken, "/a;"));
  REQUIRE(served.failures.size() == 1);
  CHECK(served.failures[0] == "GET /breaks: secret detail");
  CHECK(has(test::run(io, ask_until_close(served.port, get_request("/a", kClose))), "/a;"));
  CHECK(has(test::run(io, ask_until_close(served.port, get_request("/forgets", kClose))), "500 "));
  const auto split = test::run(io, ask_until_close(served.port, get_request("/splits")));
  CHECK(has(split, "500 "));
  CHECK_FALSE(has(split, "Set-Cookie"));
}

}  // namespace relay::net
