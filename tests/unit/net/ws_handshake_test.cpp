#include "net/ws_handshake.hpp"

#include <array>
#include <doctest/doctest.h>

#include "net/http_response_reader.hpp"
#include "net/proxy.hpp"

namespace relay::net {
namespace {

/// The request of RFC 6455 §1.3.
HttpRequest good_request() {
  HttpRequest request;
  request.method = "GET";
  request.target = "/chat";
  request.headers.add("Host", "server.example.com");
  request.headers.add("Upgrade", "websocket");
  request.headers.add("Connection", "keep-alive, Upgrade");
  request.headers.add("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
  request.headers.add("Sec-WebSocket-Protocol", "chat, superchat");
  request.headers.add("Sec-WebSocket-Version", "13");
  return request;
}

HttpResponse good_answer() {
  HttpResponse response(101);
  response.headers.add("Upgrade", "WebSocket");
  response.headers.add("Connection", "upgrade");
  response.headers.add("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  return response;
}

constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";

}  // namespace

TEST_CASE("the handshake of the RFC is accepted with its accept key") {
  const std::array<std::string, 2> protocols{"v2", "superchat"};
  const auto answer = answer_ws_handshake(good_request(), protocols);
  CHECK(answer.status == 101);
  CHECK(answer.headers.get("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  CHECK(answer.headers.get("Upgrade") == "websocket");
  CHECK(answer.headers.get("Connection") == "Upgrade");
  CHECK(answer.headers.get("Sec-WebSocket-Protocol") == "superchat");
  CHECK_FALSE(answer_ws_handshake(good_request(), {}).headers.get("Sec-WebSocket-Protocol"));
}

TEST_CASE("a handshake that is none is refused with the status that says why") {
  auto request = good_request();
  int status = 0;
  SUBCASE("method") {
    request.method = "POST";
    status = 405;
  }
  SUBCASE("no upgrade") {
    request.headers.set("Upgrade", "h2c");
    status = 426;
  }
  SUBCASE("no connection token") {
    request.headers.set("Connection", "keep-alive");
    status = 426;
  }
  SUBCASE("version") {
    request.headers.set("Sec-WebSocket-Version", "8");
    status = 426;
    CHECK(answer_ws_handshake(request, {}).headers.get("Sec-WebSocket-Version") == "13");
  }
  SUBCASE("short key") {
    request.headers.set("Sec-WebSocket-Key", "dGhlIHNhbXBsZQ==");
    status = 400;
  }
  SUBCASE("key that is no base64") {
    request.headers.set("Sec-WebSocket-Key", "dGhlIHNhbXBsZS*ub25jZQ==");
    status = 400;
  }
  SUBCASE("two keys") {
    request.headers.add("Sec-WebSocket-Key", std::string(kKey));
    status = 400;
  }
  SUBCASE("body") {
    request.body = "x";
    status = 400;
  }
  CHECK(answer_ws_handshake(request, {}).status == status);
}

TEST_CASE("a client takes only the answer to its own key") {
  const std::array<std::string, 1> offered{"v1"};
  auto answer = good_answer();
  CHECK(*check_ws_answer(answer, kKey, offered) == "");
  answer.headers.set("Sec-WebSocket-Protocol", "v1");
  CHECK(*check_ws_answer(answer, kKey, offered) == "v1");
  CHECK_FALSE(check_ws_answer(answer, "AAAAAAAAAAAAAAAAAAAAAA==", offered).has_value());
  CHECK_FALSE(check_ws_answer(answer, kKey, {}).has_value());
  answer.headers.set("Sec-WebSocket-Extensions", "permessage-deflate");
  CHECK_FALSE(check_ws_answer(answer, kKey, offered).has_value());
  auto other = good_answer();
  other.headers.set("Upgrade", "h2c");
  CHECK_FALSE(check_ws_answer(other, kKey, offered).has_value());
  other = good_answer();
  other.status = 200;
  CHECK_FALSE(check_ws_answer(other, kKey, offered).has_value());
}

TEST_CASE("a response is read byte by byte and what follows a 101 is left alone") {
  HttpResponseReader reader(HttpResponseReader::Kind::upgrade);
  const std::string wire =
      "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX: a "
      "b\r\n\r\n";
  for (const char byte : wire) REQUIRE(*reader.feed(std::string_view(&byte, 1)) == 1);
  CHECK(reader.done());
  CHECK(*reader.feed("\x81\x01x") == 0);
  CHECK(reader.response().status == 101);
  CHECK(reader.response().headers.get("x") == "a b");
  CHECK_FALSE(reader.response().headers.get("link").has_value());
}

TEST_CASE("the body of a refusal is read, bounded") {
  HttpResponseReader reader(HttpResponseReader::Kind::upgrade);
  CHECK(reader.feed("HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n\r\n").has_value());
  CHECK(reader.head_done());
  CHECK_FALSE(reader.done());
  CHECK(reader.feed("5\r\nhello\r\n").has_value());
  for (int i = 0; i < 40; ++i) {
    CHECK(reader.feed("400\r\n" + std::string(1024, 'x') + "\r\n").has_value());
  }
  CHECK(reader.feed("0\r\n\r\n").has_value());
  CHECK(reader.done());
  CHECK(reader.response().body.size() == 16384);
  CHECK(reader.response().body.starts_with("helloxxx"));
}

TEST_CASE("an answer says whether its connection may be asked again, and whether it was cut") {
  using Reading = HttpResponseReader::Kind;
  HttpResponseReader kept(Reading::upgrade, 1024, 4);
  CHECK(kept.feed("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody").has_value());
  CHECK(kept.keeps_alive());
  CHECK_FALSE(kept.is_cut());
  HttpResponseReader last(Reading::upgrade, 1024, 3);
  const std::string closing = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\n";
  CHECK(last.feed(closing + "body").has_value());
  CHECK(last.done());
  CHECK_FALSE(last.keeps_alive());
  CHECK(last.is_cut());
  HttpResponseReader head(Reading::head);
  CHECK(head.feed("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n").has_value());
  CHECK(head.done());
  CHECK(head.keeps_alive());
}

TEST_CASE("an answer that is no HTTP, or has no end, is an error") {
  HttpResponseReader garbage(HttpResponseReader::Kind::upgrade);
  CHECK(garbage.feed("SSH-2.0-OpenSSH_9.2\r\n").error().code == Code::protocol_error);
  HttpResponseReader cut(HttpResponseReader::Kind::upgrade);
  CHECK(cut.feed("HTTP/1.1 200 OK\r\n").has_value());
  CHECK(cut.feed("").error().code == Code::protocol_error);
  HttpResponseReader endless(HttpResponseReader::Kind::upgrade);
  CHECK(endless.feed("HTTP/1.1 200 OK\r\nX: ").has_value());
  Result<std::size_t> fed = std::size_t{0};
  std::size_t taken = 0;
  while ((fed = endless.feed(std::string(1000, 'x')))) taken += *fed;
  CHECK(fed.error().code == Code::too_large);
  CHECK(taken < 16384);
}

TEST_CASE("URLs are taken apart") {
  const auto url = Url::parse("WSS://User:pw@Host.example/v1/node/ws?a=b%20c#x");
  REQUIRE(url.has_value());
  CHECK(url->scheme == "wss");
  CHECK(url->userinfo == "User:pw");
  CHECK(url->port == "443");
  CHECK(url->target == "/v1/node/ws?a=b%20c");
  CHECK(url->authority() == "Host.example");
  CHECK(Url::parse("ws://[::1]:8080")->authority() == "[::1]:8080");
  CHECK(Url::parse("ws://[::1]:8080")->host == "::1");
  CHECK(Url::parse("ws://h:80/")->authority() == "h");
  for (const auto* bad : {"", "ws://", "host", "ws://h/a b", "ws://h/\r\nX: y", "ws://h:99999/"}) {
    CAPTURE(bad);
    CHECK(Url::parse(bad).error().code == Code::invalid_argument);
  }
}

TEST_CASE("the proxy is chosen as curl does") {
  NetworkSettings settings;
  settings.https_proxy = "http://secure:3128";
  settings.http_proxy = "all:1080";
  settings.no_proxy = "internal, .corp.example,10.0.0.1 ,host:8443,10.64.0.0/10,fd00::/8,1.2.3.4/x";
  const auto proxy = [&](const char* url) {
    const auto chosen = proxy_for(*Url::parse(url), settings);
    REQUIRE(chosen.has_value());
    return *chosen ? (*chosen)->host : std::string("direct");
  };
  CHECK(proxy("wss://engine.example/") == "secure");
  CHECK(proxy("ws://engine.example/") == "all");
  CHECK(proxy("wss://internal/") == "direct");
  CHECK(proxy("wss://a.INTERNAL/") == "direct");
  CHECK(proxy("wss://notinternal/") == "secure");
  CHECK(proxy("wss://x.corp.example/") == "direct");
  CHECK(proxy("wss://10.0.0.1/") == "direct");
  CHECK(proxy("wss://110.0.0.1/") == "secure");
  CHECK(proxy("wss://10.127.255.1/") == "direct");
  CHECK(proxy("wss://10.128.0.1/") == "secure");
  CHECK(proxy("wss://[fd12::1]/") == "direct");
  CHECK(proxy("wss://[fc00::1]/") == "secure");
  CHECK(proxy("wss://1.2.3.4/") == "secure");
  CHECK(proxy("wss://host:8443/") == "direct");
  CHECK(proxy("wss://host/") == "secure");
  settings.no_proxy = "*";
  CHECK(proxy("wss://engine.example/") == "direct");
  settings.no_proxy = "";
  settings.https_proxy = "socks5://s:1";
  CHECK(proxy_for(*Url::parse("wss://h/"), settings).error().code == Code::invalid_argument);
}

}  // namespace relay::net
