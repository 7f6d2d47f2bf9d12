#include "os/environment.hpp"

#include <cstdlib>
#include <doctest/doctest.h>

namespace relay::os {

TEST_CASE("the environment of the process is read as it is") {
  ::setenv("RELAY_TEST_ONE", "a=b", 1);
  ::setenv("RELAY_TEST_EMPTY", "", 1);
  const Environment ours = Environment::of_process();
  ::unsetenv("RELAY_TEST_ONE");
  ::unsetenv("RELAY_TEST_EMPTY");
  CHECK(ours.get("RELAY_TEST_ONE") == "a=b");
  CHECK_FALSE(ours.get("RELAY_TEST_EMPTY"));
  CHECK_FALSE(ours.get("RELAY_TEST_NONE"));
  CHECK_FALSE(Environment::of_process().get("RELAY_TEST_ONE"));
}

TEST_CASE("variables are set, unset and written for a child") {
  Environment environment{{"B", "2"}, {"A", "1"}};
  environment.set("C", "");
  environment.set("B", "3");
  environment.unset("A");
  environment.unset("A");
  CHECK(environment.entries() == std::vector<std::string>{"B=3", "C="});
}

}  // namespace relay::os
