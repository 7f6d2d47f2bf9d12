#include "wire/engine_frames.hpp"

#include <doctest/doctest.h>

namespace relay::wire {
namespace {

std::string problem(std::string_view text) {
  const auto frame = decode_engine_frame(text);
  return frame ? "none" : std::string(name_of(frame.error().code)) + " " + frame.error().message;
}

constexpr std::string_view kDeliverHead =
    R"({"v":1,"type":"deliver","delivery_id":"del_1","agent_id":"8","agent":"a","msg_id":"9",)";

std::string deliver(std::string_view rest) {
  return std::string(kDeliverHead) + std::string(rest);
}

}  // namespace

TEST_CASE("an engine's frames are written key by key as the protocol has them") {
  Deliver frame;
  frame.delivery_id = "del_1";
  frame.agent_id = "8";
  frame.agent = "a";
  frame.msg_id = "9";
  frame.seq = 3;
  frame.mode = InjectionMode::steer;
  frame.payload = Json::parse(R"({"type": "x", "data": {}})").value();
  CHECK(encode(frame) == deliver(R"("seq":3,"mode":"steer","payload":{"type":"x","data":{}}})"));

  ActionInvoke invoke;
  invoke.invocation_id = "inv_1";
  invoke.action = "spawn:claude";
  CHECK(encode(invoke) ==
        R"({"v":1,"type":"action.invoke","invocation_id":"inv_1","action":"spawn:claude",)"
        R"("input":null})");

  Reply reply;
  reply.id = "r";
  CHECK(encode(reply) == R"({"v":1,"type":"reply","id":"r","ok":true,"data":null})");

  ErrorFrame error;
  error.id = "r";
  error.code = "c";
  error.message = "m";
  CHECK(encode(error) == R"({"v":1,"type":"error","id":"r","ok":false,"code":"c","message":"m"})");

  CHECK(encode(Ping{}) == R"({"v":1,"type":"ping"})");

  ContextUpdate update;
  update.topic = "presence";
  update.event = "agent.status.active";
  CHECK(encode(update) == R"({"v":1,"type":"context.update","topic":"presence",)"
                          R"("event":"agent.status.active","channel_id":null,"data":null})");
}

TEST_CASE("a deliver frame survives what an engine may add or change") {
  const auto frame =
      std::get<Deliver>(decode_engine_frame(deliver(R"("seq":3.0,"mode":"later","new":{"a":[]},)"
                                                    R"("payload":{"a":1e0,"a":2}})"))
                            .value());
  CHECK(frame.seq == 3);
  CHECK(frame.mode == InjectionMode::wait);
  CHECK(frame.payload.text() == R"({"a":1,"a":2})");
}

TEST_CASE("an id that is a number is taken for its digits") {
  const auto frame = std::get<Deliver>(
      decode_engine_frame(
          R"({"v":1,"type":"deliver","delivery_id":1,"agent_id":139212345678901234,)"
          R"("agent":"a","msg_id":18446744073709551615,"seq":0,"payload":{}})")
          .value());
  CHECK(frame.delivery_id == "1");
  CHECK(frame.agent_id == "139212345678901234");
  CHECK(frame.msg_id == "18446744073709551615");
}

TEST_CASE("a deliver frame without its essentials is refused by name") {
  CHECK(problem(deliver(R"("seq":1,"payload":[]})")) ==
        "protocol_error payload: expected an object, got an array");
  CHECK(problem(deliver(R"("seq":1})")) == "protocol_error payload: missing");
  CHECK(problem(deliver(R"("payload":{}})")) == "protocol_error seq: missing");
}

TEST_CASE("ok must match the type") {
  CHECK(problem(R"({"v":1,"type":"reply","id":"r","ok":false,"data":1})") ==
        "protocol_error ok: must be true");
  CHECK(problem(R"({"v":1,"type":"error","id":"r","ok":true,"code":"c","message":"m"})") ==
        "protocol_error ok: must be false");
  CHECK(problem(R"({"v":1,"type":"error","id":"r","ok":null,"code":"c","message":"m"})") ==
        "protocol_error ok: must be false");
}

TEST_CASE("context.update and unknown types are no errors") {
  CHECK(problem(R"({"v":1,"type":"context.update","topic":"channel","event":"channel.updated",)"
                R"("channel_id":"5","agent_ids":["1"],"data":{}})") == "none");
  const auto frame = decode_engine_frame(R"({"v":1,"type":"node.later","id":{}})");
  CHECK(std::get<UnknownFrame>(frame.value()).type == "node.later");
}

TEST_CASE("a registration's answer needs an id and a token, and may carry more") {
  const auto decode = [](std::string_view text) { return decode_body<AgentRegistered>(text); };
  CHECK(decode(R"({"agent_id":"1","token":"at","name":"a","later":true})")->token == "at");
  CHECK(decode(R"({"agent_id":"1","token":""})").error().message == "token: must not be empty");
  CHECK(decode(R"({"agent_id":"1"})").error().message == "token: missing");
  AgentRegistered plain;
  plain.agent_id = "1";
  plain.token = "t";
  plain.name = "n";
  CHECK(encode_body(plain) == R"({"agent_id":"1","token":"t","name":"n"})");
}

}  // namespace relay::wire
