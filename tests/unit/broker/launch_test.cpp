#include "broker/launch.hpp"

#include <doctest/doctest.h>

#include "pty/injection/profile_file.hpp"

namespace relay::broker {
namespace {

using Words = std::vector<std::string>;

Launch plan(const SpawnRequest& request, const os::Environment& ours = {}) {
  static const auto profiles = pty::builtin_profiles();
  AgentSurroundings surroundings;
  surroundings.agent_name = "ada";
  surroundings.broker = "proj-1";
  surroundings.engine = "https://engine.example";
  surroundings.workspace_id = "ws_1";
  surroundings.token_file = "/run/ada/token";
  return plan_launch(request, pty::profile_for(profiles, request.command.front()), surroundings,
                     ours, "11111111-2222-4333-8444-555555555555");
}

SpawnRequest request(Words command) {
  SpawnRequest out;
  out.name = "ada";
  out.command = std::move(command);
  return out;
}

}  // namespace

TEST_CASE("claude gets a session of its own, a model, and no questions") {
  auto wanted = request({"claude"});
  wanted.model = "opus";
  const Launch launch = plan(wanted);
  CHECK(launch.argv == Words{"claude", "--dangerously-skip-permissions", "--model", "opus",
                             "--session-id", "11111111-2222-4333-8444-555555555555"});
  CHECK(launch.session_id == "11111111-2222-4333-8444-555555555555");
  CHECK(launch.environment.get("DISABLE_AUTOUPDATER") == "1");
}

TEST_CASE("what the request says itself is not said again") {
  auto wanted = request({"claude", "--model=x", "--continue", "--dangerously-skip-permissions"});
  wanted.model = "opus";
  const Launch launch = plan(wanted);
  CHECK(launch.argv == wanted.command);
  CHECK(launch.session_id.empty());
  auto attended = request({"claude", "--resume", "s"});
  attended.attended = true;
  CHECK(plan(attended).argv == attended.command);
}

TEST_CASE("a session goes on") {
  auto wanted = request({"claude"});
  wanted.resume = "s-1";
  wanted.attended = true;
  const Launch launch = plan(wanted);
  CHECK(launch.argv == Words{"claude", "--resume", "s-1"});
  CHECK(launch.session_id == "s-1");
}

TEST_CASE("nothing secret of ours reaches a program") {
  const os::Environment ours{{"AGENT_RELAY_WORKSPACE_KEY", "rk_live_x"},
                             {"RELAY_WORKSPACE_KEY", "rk_live_x"},
                             {"RELAY_API_KEY", "rk_live_x"},
                             {"RELAY_WORKSPACES_JSON", "rk_live_x"},
                             {"RELAY_NODE_TOKEN", "nt_live_x"},
                             {"RELAY_AGENT_TOKEN", "at_live_x"},
                             {"RELAY_AGENT_IDENTITY_KEY", "x"},
                             {"RELAY_BROKER_API_KEY", "br_x"},
                             {"RELAY_BROKER_WORKSPACE_KEY", "rk_live_x"},
                             {"RELAY_BROKER_NODE_TOKEN", "nt_live_x"},
                             {"NOTIFY_SOCKET", "/run/systemd/notify"},
                             {"CLAUDECODE", "1"},
                             {"RELAY_AGENT_NAME", "somebody"},
                             {"RELAY_AGENT_BROKER", "another"},
                             {"HOME", "/home/x"},
                             {"PATH", "/bin"},
                             {"TERM", "dumb"}};
  auto wanted = request({"cat"});
  wanted.environment["MINE"] = "1";
  const Launch launch = plan(wanted, ours);
  CHECK(launch.environment.entries() ==
        Words{"HOME=/home/x", "MINE=1", "PATH=/bin", "RELAY_AGENT_BROKER=proj-1",
              "RELAY_AGENT_NAME=ada", "RELAY_AGENT_TOKEN_FILE=/run/ada/token",
              "RELAY_AGENT_TYPE=agent", "RELAY_BASE_URL=https://engine.example",
              "RELAY_DEFAULT_WORKSPACE=ws_1", "RELAY_SKIP_BOOTSTRAP=1", "RELAY_STRICT_AGENT_NAME=1",
              "RELAY_WORKSPACE_ID=ws_1", "TERM=xterm-256color"});
}

TEST_CASE("an agent that is not to know of the relay is told nothing of itself") {
  auto wanted = request({"cat"});
  wanted.skip_relay_prompt = true;
  const Launch launch = plan(wanted);
  CHECK_FALSE(launch.environment.get("RELAY_AGENT_NAME"));
  CHECK_FALSE(launch.environment.get("RELAY_AGENT_TOKEN_FILE"));
}

}  // namespace relay::broker
