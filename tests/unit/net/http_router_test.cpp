#include "net/http_router.hpp"

#include <doctest/doctest.h>
#include <stdexcept>

#include "net/http_encoding.hpp"

namespace relay::net {
namespace {

HttpRouter router(std::initializer_list<std::pair<const char*, const char*>> patterns) {
  std::vector<Route> routes;
  for (const auto& [method, pattern] : patterns) routes.emplace_back(method, pattern, nullptr);
  return HttpRouter(std::move(routes));
}

std::string pattern_of(const RouteMatch& match) {
  return match.route ? match.route->pattern : std::to_string(match.status) + " " + match.allow;
}

}  // namespace

TEST_CASE("literals win over parameters, wherever they stand in the list") {
  const auto table = router({{"GET", "/v1/{kind}/{id}"},
                             {"GET", "/v1/agents/{name}"},
                             {"GET", "/v1/agents/me"},
                             {"DELETE", "/v1/agents/{name}"},
                             {"GET", "/v1/{kind}/me"},
                             {"GET", "/"}});
  CHECK(pattern_of(table.find("GET", "/v1/agents/me")) == "/v1/agents/me");
  CHECK(pattern_of(table.find("GET", "/v1/agents/you")) == "/v1/agents/{name}");
  CHECK(pattern_of(table.find("GET", "/v1/nodes/me")) == "/v1/{kind}/me");
  CHECK(pattern_of(table.find("GET", "/v1/nodes/7")) == "/v1/{kind}/{id}");
  CHECK(pattern_of(table.find("DELETE", "/v1/agents/me")) == "/v1/agents/{name}");
  CHECK(pattern_of(table.find("GET", "/")) == "/");
  CHECK(pattern_of(table.find("HEAD", "/v1/agents/me")) == "/v1/agents/me");
}

TEST_CASE("what has no route is 404, or 405 with what there is") {
  const auto table = router({{"GET", "/a"}, {"PUT", "/a"}, {"POST", "/{x}"}, {"GET", "/a/{y}/c"}});
  CHECK(pattern_of(table.find("DELETE", "/a")) == "405 GET, HEAD, PUT, POST");
  CHECK(pattern_of(table.find("get", "/a")) == "405 GET, HEAD, PUT, POST");
  for (const auto* path : {"/b/c", "/a/", "/a//c", "a", "", "//", "*", "/A/b/c"}) {
    CAPTURE(path);
    CHECK(table.find("GET", path).status == 404);
  }
}

TEST_CASE("parameters are decoded, segment by segment") {
  const auto table = router({{"GET", "/a/{x}/b/{y}"}});
  const auto match = table.find("GET", "/a/%41%2f+/b/%C3%BC");
  REQUIRE(match.status == 200);
  CHECK(match.parameters == PathParameters{{"x", "A/+"}, {"y", "\xc3\xbc"}});
  CHECK(table.find("GET", "/a/%4/b/c").status == 400);
  CHECK(table.find("GET", "/a/%00/b/c").status == 400);
  CHECK(table.find("GET", "/a/%/b/c").status == 400);
}

TEST_CASE("two routes for the same thing are a mistake") {
  CHECK_THROWS_AS(router({{"GET", "/{a}"}, {"GET", "/{b}"}}), std::logic_error);
  CHECK_THROWS_AS(router({{"GET", "a"}}), std::logic_error);
}

TEST_CASE("a head that could break out of its lines is not written") {
  const auto written = [](const char* name, const char* value) {
    HttpResponse response(200);
    response.headers.add(name, value);
    std::string out = "before";
    const bool good = append_head(out, response, HeadOptions());
    CHECK((good || out == "before"));
    return good;
  };
  CHECK(written("X-Good", "a b\tc"));
  CHECK_FALSE(written("X", "a\r\nb"));
  CHECK_FALSE(written("X", "a\nb"));
  CHECK_FALSE(written("X\r", "a"));
  CHECK_FALSE(written("X Y", "a"));
  CHECK_FALSE(written("", "a"));
  std::string out;
  CHECK_FALSE(append_head(out, HttpResponse(20), HeadOptions()));
}

TEST_CASE("the framing of an answer is the server's, not the handler's") {
  HttpResponse response(200);
  response.body = "abc";
  response.headers.add("content-length", "7");
  response.headers.add("Transfer-Encoding", "gzip");
  response.headers.add("Connection", "keep-alive");
  HeadOptions options;
  options.keep_alive = false;
  std::string out;
  REQUIRE(append_head(out, response, options));
  CHECK(out == "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n");
  out.clear();
  REQUIRE(append_head(out, HttpResponse(204), HeadOptions()));
  CHECK(out == "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST_CASE("an event cannot be forged from inside another") {
  std::string out;
  append_event(out, "a\nb", "x\r\rdata: y\n", "1\r2");
  CHECK(out == "event: a b\nid: 1 2\ndata: x\ndata: \ndata: data: y\ndata: \n\n");
  out.clear();
  append_event(out, "", "", "");
  CHECK(out == "data: \n\n");
  out.clear();
  append_comment(out, "a\nb");
  CHECK(out == ": a b\n\n");
}

}  // namespace relay::net
