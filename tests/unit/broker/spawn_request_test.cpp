#include "broker/spawn_request.hpp"

#include <doctest/doctest.h>

namespace relay::broker {
namespace {

std::string why_not(std::string_view body) {
  const auto request = spawn_request_of_api(body);
  return request ? "fine" : request.error().message;
}

wire::ActionInvoke action(std::string name, std::string_view input) {
  wire::ActionInvoke out;
  out.invocation_id = "inv_1";
  out.action = std::move(name);
  out.input = *wire::Json::parse(input);
  return out;
}

}  // namespace

TEST_CASE("a spawn by the API: what is not said has its usual value") {
  const auto request = spawn_request_of_api(R"({"name":"ada"})");
  REQUIRE(request);
  CHECK(request->name == "ada");
  CHECK(request->command == std::vector<std::string>{"claude"});
  CHECK(request->cwd.empty());
  CHECK(request->rows == 24);
  CHECK(request->columns == 80);
  CHECK_FALSE(request->restart.enabled);
  CHECK(request->idle_after == std::chrono::seconds(30));
  CHECK(request->wait == SpawnWait::spawned);
}

TEST_CASE("a spawn by the API: both spellings of every key") {
  for (const char* body :
       {R"({"name":"ada","cli":"codex --full 'a b'","args":["x"],"model":"m","task":"go",
            "channels":["dev"],"cwd":"/tmp","team":"t","exit_after_task":true,
            "skip_relay_prompt":true,"idle_threshold_secs":5,"agent_token":"at_1",
            "restart_policy":{"max_restarts":2,"cooldown_ms":10,"max_consecutive_failures":1}})",
        R"({"name":"ada","cli":"codex --full 'a b'","args":["x"],"model":"m","task":"go",
            "channels":"dev","cwd":"/tmp","team":"t","spawnMode":"single-shot",
            "skipRelayPrompt":true,"idleThresholdSecs":5,"agentToken":"at_1",
            "restartPolicy":{"enabled":true,"maxRestarts":2,"cooldownMs":10,
                             "maxConsecutiveFailures":1}})"}) {
    const auto request = spawn_request_of_api(body);
    REQUIRE(request);
    CHECK(request->command == std::vector<std::string>{"codex", "--full", "a b", "x"});
    CHECK(request->model == "m");
    CHECK(request->task == "go");
    CHECK(request->channels == std::vector<std::string>{"dev"});
    CHECK(request->cwd == "/tmp");
    CHECK(request->team == "t");
    CHECK(request->exit_after_task);
    CHECK(request->skip_relay_prompt);
    CHECK(request->idle_after == std::chrono::seconds(5));
    CHECK(request->agent_token.reveal() == "at_1");
    CHECK(request->restart.enabled);
    CHECK(request->restart.max_restarts == 2);
    CHECK(request->restart.max_consecutive_failures == 1);
    CHECK(request->restart.cooldown == std::chrono::milliseconds(10));
  }
}

TEST_CASE("a spawn by the API: a harness config names the program in words") {
  const auto request = spawn_request_of_api(
      R"({"name":"ada","cli":"ignored","harnessConfig":{"runtime":"pty","command":"/bin/cat",
          "args":["-u","a b"],"cwd":"/","env":{"K":"v"},"sessionId":"s1",
          "metadata":{"verifyReady":true}}})");
  REQUIRE(request);
  CHECK(request->command == std::vector<std::string>{"/bin/cat", "-u", "a b"});
  CHECK(request->cwd == "/");
  CHECK(request->environment.at("K") == "v");
  CHECK(request->resume == "s1");
  CHECK(request->wait == SpawnWait::ready);
}

