#include "os/paths.hpp"

#include <doctest/doctest.h>

namespace relay::os {
namespace {

Surroundings ann(Environment environment) {
  Surroundings out;
  out.environment = std::move(environment);
  out.working_directory = "/home/ann/project";
  out.user = 1000;
  return out;
}

}  // namespace

TEST_CASE("without any variable the places are those of the XDG rules") {
  const auto paths = user_paths(ann({{"HOME", "/home/ann"}}));
  REQUIRE(paths);
  CHECK(paths->config == "/home/ann/.config/relay-broker");
  CHECK(paths->data == "/home/ann/.local/share/relay-broker");
  CHECK(paths->state == "/home/ann/.local/state/relay-broker");
  CHECK(paths->runtime == "/home/ann/.local/state/relay-broker");
  CHECK(paths->temporary == "/tmp");
}

TEST_CASE("the variables decide, unless they are relative or empty") {
  const auto set = user_paths(ann({{"HOME", "/home/ann"},
                                   {"XDG_CONFIG_HOME", "/c"},
                                   {"XDG_DATA_HOME", "/d/"},
                                   {"XDG_STATE_HOME", "/s/../t"},
                                   {"XDG_RUNTIME_DIR", "/run/ann"},
                                   {"TMPDIR", "/var/tmp"}}));
  REQUIRE(set);
  CHECK(set->config == "/c/relay-broker");
  CHECK(set->data == "/d/relay-broker");
  CHECK(set->state == "/t/relay-broker");
  CHECK(set->runtime == "/run/ann/relay-broker");
  CHECK(set->temporary == "/var/tmp");
  const auto ignored = user_paths(ann({{"HOME", "/home/ann"},
                                       {"XDG_CONFIG_HOME", "config"},
                                       {"XDG_DATA_HOME", ""},
                                       {"XDG_STATE_HOME", "./s"},
                                       {"XDG_RUNTIME_DIR", "run"},
                                       {"TMPDIR", "tmp"}}));
  REQUIRE(ignored);
  CHECK(ignored->config == "/home/ann/.config/relay-broker");
  CHECK(ignored->data == "/home/ann/.local/share/relay-broker");
  CHECK(ignored->state == "/home/ann/.local/state/relay-broker");
  CHECK(ignored->runtime == ignored->state);
  CHECK(ignored->temporary == "/tmp");
}

TEST_CASE("sockets are not where the end of a session removes them") {
  for (const char* place : {"/run/user/1000", "/run//user/1000/", "/var/run/user/0"}) {
    CAPTURE(place);
    const auto paths = user_paths(ann({{"HOME", "/home/ann"}, {"XDG_RUNTIME_DIR", place}}));
    CHECK(paths->runtime == paths->state);
  }
  const auto other = user_paths(ann({{"HOME", "/home/ann"}, {"XDG_RUNTIME_DIR", "/run/users"}}));
  CHECK(other->runtime == "/run/users/relay-broker");
}

TEST_CASE("HOME may be missing when something else says where") {
  Surroundings daemon = ann({});
  CHECK(user_paths(daemon).error().code == Code::invalid_argument);
  daemon.home_of_user = "/var/lib/relay";
  CHECK(user_paths(daemon)->data == "/var/lib/relay/.local/share/relay-broker");
  CHECK(user_paths(
            ann({{"XDG_CONFIG_HOME", "/c"}, {"XDG_DATA_HOME", "/d"}, {"XDG_STATE_HOME", "/s"}}))
            ->state == "/s/relay-broker");
  CHECK_FALSE(user_paths(ann({{"XDG_CONFIG_HOME", "/c"}, {"XDG_DATA_HOME", "/d"}, {"HOME", "h"}})));
}

TEST_CASE("the instance of a directory is its basename and a hash of its whole path") {
  CHECK(instance_name("/home/ann/project") == "project-148e91b5");
  CHECK(instance_name("/home/ann/project/") == instance_name("/home/ann/./x/../project"));
  CHECK(instance_name("/home/bob/project") != instance_name("/home/ann/project"));
  CHECK(instance_name("/").starts_with("root-"));
  CHECK(instance_name("/a/my project\u00E9").starts_with("my-project---"));
  CHECK(instance_name("/a/.hidden").starts_with("hidden-"));
  CHECK(instance_name("/a/" + std::string(200, 'x')).size() == 32 + 9);
  for (const char* directory : {"/", "/a b", "/...", "/-x", "/\xFF\n", "/\u65E5\u672C"}) {
    CHECK(check_instance_name(instance_name(directory)).has_value());
  }
}

TEST_CASE("a client looks for its broker from its directory upwards") {
  CHECK(instance_candidates("/home/ann/") == std::vector<std::string>{instance_name("/home/ann"),
                                                                      instance_name("/home"),
                                                                      instance_name("/")});
}

TEST_CASE("an instance name cannot lead out of its directory") {
  for (const char* name : {"a", "My_project-2.x", "0"})
    CHECK(check_instance_name(name).has_value());
  for (const char* name : {"", ".", "..", ".a", "-a", "a/b", "a b", "a\n", "\u00E9"}) {
    CAPTURE(name);
    CHECK(check_instance_name(name).error().code == Code::invalid_argument);
  }
  CHECK(check_instance_name(std::string(64, 'a')).has_value());
  CHECK_FALSE(check_instance_name(std::string(65, 'a')));
}

TEST_CASE("a socket path that is too long moves to a short private place") {
  const auto paths = user_paths(ann({{"HOME", "/home/ann"}, {"TMPDIR", "/var/tmp"}})).value();
  const Path longest = "/" + std::string(kLongestSocketPath - 13, 'd');
  CHECK(socket_path(paths, longest, "broker.sock") == longest / "broker.sock");
  const Path too_long = longest.string() + "d";
  const Path moved = socket_path(paths, too_long, "broker.sock");
  CHECK(moved.string().starts_with("/tmp/relay-broker-1000/"));
  CHECK(moved.string().ends_with("/broker.sock"));
  CHECK(moved == socket_path(paths, too_long, "broker.sock"));
  CHECK(moved != socket_path(paths, too_long.string() + "d", "broker.sock"));

  CHECK(moved.native().size() <= 107);
  // Whoever has another one finds it.
  const auto other = user_paths(ann({{"HOME", "/home/ann"}})).value();
  CHECK(moved == socket_path(other, too_long, "broker.sock"));
}

TEST_CASE("the surroundings of this process are there") {
  const auto ours = Surroundings::of_process();
  REQUIRE(ours);
  CHECK(ours->working_directory.is_absolute());
}

}  // namespace relay::os
