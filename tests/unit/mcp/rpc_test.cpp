#include "mcp/rpc.hpp"

#include <doctest/doctest.h>

namespace relay::mcp {
namespace {

using Kind = RpcMessage::Kind;

RpcMessage only(std::string_view line) {
  const auto read = read_line(line);
  REQUIRE(read);
  REQUIRE(read->messages.size() == 1);
  return read->messages.front();
}

}  // namespace

TEST_CASE("a request keeps its id as it came") {
  const RpcMessage number = only(R"({"jsonrpc":"2.0","id":7,"method":"ping"})");
  CHECK(number.kind == Kind::request);
  CHECK(number.id == "7");
  CHECK(number.method == "ping");
  CHECK(number.params.is_null());
  CHECK(only(R"({"jsonrpc":"2.0","id":"a\"b","method":"x"})").id == R"("a\"b")");
  CHECK(only(R"({"jsonrpc":"2.0","id":1.5,"method":"x","params":{"a":1}})").params.text() ==
        R"({"a":1})");
}

TEST_CASE("what has a method and no id is a notification, what has a result is an answer") {
  CHECK(only(R"({"jsonrpc":"2.0","method":"notifications/initialized"})").kind ==
        Kind::notification);
  CHECK(only(R"({"jsonrpc":"2.0","id":1,"result":{}})").kind == Kind::response);
  CHECK(only(R"({"jsonrpc":"2.0","id":1,"error":{"code":1}})").kind == Kind::response);
}

TEST_CASE("what is JSON and no message is invalid, with the id that can be sent back") {
  CHECK(only(R"({"jsonrpc":"1.0","id":1,"method":"x"})").id == "1");
  for (const char* line :
       {"7", "{}", R"({"jsonrpc":"2.0","id":null,"method":"x"})",
        R"({"jsonrpc":"2.0","id":{},"method":"x"})", R"({"jsonrpc":"2.0","id":1,"method":""})",
        R"({"jsonrpc":"2.0","id":1,"method":5})", R"({"jsonrpc":"2.0","id":1})",
        R"({"jsonrpc":"2.0","id":1,"method":"x","params":[1]})"}) {
    CAPTURE(line);
    CHECK(only(line).kind == Kind::invalid);
    CHECK_FALSE(only(line).why.empty());
  }
}

TEST_CASE("ids, names, batches and depths have bounds") {
  const std::string id = "\"" + std::string(300, 'x') + "\"";
  CHECK(only(R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":"x"})").kind == Kind::invalid);
  const std::string name(200, 'm');
  CHECK(only(R"({"jsonrpc":"2.0","id":1,"method":")" + name + "\"}").kind == Kind::invalid);
  std::string batch = "[1";
  for (int i = 1; i < 64; ++i) batch += ",1";
  CHECK(read_line(batch + "]")->messages.size() == 64);
  const auto many = read_line(batch + ",1]");
  REQUIRE_FALSE(many);
  CHECK(many.error().code == Code::too_large);
  CHECK_FALSE(read_line(std::string(100, '[') + std::string(100, ']')));
  CHECK_FALSE(read_line("{"));
}

TEST_CASE("answers are one line each") {
  CHECK(answer_text("7", R"({"a":1})") == R"({"jsonrpc":"2.0","id":7,"result":{"a":1}})");
  CHECK(fault_text("null", RpcFault::parse_error, "a\nb") ==
        R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"a\nb"}})");
}

}  // namespace relay::mcp