TEST_CASE("a spawn by the API: what is refused, in the words that clients know") {
  CHECK(why_not("{}") == "Missing required field: name");
  CHECK(why_not("[]") == "Missing required field: name");
  CHECK(why_not(R"({"name":" "})") == "Missing required field: name");
  CHECK(why_not(R"({"name":"a","spawnMode":"x"})") ==
        "unsupported spawnMode 'x' (expected 'interactive' or 'task_exit')");
  CHECK(why_not(R"({"name":"a","harnessId":"x"})") ==
        "harnessId is not supported by the broker API; send harnessConfig");
  CHECK(why_not(R"({"name":"a","harnessConfig":1})").starts_with("Invalid harnessConfig: "));
  CHECK(why_not(R"({"name":"a","harnessConfig":{"runtime":"pty"}})")
            .starts_with("Invalid harnessConfig: "));
  CHECK(why_not(R"({"name":"a","harnessConfig":{"runtime":"headless"}})")
            .starts_with("Invalid harnessConfig: "));
  CHECK(why_not(R"({"name":"a","transport":"x"})").starts_with("unsupported transport 'x'"));
  CHECK(why_not(R"({"name":"a","cli":"'x"})") == "invalid CLI command ''x'");
  CHECK(why_not(R"({"name":"a","cwd":"here"})") == "cwd 'here' is not an absolute path");
  CHECK(why_not(R"({"name":"a","env":{"A=B":"x"}})") == "'A=B' is no name of a variable");
  CHECK(why_not(R"({"name":"../x"})") == "an agent cannot have this name");
  CHECK(why_not(R"({"name":"a\nb"})") == "an agent cannot have this name");
  CHECK(why_not("{") != "fine");
}

TEST_CASE("an action spawn: the harness comes from the suffix, the agent from a plain string") {
  const auto request = spawn_request_of_action(action(
      "spawn:codex",
      R"({"agent":"codex-builder-1","model":"gpt-5","args":["--sandbox","workspace-write"]})"));
  REQUIRE(request);
  CHECK(request->name == "codex-builder-1");
  CHECK(request->command == std::vector<std::string>{"codex", "--sandbox", "workspace-write"});
  CHECK(request->model == "gpt-5");
  CHECK(request->invocation_id == "inv_1");
}

TEST_CASE("an action spawn: fields may be nested, and the frame's own name goes first") {
  auto invoke = action("spawn", R"({"name":"b","agent":{"name":"c","cli":"cat","channels":["x"],
                                    "token":"at_2"},"metadata":{"workerCwd":"/tmp"}})");
  auto request = spawn_request_of_action(invoke);
  REQUIRE(request);
  CHECK(request->name == "b");
  CHECK(request->command == std::vector<std::string>{"cat"});
  CHECK(request->channels == std::vector<std::string>{"x"});
  CHECK(request->cwd == "/tmp");
  CHECK(request->agent_token.reveal() == "at_2");
  invoke.agent_name = "a";
  request = spawn_request_of_action(invoke);
  REQUIRE(request);
  CHECK(request->name == "a");
}

TEST_CASE("an action spawn and release: what is missing has the engine's word") {
  CHECK(spawn_request_of_action(action("spawn:cat", "{}")).error().message ==
        "spawn_missing_agent_name");
  CHECK(spawn_request_of_action(action("spawn", R"({"name":"a"})")).error().message ==
        "spawn_missing_cli");
  CHECK(release_name_of_action(action("release", "{}")).error().message ==
        "release_missing_agent_name");
  CHECK(*release_name_of_action(action("release", R"({"agent":{"name":"a"}})")) == "a");
}

TEST_CASE("a command line is taken apart as a shell does, without its powers") {
  CHECK(*split_command(R"(a  "b c" d\ e 'f"g' "h\"i\j" '')") ==
        std::vector<std::string>{"a", "b c", "d e", "f\"g", "h\"i\\j", ""});
  CHECK(*split_command("$HOME `x` ; *") == std::vector<std::string>{"$HOME", "`x`", ";", "*"});
  CHECK_FALSE(split_command(" \t"));
  CHECK_FALSE(split_command("a \"b"));
}

}  // namespace relay::broker
