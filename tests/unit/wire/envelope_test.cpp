#include "wire/envelope.hpp"

#include <doctest/doctest.h>

#include "wire/rest_agents.hpp"
#include "wire/rest_workspace.hpp"

namespace relay::wire {
namespace {

template <class T>
std::string body_problem(std::string_view text) {
  const auto answer = decode_answer<T>(text);
  return answer ? "none" : answer.error().message;
}

}  // namespace

TEST_CASE("an answer is its data or the engine's refusal") {
  const auto good = decode_answer<AgentToken>(R"({"ok":true,"data":{"name":"a","token":"t"}})");
  CHECK(good->data->token == "t");
  CHECK_FALSE(good->error);
  const auto bad = decode_answer<AgentToken>(
      R"({"ok":false,"error":{"code":"agent_not_found","message":"no such agent","x":1}})");
  CHECK_FALSE(bad->data);
  CHECK(bad->error->code == "agent_not_found");
  CHECK(bad->error->message == "no such agent");
}

TEST_CASE("an answer may be a list or have no data") {
  const auto list = decode_answer<std::vector<AgentPresence>>(
      R"({"ok":true,"data":[{"agent_id":"1","agent_name":"a","status":"online"}]})");
  CHECK(list->data->at(0).status == "online");
  CHECK(decode_answer<NoData>(R"({"ok":true})")->data);
}

TEST_CASE("what is no answer is an error that says why") {
  CHECK(body_problem<AgentToken>(R"({"data":{}})") == "ok: missing");
  CHECK(body_problem<AgentToken>(R"({"ok":true})") == "data: missing");
  CHECK(body_problem<AgentToken>(R"({"ok":true,"data":{"token":7}})") ==
        "data.token: expected a string, got a number");
  CHECK(body_problem<AgentToken>(R"({"ok":false})") == "ok and error contradict each other");
  CHECK(body_problem<AgentToken>(R"({"ok":false,"error":"x"})") ==
        "error: expected an object, got a string");
  CHECK(body_problem<std::vector<AgentPresence>>(R"({"ok":true,"data":[{"agent_id":"1"}]})") ==
        "data[0].agent_name: missing");
  CHECK(body_problem<AgentToken>("<html>").starts_with("not JSON: "));
}

TEST_CASE("answers are written as the REST API has them") {
  AgentToken token;
  token.name = "a";
  token.token = "t";
  CHECK(encode_answer(token) == R"({"ok":true,"data":{"name":"a","token":"t"}})");
  CHECK(encode_answer(std::vector<Agent>{}) == R"({"ok":true,"data":[]})");
  CHECK(encode_answer() == R"({"ok":true})");
  CHECK(encode_refusal(ApiError{"not_found", "no \"x\""}) ==
        R"({"ok":false,"error":{"code":"not_found","message":"no \"x\""}})");
}

}  // namespace relay::wire
