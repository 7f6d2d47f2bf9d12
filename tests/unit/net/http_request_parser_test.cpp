#include "net/http_request_parser.hpp"

#include <doctest/doctest.h>
#include <vector>

namespace relay::net {
namespace {

/// What came out of a stream of bytes: the requests as "METHOD target body", then "refused 400" or
/// nothing.
struct Parsed {
  std::vector<std::string> requests;
  int refused = 0;
  std::string why;
  std::string rest;
};

Parsed parse(std::string_view bytes, std::size_t piece, std::size_t body_most = 1000) {
  HttpRequestParser parser;
  Parsed parsed;
  std::string held;
  while (!bytes.empty() || !held.empty()) {
    held += bytes.substr(0, piece);
    bytes.remove_prefix(std::min(piece, bytes.size()));
    std::string_view view = held;
    for (;;) {
      const auto progress = parser.feed(view);
      if (progress == HttpProgress::head) {
        parser.limit_body(body_most);
      } else if (progress == HttpProgress::complete) {
        const auto& request = parser.request();
        parsed.requests.push_back(request.method + ' ' + request.target + ' ' + request.body);
        parser.next();
      } else if (progress == HttpProgress::refused) {
        parsed.refused = parser.refusal_status();
        parsed.why = parser.refusal();
        return parsed;
      } else {
        break;
      }
    }
    REQUIRE(view.empty());
    held = view;
  }
  return parsed;
}

int status_of(std::string_view bytes) {
  const int at_once = parse(bytes, bytes.size()).refused;
  CHECK(parse(bytes, 1).refused == at_once);
  return at_once;
}

}  // namespace

TEST_CASE("requests come out the same however the bytes are cut") {
  const std::string bytes =
      "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n"
      "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
      "\r\nPUT /c HTTP/1.1\r\nHost:x\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "3\r\nabc\r\nA;ext=1\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n"
      "DELETE http://h:1/d?e HTTP/1.1\r\nHost: x\r\n\r\n"
      "GET / HTTP/1.0\r\n\r\n";
  const std::vector<std::string> want{"GET /a?b=c ", "POST /b hello", "PUT /c abc0123456789",
                                      "DELETE /d?e ", "GET / "};
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    const auto parsed = parse(bytes, piece);
    CHECK(parsed.requests == want);
    CHECK(parsed.refused == 0);
  }
}

