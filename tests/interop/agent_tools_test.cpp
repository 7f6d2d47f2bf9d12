// Real agent CLIs, told of their message tools by a broker: a model on loopback calls one, and the
// message is at the engine.
#include "clis/agent_cli.hpp"
#include <doctest/doctest.h>
#include <filesystem>
#include <string>

#include "support/fake_engine_thread.hpp"
#include "support/keeper_world.hpp"
#include "support/run_binary.hpp"
#include "support/skipped.hpp"
#include "support/temp_dir.hpp"
#include "wire/json.hpp"

namespace relay::test {
namespace {

const std::filesystem::path kInteropDir = INTEROP_DIR;
constexpr Duration kModelWithin = std::chrono::seconds(90);

std::uint16_t port_in(const std::string& line) {
  const auto at = line.find("{\"port\":");
  REQUIRE(at != std::string::npos);
  return static_cast<std::uint16_t>(std::stoi(line.substr(at + 8)));
}

/// One start of a CLI that does one turn and ends; what the engine was asked to send.
void calls_a_tool(const std::string& name, const std::vector<std::string>& once) {
  const auto cli = interop::find_cli(name);
  if (!cli) return skip(name + " is not installed (./dev interop does that)");
  const TempDir temp;
  FakeEngineThread engine;
  engine.call([](FakeEngine& e) {
    e.state().add_agent(e.state().workspaces.front().id, "bob");
    return 0;
  });
  // The model ends with its input, so that has to stay open.
  RunningProgram model(os::Command({"/bin/sh", "-c", "tail -f /dev/null | node \"$@\"", "model",
                                    (kInteropDir / "clis/model_server.mjs").string(), "--call",
                                    "send_dm", R"({"to":"bob","text":"hello from a real agent"})"},
                                   os::Environment::of_process()));
  model.wait_for("}");
  const auto launch = interop::prepare(*cli, temp / "cli", port_in(model.out()), false);

  os::Environment environment = temp.environment();
  environment.set("RELAY_BROKER_WORKSPACE_KEY", FakeState::kWorkspaceKey);
  environment.set("RELAY_BROKER_ENGINE", engine.url());
  const auto in_directory = [&](const std::vector<std::string>& words) {
    os::Command command = binary_command(words, environment);
    command.working_directory = launch.cwd;
    return command;
  };
  RunningProgram broker(in_directory({"serve"}));
  broker.wait_for("ready");
  std::vector<std::string> spawn{"spawn", "--name", "ada", "--cwd", launch.cwd.string()};
  for (const std::string& pair : launch.environment.entries()) {
    spawn.insert(spawn.end(), {"--env", pair});
  }
  spawn.insert(spawn.end(), {launch.argv.front(), "--"});
  spawn.insert(spawn.end(), once.begin(), once.end());
  const auto made = run_program(in_directory(spawn), {}, kModelWithin);
  CAPTURE(made.err);
  REQUIRE(made.status.as_shell() == 0);
  try {
    model.wait_for("\"called\":", kModelWithin);
  } catch (const std::exception& late) {
    FAIL(std::string(late.what()) << "\n"
                                  << name << " shows:\n"
                                  << run_program(in_directory({"snapshot", "ada"})).out
                                  << run_program(in_directory({"status", "--json"})).out);
  }
  MESSAGE(name << " " << cli->version << ": " << model.out());
  const Record sent = engine.next_request("POST /v1/dm", kModelWithin);
  CHECK(sent.string("/to") == "bob");
  CHECK(sent.string("/text") == "hello from a real agent");
  const std::string token = engine.call([](FakeEngine& e) { return e.state().agent("ada").token; });
  CHECK(sent.header("Authorization") == "Bearer " + token);
  (void)run_program(in_directory({"release", "--all"}));
  broker.signal(SIGTERM);
  (void)broker.wait_end();
  for (const pid_t pid : alive_with(temp.path().string())) ::kill(pid, SIGTERM);
  CHECK(wait_none(temp.path().string()).empty());
}

}  // namespace

TEST_CASE("Claude Code calls a tool of ours") {
  calls_a_tool("claude", {"-p", "say hello to bob"});
}

TEST_CASE("Codex calls a tool of ours") {
  calls_a_tool("codex", {"exec", "--skip-git-repo-check", "say hello to bob"});
}

TEST_CASE("opencode calls a tool of ours") {
  calls_a_tool("opencode", {"run", "say hello to bob"});
}

}  // namespace relay::test
