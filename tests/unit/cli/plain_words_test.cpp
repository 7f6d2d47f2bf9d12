#include "cli/plain_words.hpp"

#include <doctest/doctest.h>

namespace relay::cli {

TEST_CASE("words of the API that people do not know are put into theirs") {
  CHECK(plain_words("unknown worker 'ada'") == "there is no agent called 'ada'");
  CHECK(plain_words("spawn_harness_not_ready: sh ended at once") == "sh ended at once");
  CHECK(plain_words("Agent \"bob\" not found and Relaycast publish failed: no engine") ==
        "agent \"bob\" is not here, and it could not be sent on: no engine");
  CHECK(plain_words("Invalid harnessConfig: it has no command") ==
        "the program cannot be started so: it has no command");
  CHECK(
      plain_words("node_control_disconnected: the node is not connected to the engine: refused") ==
      "the broker is not connected to its engine: refused");
  for (const char* prefix :
       {"node_control_shutdown", "agent_register_timeout", "agent_identity_mismatch"}) {
    CHECK(plain_words(std::string(prefix) + ": words") == "words");
  }
  CHECK(plain_words("the disk is full") == "the disk is full");
  CHECK(plain_reason("worker_exited") == "its program had ended");
  CHECK(plain_reason("of_tomorrow") == "of_tomorrow");
}

}  // namespace relay::cli
