// The frames of the node protocol as real peers write them: one file each in
// tests/fixtures/fleet-wire.
#include <doctest/doctest.h>
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "support/bytes_of.hpp"
#include "support/same_json.hpp"
#include "wire/engine_frames.hpp"
#include "wire/node_frames.hpp"

namespace relay::wire {
namespace {

enum class From { node, engine };

const std::map<std::string, From> kFiles = {
    {"node.register.json", From::node},
    {"node.heartbeat.json", From::node},
    {"node.deregister.json", From::node},
    {"agent.register.json", From::node},
    {"agent.deregister.json", From::node},
    {"inventory.sync.json", From::node},
    {"delivery.ack.json", From::node},
    {"action.result.output.json", From::node},
    {"action.result.error.json", From::node},
    {"deliver.json", From::engine},
    {"action.invoke.json", From::engine},
    {"ping.json", From::engine},
    {"reply.json", From::engine},
    {"reply.agent_register.json", From::engine},
    {"error.json", From::engine},
};

const std::filesystem::path kFolder = RELAY_FIXTURES "/fleet-wire";

std::string fixture(const std::string& name) {
  return test::bytes_of(kFolder / name);
}

std::string engine_frame_again(const std::string& text) {
  const auto frame = decode_engine_frame(text, Strictness::strict);
  REQUIRE_MESSAGE(frame.has_value(), (frame ? "" : frame.error().message));
  return encode(*frame);
}

std::string node_frame_again(const std::string& text) {
  const auto frame = decode_node_frame(text, Strictness::strict);
  REQUIRE_MESSAGE(frame.has_value(), (frame ? "" : frame.error().message));
  return encode(*frame);
}

}  // namespace

TEST_CASE("the folder holds exactly the files that this test knows") {
  std::set<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    found.insert(entry.path().filename());
  }
  std::set<std::string> known;
  for (const auto& each : kFiles) known.insert(each.first);
  CHECK(found == known);
}

TEST_CASE("every file decodes strictly in its direction and encodes to the same JSON") {
  std::set<std::string> types;
  for (const auto& [name, from] : kFiles) {
    CAPTURE(name);
    const std::string text = fixture(name);
    const std::string again =
        from == From::engine ? engine_frame_again(text) : node_frame_again(text);
    CHECK(test::same_json(text, again));
    const auto document = JsonDocument::parse(text, kEngineLimits);
    types.insert(std::string(document->root().at("/type")->string().value()));
  }
  CHECK(types == std::set<std::string>{"node.register", "node.heartbeat", "node.deregister",
                                       "agent.register", "agent.deregister", "inventory.sync",
                                       "delivery.ack", "action.result", "deliver", "action.invoke",
                                       "ping", "reply", "error"});
}

TEST_CASE("no file decodes in the other direction") {
  for (const auto& [name, from] : kFiles) {
    CAPTURE(name);
    const std::string text = fixture(name);
    if (from == From::engine) {
      CHECK_FALSE(decode_node_frame(text, Strictness::strict));
      CHECK(std::holds_alternative<UnknownFrame>(decode_node_frame(text).value()));
    } else {
      CHECK_FALSE(decode_engine_frame(text, Strictness::strict));
      CHECK(std::holds_alternative<UnknownFrame>(decode_engine_frame(text).value()));
    }
  }
}

TEST_CASE("the fields of the files arrive in their members") {
  const auto node =
      std::get<NodeRegister>(decode_node_frame(fixture("node.register.json")).value());
  CHECK(node.name == "builder-1");
  CHECK(node.capabilities.size() == 3);
  CHECK(node.capabilities[0].metadata->text() == R"({"agent":"codex"})");
  CHECK(node.max_agents == 8);
  CHECK_FALSE(node.resume_cursor);
  CHECK(node.repo_keys->size() == 2);

  const auto deliver = std::get<Deliver>(decode_engine_frame(fixture("deliver.json")).value());
  CHECK(deliver.seq == 43);
  CHECK(deliver.agent == "codex-builder-1");
  CHECK(deliver.mode == InjectionMode::wait);
  CHECK(deliver.payload.text().starts_with(R"({"type":"message.created","data":{"id":"msg_01J7)"));

  const auto reply =
      std::get<Reply>(decode_engine_frame(fixture("reply.agent_register.json")).value());
  const auto registered = decode_body<AgentRegistered>(reply.data.text());
  CHECK(registered->agent_id == "agt_01J7ZK3F8Q2M4N6P8R0T0101");
  CHECK(registered->token == "at_live_0123456789abcdef01234567");
  CHECK(registered->delivery_ack_seq == 42);

  const auto generic = std::get<Reply>(decode_engine_frame(fixture("reply.json")).value());
  CHECK(decode_body<AgentRegistered>(generic.data.text()).error().message == "agent_id: missing");
}

}  // namespace relay::wire
