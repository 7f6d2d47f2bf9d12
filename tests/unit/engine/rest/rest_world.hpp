#pragma once

#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "support/real_engine.hpp"

namespace relay::engine {

/// A workspace on an engine, and words for what tests ask of it.
class RestWorld {
 public:
  explicit RestWorld(DeliveryStore::Limits limits = {}) : engine(limits) {
    const auto made = engine.ask("POST", "/v1/workspaces", "", R"({"name":"team"})");
    REQUIRE(made.status == 201);
    key = made.at("/data/api_key");
  }

  /// The token of a new agent.
  std::string agent(const std::string& name) {
    const auto made = engine.ask("POST", "/v1/agents", key, R"({"name":")" + name + R"("})");
    REQUIRE(made.status == 201);
    return made.at("/data/token");
  }
  void channel(const std::string& name, const std::vector<std::string>& tokens) {
    REQUIRE(post("/v1/channels", key, R"({"name":")" + name + R"("})").status == 201);
    for (const auto& token : tokens) {
      REQUIRE(post("/v1/channels/" + name + "/join", token).status == 200);
    }
  }
  test::Reply get(const std::string& target, const std::string& token) {
    return engine.ask("GET", target, token);
  }
  test::Reply post(const std::string& target, const std::string& token,
                   const std::string& body = {},
                   const std::vector<std::string>& header_lines = {}) {
    return engine.ask("POST", target, token, body, header_lines);
  }
  test::Reply remove(const std::string& target, const std::string& token) {
    return engine.ask("DELETE", target, token);
  }
  /// Posted, and its id.
  std::string say(const std::string& channel, const std::string& token, const std::string& text) {
    const auto said =
        post("/v1/channels/" + channel + "/messages", token, R"({"text":")" + text + R"("})");
    REQUIRE(said.status == 201);
    return said.at("/data/id");
  }
  std::string dm(const std::string& token, const std::string& to, const std::string& text) {
    const auto said = post("/v1/dm", token, R"({"to":")" + to + R"(","text":")" + text + R"("})");
    REQUIRE(said.status == 201);
    return said.at("/data/id");
  }

  test::RealEngine engine;
  std::string key;
};

/// "404 agent_not_found"
inline std::string refusal(const test::Reply& reply) {
  return std::to_string(reply.status) + " " + reply.at("/error/code");
}

}  // namespace relay::engine
