#include "token_cache/node_identity.hpp"

#include <doctest/doctest.h>
#include <set>

namespace relay::token_cache {

TEST_CASE("the node id is made from seed, directory and workspace as the peer makes it") {
  // printf 'node_0011…\0/home/dev/app\0ws_7' | sha256sum
  const std::string seed = "node_00112233445566778899aabbccddeeff";
  CHECK(derived_node_id(seed, "/home/dev/app", "ws_7") == "node_70ee452b6e44cded0b8b06cf8481c368");
  CHECK(peer_node_id(seed, "/home/dev/app") == "node_5dad2d3996d20b9703006b085030c374");
}

TEST_CASE("another directory, workspace or machine is another node") {
  std::set<std::string> ids;
  for (const auto* seed : {"node_a", "node_b"}) {
    for (const auto* directory : {"/a", "/b", "/a/b"}) {
      for (const auto* workspace : {"", "1", "2"}) {
        ids.insert(derived_node_id(seed, directory, workspace));
      }
    }
  }
  CHECK(ids.size() == 18);
}

TEST_CASE("12.5.16: two directories of one host have different names, and none has the host's") {
  const auto one = default_node_name("laptop.example.com", "/home/dev/app");
  const auto two = default_node_name("laptop.example.com", "/home/dev/other/app");
  CHECK(one.starts_with("laptop-app-"));
  CHECK(two.starts_with("laptop-app-"));
  CHECK(one != two);
  CHECK(default_node_name("", "/x").starts_with("relay-node-x-"));
  CHECK(check_node_name(default_node_name("h\x1b[31m/ä", "/srv/ü ü")).has_value());
}

TEST_CASE("a name that an engine would change or refuse is refused before it is asked") {
  for (const auto* name : {"", "#boss", "a b", "a/b", "a\nb", "\x1b[31m"}) {
    CAPTURE(name);
    const auto checked = check_node_name(name);
    REQUIRE_FALSE(checked);
    CHECK(checked.error().code == Code::invalid_argument);
  }
  CHECK(check_node_name("builder-1").has_value());
  CHECK_FALSE(check_node_name(std::string(129, 'a')));
}

TEST_CASE("a node id is what an engine issues, and nothing that could be a path") {
  CHECK(check_node_id("node_01J7ZK").has_value());
  for (const auto* id : {"", "../x", "a b", "a/b"}) {
    CAPTURE(id);
    CHECK_FALSE(check_node_id(id));
  }
}

TEST_CASE("engine addresses are compared in one form") {
  CHECK(engine_address("https://Cast.Example.COM/") == std::string("https://cast.example.com"));
  CHECK(engine_address(" HTTP://127.0.0.1:8787// ") == std::string("http://127.0.0.1:8787"));
  CHECK(engine_address("https://h/Base/") == std::string("https://h/Base"));
  for (const auto* url : {"", "host", "ftp://h", "https://", "https://user:pw@h", "https://h?a=b",
                          "https://h/#x", "https://a b"}) {
    CAPTURE(url);
    const auto address = engine_address(url);
    REQUIRE_FALSE(address);
    CHECK(address.error().code == Code::invalid_argument);
  }
}

}  // namespace relay::token_cache
