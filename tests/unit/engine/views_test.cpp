#include "engine/views.hpp"

#include <doctest/doctest.h>

using namespace relay;
using namespace relay::engine;

namespace {

const Wall kNoon{std::chrono::seconds(1767268800)};  // 2026-01-01T12:00:00Z

}  // namespace

TEST_CASE("times are whole seconds, and are read in the forms that people write") {
  CHECK(wire_time(kNoon + std::chrono::milliseconds(999)) == "2026-01-01T12:00:00.000Z");
  for (const char* text :
       {"2026-01-01T12:00:00.000Z", "2026-01-01T12:00:00Z", "2026-01-01T14:00:00.5+02:00",
        "2026-01-01 12:00:00", "2026-01-01T12:00Z", "2026-01-01T07:30:00-0430"}) {
    CAPTURE(text);
    CHECK(parse_wire_time(text) == kNoon);
  }
  CHECK(parse_wire_time("2026-01-01") == kNoon - std::chrono::hours(12));
  for (const char* text :
       {"", "soon", "2026-13-01T00:00:00Z", "2026-02-30", "2026-01-01T24:00:00Z",
        "2026-01-01T12:00:00Q", "2026-01-01T12:00:00+2", "9999-01-01", "-026-01-01"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_wire_time(text));
  }
}

TEST_CASE("a message has the UUID that the SDK makes of its id") {
  // stableRelaycastEventId of @relaycast/types 5.0.7.
  CHECK(event_uuid("42") == "91258189-1e72-54f0-bba6-e2cf746ba54f");
  CHECK(event_uuid("248123456789012345") == "e0412d19-7395-52e6-8ca6-ac7f0dcb0da8");
}

TEST_CASE("a status has one name, and online means active") {
  CHECK(name_of(AgentStatus::waiting) == "waiting");
  CHECK(agent_status_of("online") == AgentStatus::active);
  CHECK(agent_status_of("blocked") == AgentStatus::blocked);
  CHECK_FALSE(agent_status_of("away"));
}

TEST_CASE("what a node is told for its deliveries shows without its secrets") {
  Node node;
  node.id = first_id_at(kNoon);
  node.node_id = "node_a";
  node.name = "hook";
  node.delivery =
      R"({"url":"https://x/y","hmac_secret":"s3","headers":{"X-Any":"v","deep":{"n":1}},)"
      R"("auth":{"apiKey":"k","user":"u"},"list":[{"Token":"t"},2]})";
  CHECK(node_view(node, kNoon).delivery.text() ==
        R"({"url":"https://x/y","hmac_secret":"[redacted]",)"
        R"("headers":{"X-Any":"[redacted]","deep":{"n":"[redacted]"}},)"
        R"("auth":{"apiKey":"[redacted]","user":"u"},"list":[{"Token":"[redacted]"},2]})");
}

TEST_CASE("a node is online as long as it was heard of lately, and its handlers with it") {
  Node node;
  node.online = true;
  node.handlers_live = true;
  node.heartbeat = kNoon;
  CHECK(node_view(node, kNoon + std::chrono::seconds(45)).status == "online");
  const auto late = node_view(node, kNoon + std::chrono::seconds(46));
  CHECK(late.status == "offline");
  CHECK_FALSE(late.live);
  CHECK_FALSE(late.handlers_live);
}
