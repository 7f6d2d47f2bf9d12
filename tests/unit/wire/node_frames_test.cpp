#include "wire/node_frames.hpp"

#include <doctest/doctest.h>
#include <limits>

namespace relay::wire {
namespace {

std::string frame_problem(std::string_view text, Strictness strictness = Strictness::lenient) {
  const auto frame = decode_node_frame(text, strictness);
  return frame ? "none" : std::string(name_of(frame.error().code)) + " " + frame.error().message;
}

}  // namespace

TEST_CASE("a node's frames are written key by key as the protocol has them") {
  NodeRegister node;
  node.name = "n";
  node.node_id = "node_1";
  node.version = "relay-broker/1";
  CHECK(encode(node) ==
        R"({"v":1,"type":"node.register","name":"n","node_id":"node_1","capabilities":[],)"
        R"("max_agents":0,"tags":[],"version":"relay-broker/1","resume_cursor":null})");

  NodeHeartbeat beat;
  beat.load = 0.5;
  CHECK(encode(beat) ==
        R"({"v":1,"type":"node.heartbeat","load":0.5,"active_agents":0,"handlers_live":false})");

  DeliveryAck ack;
  ack.agent = "a";
  ack.up_to_seq = std::numeric_limits<std::uint64_t>::max();
  CHECK(encode(ack) ==
        R"({"v":1,"type":"delivery.ack","agent":"a","up_to_seq":18446744073709551615})");

  AgentRecover recover;
  recover.name = "a";
  recover.expected_agent_id = "7";
  CHECK(encode(recover) == R"({"v":1,"type":"agent.recover","name":"a","expected_agent_id":"7"})");

  ActionResult result;
  result.invocation_id = "inv_1";
  CHECK(encode(result) ==
        R"({"v":1,"type":"action.result","invocation_id":"inv_1","output":null})");
  result.outcome = std::string("handler_unavailable");
  CHECK(encode(result) ==
        R"({"v":1,"type":"action.result","invocation_id":"inv_1","error":"handler_unavailable"})");
}

TEST_CASE("an answer bears the id of its frame, where the frame has one") {
  AgentRecover recover;
  CHECK_FALSE(id_of(recover).has_value());
  recover.id = "r7";
  CHECK(id_of(recover) == "r7");
  CHECK_FALSE(id_of(NodeHeartbeat()).has_value());
}

TEST_CASE("a load that JSON or the protocol lacks is sent as 0") {
  NodeHeartbeat beat;
  for (const double load :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(), -0.5}) {
    beat.load = load;
    CHECK(encode(beat).find(R"("load":0,)") != std::string::npos);
  }
}

TEST_CASE("the version must be 1, also in a frame that we do not know") {
  CHECK(frame_problem(R"({"v":2,"type":"node.deregister"})") == "protocol_error v: must be 1");
  CHECK(frame_problem(R"({"type":"node.deregister"})") == "protocol_error v: missing");
  CHECK(frame_problem(R"({"v":"1","type":"node.deregister"})") == "protocol_error v: must be 1");
  CHECK(frame_problem(R"({"v":2,"type":"node.later"})") == "protocol_error v: must be 1");
}

TEST_CASE("an action.result has exactly one of output and error") {
  const std::string head = R"({"v":1,"type":"action.result","invocation_id":"i")";
  const std::string wrong = "protocol_error needs exactly one of output and error";
  CHECK(frame_problem(head + "}") == wrong);
  CHECK(frame_problem(head + R"(,"output":1,"error":"x"})") == wrong);
  CHECK(frame_problem(head + R"(,"output":null,"error":"x"})") == wrong);
  CHECK(frame_problem(head + R"(,"output":null})", Strictness::strict) == "none");
  CHECK(frame_problem(head + R"(,"error":7})") ==
        "protocol_error error: expected a string, got a number");
}

TEST_CASE("a load must be a number that is not negative") {
  const auto beat = [](const std::string& load) {
    return R"({"v":1,"type":"node.heartbeat","active_agents":1,"handlers_live":true,"load":)" +
           load + "}";
  };
  CHECK(frame_problem(beat("0")) == "none");
  CHECK(frame_problem(beat("-0.1")) == "protocol_error load: must not be negative");
  CHECK(frame_problem(beat("null")) == "protocol_error load: expected a number, got null");
  CHECK(frame_problem(beat("1e999")).starts_with("invalid_json "));
  CHECK(frame_problem(beat("NaN")).starts_with("invalid_json "));
}

TEST_CASE("a wrong shape names the field") {
  CHECK(frame_problem(R"({"v":1,"type":"inventory.sync","agents":[{"agent_id":"1","name":"a"},)"
                      R"({"agent_id":"2","name":[]}]})") ==
        "protocol_error agents[1].name: expected a string, got an array");
  CHECK(frame_problem(R"({"v":1,"type":"inventory.sync","agents":{}})") ==
        "protocol_error agents: expected an array, got an object");
  CHECK(frame_problem(R"({"v":1,"type":"delivery.ack","agent":"a","up_to_seq":-1})") ==
        "protocol_error up_to_seq: expected a whole number from 0 to 18446744073709551615, "
        "got a number");
  CHECK(frame_problem(R"({"v":1,"type":"delivery.ack","agent":"a","up_to_seq":1.5})") ==
        "protocol_error up_to_seq: expected a whole number from 0 to 18446744073709551615, "
        "got a number");
  CHECK(frame_problem(
            R"({"v":1,"type":"node.register","name":"n","node_id":"i","capabilities":["x"]})") ==
        "protocol_error capabilities[0]: expected an object, got a string");
  CHECK(frame_problem("[]") == "protocol_error expected an object, got an array");
  CHECK(frame_problem(R"({"v":1})") == "protocol_error type: missing");
  CHECK(frame_problem(R"({"v":1,"type":5})") ==
        "protocol_error type: expected a string, got a number");
}

TEST_CASE("lenient passes over what strict refuses") {
  const std::string extra = R"({"v":1,"type":"node.deregister","later":[1]})";
  CHECK(frame_problem(extra) == "none");
  CHECK(frame_problem(extra, Strictness::strict) == "protocol_error later: unknown key");
  const std::string null = R"({"v":1,"type":"node.deregister","id":null})";
  CHECK(frame_problem(null) == "none");
  CHECK(frame_problem(null, Strictness::strict) ==
        "protocol_error id: must be left out instead of null");
  CHECK(frame_problem(R"({"v":1,"type":"node.spawn","id":"x"})") == "none");
  CHECK(frame_problem(R"({"v":1,"type":"node.spawn"})", Strictness::strict) ==
        "protocol_error type: not one of this direction");
}

TEST_CASE("of two equal keys the last counts, and strict refuses them") {
  const std::string twice =
      R"({"v":1,"type":"delivery.ack","agent":"a","agent":"b","up_to_seq":1})";
  CHECK(std::get<DeliveryAck>(decode_node_frame(twice).value()).agent == "b");
  CHECK(frame_problem(twice, Strictness::strict) == "protocol_error agent: unknown key");
}

TEST_CASE("a node's frame beyond the limits is refused") {
  const std::string deep = R"({"v":1,"type":"action.result","invocation_id":"i","output":)" +
                           std::string(64, '[') + std::string(64, ']') + "}";
  CHECK(frame_problem(deep) == "too_large JSON nested deeper than 64 levels");
  const std::string big =
      R"({"v":1,"type":"node.deregister","x":")" + std::string(1024 * 1024, 'x') + R"("})";
  CHECK(frame_problem(big).starts_with("too_large JSON of 10486"));
}

}  // namespace relay::wire
