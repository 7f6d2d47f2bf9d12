#include "mcp/server.hpp"

#include <doctest/doctest.h>
#include <string>

namespace relay::mcp {
namespace {

Server make_server() {
  ServerFacts facts;
  facts.version = "1.2.3";
  facts.agent = "ada";
  facts.offer.identity = true;
  return Server(std::move(facts));
}

std::string hello(std::string_view version) {
  return R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":")" +
         std::string(version) + R"(","capabilities":{}}})";
}

std::string call(std::string_view id, std::string_view text = "x") {
  return R"({"jsonrpc":"2.0","id":)" + std::string(id) +
         R"(,"method":"tools/call","params":{"name":"send_dm","arguments":{"to":"b","text":")" +
         std::string(text) + R"("}}})";
}

std::string cancel(std::string_view id) {
  return R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":)" +
         std::string(id) + "}}";
}

std::string at(const std::string& line, std::string_view pointer) {
  const auto document = wire::JsonDocument::parse(line, wire::kEngineLimits);
  REQUIRE(document);
  const auto value = document->root().at(pointer);
  return value ? value->json().text() : "absent";
}

}  // namespace

TEST_CASE("the client's version is taken when it is known, else ours is offered") {
  for (const char* version : {"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"}) {
    Server server = make_server();
    const std::string out = server.on_line(hello(version)).out;
    CHECK(at(out, "/result/protocolVersion") == "\"" + std::string(version) + "\"");
    CHECK(at(out, "/result/serverInfo/version") == "\"1.2.3\"");
    CHECK(at(out, "/result/capabilities/tools") == "{}");
    CHECK(at(out, "/result/instructions").find("ada") != std::string::npos);
  }
  for (const char* version : {"2031-01-01", ""}) {
    CHECK(at(make_server().on_line(hello(version)).out, "/result/protocolVersion") ==
          "\"2025-11-25\"");
  }
}

TEST_CASE("every request gets one answer, a notification none") {
  Server server = make_server();
  CHECK(server.on_line(R"({"jsonrpc":"2.0","method":"notifications/initialized"})").out.empty());
  CHECK(server.on_line("  \r").out.empty());
  CHECK(server.on_line(R"({"jsonrpc":"2.0","id":1,"result":{}})").out.empty());
  CHECK(server.on_line(R"({"jsonrpc":"2.0","id":"p","method":"ping"})").out ==
        "{\"jsonrpc\":\"2.0\",\"id\":\"p\",\"result\":{}}\n");
  const auto code = [&server](std::string_view line) {
    return at(server.on_line(line).out, "/error/code");
  };
  CHECK(code(R"({"jsonrpc":"2.0","id":1,"method":"resources/list"})") == "-32601");
  CHECK(code(R"({"jsonrpc":"2.0","id":1})") == "-32600");
  CHECK(code("{") == "-32700");
  CHECK(code(R"({"jsonrpc":"2.0","id":1,"method":"tools/call"})") == "-32602");
  CHECK(code(R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"nope"}})") ==
        "-32602");
  CHECK(code(R"({"jsonrpc":"2.0","id":1,"method":"tools/call",
                 "params":{"name":"send_dm","arguments":[]}})") == "-32602");
  CHECK(code(std::string(2 << 20, ' ') + "{") == "-32600");
  CHECK(at(Server::on_long_line().out, "/error/code") == "-32600");
}

TEST_CASE("a call is made and its result goes to its id") {
  Server server = make_server();
  const ServerStep step = server.on_line(call("7"));
  CHECK(step.out.empty());
  REQUIRE(step.calls.size() == 1);
  CHECK(step.calls.front().run.request().path == "/v1/dm");
  CHECK(server.calls() == 1);
  const std::string out = server.on_result(step.calls.front().number, ToolResult::of("done")).out;
  CHECK(out ==
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"content\":[{\"type\":\"text\",\"text\":"
        "\"done\"}],\"isError\":false}}\n");
  CHECK(server.calls() == 0);
  CHECK(server.on_result(step.calls.front().number, ToolResult::of("again")).out.empty());
}

TEST_CASE("arguments that do not fit are a result, so that the model can mend them") {
  Server server = make_server();
  const std::string out = server
                              .on_line(R"({"jsonrpc":"2.0","id":1,"method":"tools/call",
                                           "params":{"name":"send_dm"}})")
                              .out;
  CHECK(at(out, "/result/isError") == "true");
  CHECK(at(out, "/result/content/0/text").find("\\\"to\\\" is missing") != std::string::npos);
  CHECK(server.calls() == 0);
}