TEST_CASE("what two servers could understand differently is refused") {
  const std::string get = "GET / HTTP/1.1\r\nHost: x\r\n";
  const std::string post = "POST / HTTP/1.1\r\nHost: x\r\n";
  CHECK(status_of(post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n") == 400);
  CHECK(status_of(post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n") == 400);
  CHECK(status_of(post + "Content-Length: abc\r\n\r\n") == 400);
  CHECK(status_of(post + "Content-Length: -1\r\n\r\n") == 400);
  CHECK(status_of(post + "Content-Length: +1\r\n\r\n") == 400);
  CHECK(status_of(post + "Content-Length: 0x1\r\n\r\n") == 400);
  CHECK(status_of(post + "Content-Length: 1 1\r\n\r\n") == 400);
  CHECK(status_of(post + "Content-Length: 1, 1\r\n\r\n") == 400);
  CHECK(status_of(post + "Content-Length: \r\n\r\n") == 400);
  CHECK(status_of(post + "Content-Length: 99999999999999999999\r\n\r\n") == 400);
  CHECK(status_of(post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n") == 400);
  CHECK(status_of(post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n") == 400);
  CHECK(status_of(post + "Transfer-Encoding: gzip, chunked\r\n\r\n") == 501);
  CHECK(status_of(post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n") ==
        501);
  CHECK(status_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") == 400);
  CHECK(status_of(get + "A: b\r\n c\r\n\r\n") == 400);
  CHECK(status_of(get + "A: b\r\n\tc\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\n Host: x\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\nHost: x\n\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: x\r\n\n") == 400);
  CHECK(status_of(get + "A: b\rc\r\n\r\n") == 400);
  CHECK(status_of(get + "A : b\r\n\r\n") == 400);
  CHECK(status_of(get + "A b: c\r\n\r\n") == 400);
  CHECK(status_of(get + "A\x80: c\r\n\r\n") == 400);
  CHECK(status_of(get + ": c\r\n\r\n") == 400);
  CHECK(status_of(get + "A: b" + std::string(1, '\0') + "c\r\n\r\n") == 400);
  CHECK(status_of(get + "A: " + std::string(1, '\0') + "\r\n\r\n") == 400);
  CHECK(status_of(get + "A: \x7f\r\n\r\n") == 400);
  CHECK(status_of(get + "A: b\x01\r\n\r\n") == 400);
  CHECK(status_of(get + std::string("A") + std::string(1, '\0') + ": c\r\n\r\n") == 400);
  CHECK(status_of(get + "Host: x\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nA: b\r\n\r\n") == 400);
  CHECK(status_of("GET /\r\n\r\n") == 400);
  CHECK(status_of("GET /\x80 HTTP/1.1\r\nHost: x\r\n\r\n") == 400);
  CHECK(status_of("GET /#top HTTP/1.1\r\nHost: x\r\n\r\n") == 400);
  CHECK(status_of("GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n") == 400);
  CHECK(status_of("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n") == 501);
  CHECK(status_of("GET / HTTP/2.0\r\nHost: x\r\n\r\n") == 505);
  CHECK(status_of("NONSENSE / HTTP/1.1\r\nHost: x\r\n\r\n") == 400);
  CHECK(status_of(get + "Expect: miracles\r\n\r\n") == 417);
}

TEST_CASE("broken chunks are refused") {
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  CHECK(status_of(head + "3\r\nabc\r\n0\r\n\r\n") == 0);
  CHECK(status_of(head + "3\nabc\r\n0\r\n\r\n") == 400);
  CHECK(status_of(head + "3\rXabc\r\n0\r\n\r\n") == 400);
  CHECK(status_of(head + "3\r\nabcXY0\r\n\r\n") == 400);
  CHECK(status_of(head + "3\r\nabc\n\n0\r\n\r\n") == 400);
  CHECK(status_of(head + "3\r\nabcd\r\n0\r\n\r\n") == 400);
  CHECK(status_of(head + "x\r\n") == 400);
  CHECK(status_of(head + "-3\r\n") == 400);
  CHECK(status_of(head + "fffffffffffffffff\r\n") == 400);
  CHECK(status_of(head + "1;" + std::string(40000, 'e') + "\r\nx\r\n0\r\n\r\n") == 400);
}

TEST_CASE("limits are exact") {
  const std::string line = "GET / HTTP/1.1\r\nHost: x\r\nA: ";
  const auto head_of = [&](std::size_t bytes) {
    return line + std::string(bytes - line.size() - 4, 'a') + "\r\n\r\n";
  };
  CHECK(status_of(head_of(16 * 1024)) == 0);
  CHECK(status_of(head_of(16 * 1024 + 1)) == 431);
  CHECK(status_of(line + std::string(100000, 'a')) == 431);
  CHECK(status_of(std::string(40000, '\r')) == 400);
  const auto target_of = [](std::size_t bytes) {
    return "GET /" + std::string(bytes - 1, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n";
  };
  CHECK(status_of(target_of(8 * 1024)) == 0);
  CHECK(status_of(target_of(8 * 1024 + 1)) == 414);
  std::string many = "GET / HTTP/1.1\r\nHost: x\r\n";
  for (int i = 0; i < 99; ++i) many += "A: b\r\n";
  CHECK(status_of(many + "\r\n") == 0);
  CHECK(status_of(many + "A: b\r\n\r\n") == 431);

  const auto post = [](std::size_t bytes) {
    return "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(bytes) + "\r\n\r\n" +
           std::string(bytes, 'b');
  };
  CHECK(parse(post(1000), 7).refused == 0);
  CHECK(parse(post(1001), 7).refused == 413);
  const std::string chunked =
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" +
      std::string(1000, 'c') + "\r\n";
  CHECK(parse(chunked + "0\r\n\r\n", 7).refused == 0);
  CHECK(parse(chunked + "1\r\nc\r\n0\r\n\r\n", 7).refused == 413);
}

TEST_CASE("the head is known before any of the body is taken") {
  HttpRequestParser parser;
  std::string_view bytes =
      "POST /b HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello";
  REQUIRE(parser.feed(bytes) == HttpProgress::head);
  CHECK(parser.request().target == "/b");
  CHECK(parser.request().body.empty());
  CHECK(parser.has_body());
  CHECK(parser.expects_continue());
  CHECK(bytes == "\nhello");
  parser.limit_body(4);
  CHECK(parser.feed(bytes) == HttpProgress::refused);
  CHECK(parser.refusal_status() == 413);
  CHECK(parser.request().body.empty());
}

TEST_CASE("keep-alive follows version and Connection") {
  const auto kept = [](std::string_view head) {
    HttpRequestParser parser;
    REQUIRE(parser.feed(head) == HttpProgress::head);
    return parser.keep_alive();
  };
  CHECK(kept("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  CHECK_FALSE(kept("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  CHECK_FALSE(kept("GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, close\r\n\r\n"));
  CHECK_FALSE(kept("GET / HTTP/1.0\r\n\r\n"));
  CHECK(kept("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
}

TEST_CASE("an upgrade leaves the bytes of the other protocol alone") {
  HttpRequestParser parser;
  std::string_view bytes =
      "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
      "\r\n\x81\x80????";
  REQUIRE(parser.feed(bytes) == HttpProgress::head);
  CHECK(parser.upgrade());
  CHECK(parser.feed(bytes) == HttpProgress::complete);
  CHECK(bytes == "\x81\x80????");
  CHECK(parser.feed(bytes) == HttpProgress::complete);
  CHECK(bytes == "\x81\x80????");
}

TEST_CASE("values are trimmed and the authority of an absolute target is the Host") {
  HttpRequestParser parser;
  std::string_view bytes =
      "GET http://user@a.test:80?q HTTP/1.1\r\nHost: b.test\r\nX:  y z \t\r\nEmpty:\r\n\r\n";
  REQUIRE(parser.feed(bytes) == HttpProgress::head);
  CHECK(parser.request().target == "/?q");
  CHECK(parser.request().headers.get("host") == "user@a.test:80");
  CHECK(parser.request().headers.get("x") == "y z");
  CHECK(parser.request().headers.get("empty") == "");
}

}  // namespace relay::net
