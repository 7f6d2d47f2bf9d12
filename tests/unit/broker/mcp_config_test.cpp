#include "broker/mcp_config.hpp"

#include <doctest/doctest.h>

#include "broker/launch.hpp"
#include "pty/injection/profile_file.hpp"
#include "wire/json.hpp"

namespace relay::broker {
namespace {

using Argv = std::vector<std::string>;

const std::string kFile = "/run/ada/mcp.json";

McpServer a_server() {
  McpServer server;
  server.command = "/usr/bin/relay-broker";
  server.environment = {{"RELAY_AGENT_NAME", "ada"}};
  server.private_environment = {{"HTTPS_PROXY", "http://me:secret@proxy"}};
  return server;
}

McpPlan plan_for(const std::string& program, const Argv& more = {},
                 const os::Environment& environment = {}) {
  static const auto profiles = pty::builtin_profiles();
  Argv argv{program};
  argv.insert(argv.end(), more.begin(), more.end());
  return plan_mcp(pty::profile_for(profiles, program).mcp, a_server(), kFile, argv, environment);
}

std::string in_file(const McpPlan& plan, std::string_view pointer) {
  const auto document = wire::JsonDocument::parse(plan.file, wire::kEngineLimits);
  REQUIRE(document);
  const auto value = document->root().at(pointer);
  return value ? value->json().text() : "absent";
}

}  // namespace

TEST_CASE("claude reads a file that an argument names") {
  const McpPlan plan = plan_for("claude");
  CHECK(plan.args == Argv{"--mcp-config", kFile});
  CHECK(plan.variable.empty());
  CHECK(plan.file ==
        R"({"mcpServers":{"agent-relay":{"command":"/usr/bin/relay-broker","args":["mcp"],)"
        R"("env":{"RELAY_AGENT_NAME":"ada","HTTPS_PROXY":"http://me:secret@proxy"}}}})");
}

TEST_CASE("codex takes settings, and of what may be secret only the names") {
  const McpPlan plan = plan_for("codex");
  CHECK(plan.file.empty());
  CHECK(plan.args == Argv{"--config", R"(mcp_servers.agent-relay.command="/usr/bin/relay-broker")",
                          "--config", R"(mcp_servers.agent-relay.args=["mcp"])", "--config",
                          R"(mcp_servers.agent-relay.env={RELAY_AGENT_NAME="ada"})", "--config",
                          R"(mcp_servers.agent-relay.env_vars=["HTTPS_PROXY"])"});
}

TEST_CASE("gemini and opencode find a file by a variable, each in its own format") {
  const McpPlan gemini = plan_for("gemini");
  CHECK(gemini.variable == "GEMINI_CLI_SYSTEM_DEFAULTS_PATH");
  CHECK(gemini.args.empty());
  CHECK(in_file(gemini, "/mcpServers/agent-relay/command") == R"("/usr/bin/relay-broker")");
  const McpPlan opencode = plan_for("opencode");
  CHECK(opencode.variable == "OPENCODE_CONFIG");
  CHECK(in_file(opencode, "/mcp/agent-relay/type") == R"("local")");
  CHECK(in_file(opencode, "/mcp/agent-relay/command") == R"(["/usr/bin/relay-broker","mcp"])");
  CHECK(in_file(opencode, "/mcp/agent-relay/environment/RELAY_AGENT_NAME") == R"("ada")");
  CHECK(in_file(plan_for("amp"), "/agent-relay/command") == R"("/usr/bin/relay-broker")");
}

TEST_CASE("goose gets one line, as a shell reads it") {
  CHECK(plan_for("goose").args ==
        Argv{"--with-extension", "RELAY_AGENT_NAME='ada' '/usr/bin/relay-broker' 'mcp'"});
}

TEST_CASE("a choice of the user's is left alone, a program that knows no way gets nothing") {
  const auto nothing = [](const McpPlan& plan) {
    return plan.args.empty() && plan.variable.empty() && plan.file.empty();
  };
  CHECK(nothing(plan_for("claude", {"--mcp-config", "mine.json"})));
  CHECK(nothing(plan_for("claude", {"--mcp-config=mine.json"})));
  CHECK(nothing(plan_for("codex", {"-c", "mcp_servers.agent-relay.command=\"x\""})));
  CHECK_FALSE(nothing(plan_for("codex", {"-c", "mcp_servers.mine.command=\"x\""})));
  CHECK(nothing(plan_for("opencode", {}, {{"OPENCODE_CONFIG", "/home/x/mine.json"}})));
  for (const char* program : {"cursor-agent", "droid", "grok", "aider", "my-own-agent", "bash"}) {
    CAPTURE(program);
    CHECK(nothing(plan_for(program)));
  }
}

TEST_CASE("quotes, backslashes and newlines stay inside their quotes") {
  pty::McpRule rule;
  rule.by = pty::McpBy::flag;
  rule.args = {"{env}", "{line}"};
  McpServer server;
  server.command = "/a b/it's";
  server.environment = {{"X", "q\"\\\n{env}"}};
  const McpPlan plan = plan_mcp(rule, server, "", {"x"}, {});
  CHECK(plan.args == Argv{R"({X="q\"\\\n{env}"})", "X='q\"\\\n{env}' '/a b/it'\\''s' 'mcp'"});
}

TEST_CASE("an agent's program is told of its tools at its start") {
  static const auto profiles = pty::builtin_profiles();
  SpawnRequest request;
  request.name = "ada";
  request.command = {"claude"};
  request.attended = true;
  request.resume = "s";
  AgentSurroundings around;
  around.agent_name = "ada";
  around.engine = "https://engine.example";
  around.token_file = "/run/ada/token";
  around.mcp_command = "/usr/bin/relay-broker";
  around.mcp_file = kFile;
  const auto planned = [&] {
    return plan_launch(request, pty::profile_for(profiles, request.command.front()), around,
                       {{"HTTPS_PROXY", "p"}, {"RELAY_AGENT_TOKEN", "at_live_x"}}, "id");
  };
  const Launch launch = planned();
  CHECK(launch.argv == Argv{"claude", "--resume", "s", "--mcp-config", kFile});
  CHECK(launch.mcp_config.find(R"("RELAY_AGENT_TOKEN_FILE":"/run/ada/token")") !=
        std::string::npos);
  CHECK(launch.mcp_config.find(R"("HTTPS_PROXY":"p")") != std::string::npos);
  CHECK(launch.mcp_config.find("at_live_x") == std::string::npos);
  request.command = {"opencode"};
  CHECK(planned().environment.get("OPENCODE_CONFIG") == kFile);

  const auto untold = [&] {
    const Launch other = planned();
    return other.mcp_config.empty() && !other.environment.get("OPENCODE_CONFIG");
  };
  request.no_mcp = true;
  CHECK(untold());
  request.no_mcp = false;
  request.skip_relay_prompt = true;
  CHECK(untold());
  request.skip_relay_prompt = false;
  around.token_file.clear();
  CHECK(untold());
  around.token_file = "/run/ada/token";
  around.engine.clear();
  CHECK(untold());
}

}  // namespace relay::broker
