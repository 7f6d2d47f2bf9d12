#include "net/http_message.hpp"

#include <doctest/doctest.h>

namespace relay::net {

TEST_CASE("header names are compared without case, in wire order") {
  Headers headers;
  headers.add("X-One", "1");
  headers.add("x-one", "2");
  CHECK(headers.get("X-ONE") == "1");
  CHECK(headers.count("x-One") == 2);
  headers.set("X-One", "3");
  CHECK(headers.count("x-one") == 1);
  CHECK(headers.get("x-one") == "3");
  CHECK_FALSE(headers.get("x-on").has_value());
}

TEST_CASE("has_token looks at whole items of the list") {
  Headers headers;
  headers.add("Connection", "keep-alive ,  UPGRADE");
  CHECK(headers.has_token("connection", "upgrade"));
  CHECK(headers.has_token("connection", "keep-alive"));
  CHECK_FALSE(headers.has_token("connection", "keep"));
  CHECK_FALSE(headers.has_token("upgrade", "websocket"));
}

TEST_CASE("a target is split into path and decoded query") {
  HttpRequest request;
  request.target = "/v1/agents?status=a%20b+c&x&bad=%4&status=second";
  CHECK(request.path() == "/v1/agents");
  CHECK(request.query_value("status") == "a b c");
  CHECK(request.query_value("x") == "");
  CHECK_FALSE(request.query_value("bad").has_value());
  CHECK_FALSE(request.query_value("none").has_value());
  request.target = "/plain";
  CHECK(request.path() == "/plain");
  CHECK(request.query().empty());
}

}  // namespace relay::net
