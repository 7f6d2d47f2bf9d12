#include "token_cache/token_file.hpp"

#include <doctest/doctest.h>

namespace relay::token_cache {
namespace {

TokenFile sample() {
  TokenFile file;
  file.node_id = "node_1";
  file.workspace_id = "ws_1";
  file.engine = "http://e";
  file.token = Secret("nt_live_abc");
  return file;
}

}  // namespace

TEST_CASE("the file is what agent-relay-broker 9.1.6 writes and reads, and three fields more") {
  // Its own words, as found on disk after it had started.
  const auto of_peer = parse_token_file(
      R"({"node_id":"node_9722","workspace_id":"ws_5","base_url":"http://127.0.0.1:18777",)"
      R"("token":"nt_live_faf38c2c"})");
  REQUIRE(of_peer);
  CHECK(of_peer->node_id == "node_9722");
  CHECK(of_peer->workspace_id == "ws_5");
  CHECK(of_peer->engine == "http://127.0.0.1:18777");
  CHECK(of_peer->token.reveal() == "nt_live_faf38c2c");

  CHECK(token_file_text(sample()) ==
        "{\"node_id\":\"node_1\",\"workspace_id\":\"ws_1\",\"base_url\":\"http://e\","
        "\"token\":\"nt_live_abc\"}\n");
  TokenFile full = sample();
  full.node_name = "box";
  full.directory = "/srv";
  full.engine_database = "/srv/x.db";
  const auto again = parse_token_file(token_file_text(full));
  REQUIRE(again);
  CHECK(again->node_name == "box");
  CHECK(again->directory == "/srv");
  CHECK(again->engine_database == "/srv/x.db");
}

TEST_CASE("a workspace that the peer did not know is unknown") {
  const auto file = parse_token_file(
      R"({"node_id":"n","workspace_id":"ws_unknown","base_url":"http://e","token":"nt_live_a"})");
  REQUIRE(file);
  CHECK(file->workspace_id.empty());
  CHECK_FALSE(fits(*file, "n", "ws_1", "http://e"));
}

TEST_CASE("a damaged file counts as absent") {
  for (const auto* text :
       {"", "{", "null", "[]", "\"x\"", "{}", R"({"node_id":"n"})", R"({"token":"t"})",
        R"({"node_id":"n","token":""})", R"({"node_id":"n","token":"  "})",
        R"({"node_id":"","token":"t"})", R"({"node_id":1,"token":"t"})",
        R"({"node_id":"n","token":["t"]})", R"({"node_id":"n","token":"t","base_url":7})",
        R"({"node_id":"n","token":"t")", "{\"node_id\":\"n\",\"token\":\"\xff\"}"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_token_file(text));
  }
}

TEST_CASE("a cached token is for one node, one workspace and one engine") {
  const TokenFile file = sample();
  CHECK(fits(file, "node_1", "ws_1", "http://e"));
  CHECK_FALSE(fits(file, "node_2", "ws_1", "http://e"));
  CHECK_FALSE(fits(file, "node_1", "ws_2", "http://e"));
  CHECK_FALSE(fits(file, "node_1", "ws_1", "http://other"));
}

TEST_CASE("a legacy file without an engine still fits its workspace") {
  for (const auto* text :
       {R"({"node_id":"n","workspace_id":"ws_1","token":"t"})",
        R"({"node_id":"n","workspace_id":"ws_1","base_url":null,"token":" t\n"})"}) {
    CAPTURE(text);
    const auto file = parse_token_file(text);
    REQUIRE(file);
    CHECK(file->token.reveal() == "t");
    CHECK(fits(*file, "n", "ws_1", "http://any"));
    CHECK_FALSE(fits(*file, "n", "ws_2", "http://any"));
  }
}

TEST_CASE("each node has a file of its own, named as the peer names it") {
  CHECK(token_file_name("node_1-a") == "node_1-a.json");
  CHECK(token_file_name("a/../b:c.d") == "a____b_c_d.json");
  CHECK(token_file_name("") == "node.json");
}

}  // namespace relay::token_cache