TEST_CASE("a message to oneself is refused, under whatever name") {
  for (const char* to : {"ada", "@ada", "Ada", "@self"}) {
    CAPTURE(to);
    Server server = make_server();
    const ServerStep step = server.on_line(
        R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"send_dm",)"
        R"("arguments":{"to":")" +
        std::string(to) + R"(","text":"x"}}})");
    CHECK(step.calls.empty());
    CHECK(at(step.out, "/result/isError") == "true");
    CHECK(at(step.out, "/result/content/0/text").find("that is you") != std::string::npos);
  }
}

TEST_CASE("a cancelled call gets no answer") {
  Server server = make_server();
  const auto first = server.on_line(call("1")).calls.front().number;
  CHECK(server.on_line(cancel("\"1\"")).cancelled.empty());
  CHECK(server.on_line(cancel("1")).cancelled == std::vector<std::uint64_t>{first});
  CHECK(server.on_result(first, ToolResult::of("late")).out.empty());
  CHECK(server.on_line(cancel("1")).cancelled.empty());
  CHECK(server.on_line(R"({"jsonrpc":"2.0","method":"notifications/cancelled"})").out.empty());
}

TEST_CASE("an id in use and too many calls are refused") {
  Server server = make_server();
  (void)server.on_line(call("1"));
  CHECK(at(server.on_line(call("1")).out, "/error/code") == "-32600");
  for (std::size_t i = 2; i <= kMostCalls; ++i) {
    CHECK(server.on_line(call(std::to_string(i))).calls.size() == 1);
  }
  const ServerStep refused = server.on_line(call("1000"));
  CHECK(refused.calls.empty());
  CHECK(at(refused.out, "/result/isError") == "true");
  CHECK(server.calls() == kMostCalls);
}

TEST_CASE("a batch is answered as one, when the last of its calls is done") {
  Server server = make_server();
  (void)server.on_line(hello("2025-03-26"));
  const ServerStep step =
      server.on_line("[" + call("1", "a") + R"(,{"jsonrpc":"2.0","id":2,"method":"ping"},7,)" +
                     R"({"jsonrpc":"2.0","method":"notifications/x"},)" + call("3", "b") + "]");
  CHECK(step.out.empty());
  REQUIRE(step.calls.size() == 2);
  CHECK(server.on_result(step.calls[0].number, ToolResult::of("A")).out.empty());
  const std::string out = server.on_result(step.calls[1].number, ToolResult::of("B")).out;
  CHECK(at(out, "/0/id") == "2");
  CHECK(at(out, "/1/error/code") == "-32600");
  CHECK(at(out, "/2/id") == "1");
  CHECK(at(out, "/3/id") == "3");
  CHECK(at(out, "/4") == "absent");
  CHECK(server.on_line(R"([{"jsonrpc":"2.0","method":"notifications/x"}])").out.empty());
  CHECK(at(server.on_line("[]").out, "/error/code") == "-32600");
}

TEST_CASE("a batch whose calls are cancelled ends all the same") {
  Server server = make_server();
  (void)server.on_line(hello("2025-03-26"));
  const ServerStep step =
      server.on_line("[" + call("1") + R"(,{"jsonrpc":"2.0","id":2,"method":"ping"}])");
  REQUIRE(step.calls.size() == 1);
  CHECK(at(server.on_line(cancel("1")).out, "/0/id") == "2");
  // In the same batch as the call.
  const ServerStep both = server.on_line("[" + call("3") + "," + cancel("3") + "]");
  CHECK(both.calls.empty());
  CHECK(both.out.empty());
}

TEST_CASE("batches belong to one version") {
  Server server = make_server();
  (void)server.on_line(hello("2025-06-18"));
  const std::string out = server.on_line(R"([{"jsonrpc":"2.0","id":2,"method":"ping"}])").out;
  CHECK(at(out, "/error/code") == "-32600");
}

TEST_CASE("who has no name is offered one, and then the rest") {
  ServerFacts facts;
  Server server(std::move(facts));
  const std::string list = R"({"jsonrpc":"2.0","id":2,"method":"tools/list"})";
  CHECK(server.on_line(list).out.find("register_agent") != std::string::npos);
  CHECK(at(server.on_line(hello("2025-06-18")).out, "/result/capabilities/tools/listChanged") ==
        "true");
  server.has_identity();
  CHECK(server.on_line(list).out.find("register_agent") == std::string::npos);
}

}  // namespace relay::mcp
