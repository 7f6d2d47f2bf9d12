#include "mcp/tools.hpp"

#include <doctest/doctest.h>
#include <set>
#include <string>

#include "wire/json.hpp"

namespace relay::mcp {
namespace {

std::set<std::string> names_for(const Offer& offer) {
  const auto document = wire::JsonDocument::parse(tools_json(offer), wire::kEngineLimits);
  REQUIRE(document);
  std::set<std::string> out;
  for (const auto& tool : document->root().at("/tools")->elements()) {
    CHECK(out.emplace(*tool.find("name")->string()).second);
  }
  return out;
}

}  // namespace

TEST_CASE("an agent of a broker finds the tools it knows, and none to register with") {
  Offer offer;
  offer.identity = true;
  CHECK(names_for(offer) ==
        std::set<std::string>{
            "send_dm",         "post_message",      "reply_to_thread",     "send_group_dm",
            "add_reaction",    "remove_reaction",   "check_inbox",         "list_messages",
            "list_dms",        "list_dm_messages",  "get_message_thread",  "search_messages",
            "list_channels",   "mark_message_read", "get_message_readers", "create_channel",
            "join_channel",    "leave_channel",     "invite_to_channel",   "set_channel_topic",
            "archive_channel", "list_agents",       "query_nodes",         "list_actions",
            "invoke_action"});
}

TEST_CASE("spawning, results and registering are offered to whom they are of use") {
  Offer offer;
  CHECK(names_for(offer).count("register_agent") == 1);
  CHECK(names_for(offer).count("add_agent") == 0);
  offer.identity = offer.spawning = offer.results = true;
  offer.result_schema = R"({"type":"number"})";
  const auto all = names_for(offer);
  for (const char* name : {"add_agent", "spawn", "remove_agent", "submit_result"}) {
    CHECK(all.count(name) == 1);
  }
  CHECK(tools_json(offer).find(R"({\"type\":\"number\"})") != std::string::npos);
  CHECK(find_tool("add_agent", offer) != nullptr);
  CHECK(find_tool("register_agent", offer) == nullptr);
  CHECK(find_tool("nothing", offer) == nullptr);
}

TEST_CASE("a tool says what it takes") {
  Offer offer;
  const auto document = wire::JsonDocument::parse(tools_json(offer), wire::kEngineLimits);
  REQUIRE(document);
  const auto dm = document->root().at("/tools/0");
  REQUIRE(dm);
  CHECK(dm->find("name")->string() == "send_dm");
  CHECK(dm->at("/inputSchema/type")->string() == "object");
  CHECK(dm->at("/inputSchema/required")->json().text() == R"(["to","text"])");
  CHECK(dm->at("/inputSchema/properties/to/type")->string() == "string");
  CHECK(dm->at("/inputSchema/properties/mode/enum")->json().text() == R"(["wait","steer"])");
  CHECK(dm->at("/inputSchema/properties/attachments/items/type")->string() == "string");
  CHECK(dm->find("_meta")->json().text() == R"({"anthropic/alwaysLoad":true})");
  CHECK_FALSE(document->root().at("/tools/3/_meta"));
  CHECK(dm->at("/annotations/readOnlyHint")->boolean() == false);
}

TEST_CASE("every place in a path belongs to an argument that has to be given") {
  for (const Tool& tool : all_tools()) {
    CAPTURE(std::string(tool.name));
    std::string path(tool.path);
    for (const Parameter& parameter : tool.parameters) {
      const std::string place = "{" + std::string(parameter.name) + "}";
      const auto at = path.find(place);
      if (at == std::string::npos) continue;
      CHECK(parameter.required);
      path.erase(at, place.size());
    }
    CHECK(path.find('{') == std::string::npos);
  }
}

}  // namespace relay::mcp
