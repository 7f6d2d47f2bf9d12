// The server that an agent's program starts for its message tools: the built program, an engine
// that the test plays.
#include <chrono>
#include <doctest/doctest.h>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <vector>

#include "support/fake_engine_thread.hpp"
#include "support/run_binary.hpp"
#include "support/temp_dir.hpp"
#include "wire/json.hpp"

namespace relay::test {
namespace {

std::string field_at(const std::string& json, std::string_view pointer) {
  const auto document = wire::JsonDocument::parse(json, wire::kEngineLimits);
  REQUIRE(document);
  const auto value = document->root().at(pointer);
  return value ? std::string(value->string().value_or(value->json().text())) : "absent";
}

std::vector<std::string> lines_in(const std::string& text) {
  std::vector<std::string> out;
  std::size_t from = 0;
  for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n', from)) {
    out.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  CHECK(from == text.size());
  return out;
}

std::string tool_call(int id, std::string_view name, std::string_view arguments) {
  return R"({"jsonrpc":"2.0","id":)" + std::to_string(id) +
         R"(,"method":"tools/call","params":{"name":")" + std::string(name) + R"(","arguments":)" +
         std::string(arguments) + "}}\n";
}

constexpr const char* kHello =
    R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18"}})"
    "\n";

/// An agent of a broker: its name, the engine's address, and a file with its token.
struct Agent {
  Agent() {
    for (const char* name : {"ada", "bob"}) {
      engine.call([name](FakeEngine& e) {
        auto& state = e.state();
        state.add_agent(state.workspaces.front().id, name);
        return 0;
      });
    }
    put_token(token_of("ada"));
    environment.set("RELAY_BASE_URL", engine.url());
    environment.set("RELAY_AGENT_NAME", "ada");
    environment.set("RELAY_AGENT_TOKEN_FILE", (temp / "token").string());
  }
  std::string token_of(const std::string& name) {
    return engine.call([name](FakeEngine& e) { return e.state().agent(name).token; });
  }
  void put_token(const std::string& token) const {
    std::ofstream(temp / "token") << token;
    REQUIRE(::chmod((temp / "token").c_str(), 0600) == 0);
  }
  [[nodiscard]] RunResult run(const std::string& input) const {
    return run_program(binary_command({"mcp"}, environment), input);
  }

  TempDir temp;
  FakeEngineThread engine;
  os::Environment environment = temp.environment();
};

}  // namespace

TEST_CASE("an agent says hello, looks at its tools and sends messages, in their order") {
  Agent agent;
  std::string input = kHello;
  input += "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n";
  input += "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}\n";
  for (int i = 2; i < 50; ++i) {
    input += tool_call(i, "send_dm", R"({"to":"bob","text":"number )" + std::to_string(i) + "\"}");
  }
  const auto result = agent.run(input);
  CHECK(result.status == os::ExitStatus::exited(0));
  CHECK(result.err.empty());
  const auto lines = lines_in(result.out);
  REQUIRE(lines.size() == 50);
  CHECK(field_at(lines[0], "/result/serverInfo/name") == "relay-broker");
  CHECK(field_at(lines[1], "/result/tools/0/name") == "send_dm");
  for (int i = 2; i < 50; ++i) {
    const auto& line = lines[static_cast<std::size_t>(i)];
    CHECK(field_at(line, "/id") == std::to_string(i));
    CHECK(field_at(line, "/result/isError") == "false");
    const Record asked = agent.engine.next_request("POST /v1/dm");
    CHECK(asked.string("/text") == "number " + std::to_string(i));
    CHECK(asked.header("Authorization") == "Bearer " + agent.token_of("ada"));
    CHECK(asked.header("Idempotency-Key").size() == 36);
  }
}

TEST_CASE("what the engine refuses is a result with the engine's words and a hint") {
  Agent agent;
  const auto result =
      agent.run(tool_call(1, "send_dm", R"({"to":"nobody","text":"x"})") +
                tool_call(2, "post_message", R"({"channel":"nowhere","text":"x"})") +
                tool_call(3, "list_agents", "{}"));
  const auto lines = lines_in(result.out);
  REQUIRE(lines.size() == 3);
  CHECK(field_at(lines[0], "/result/isError") == "true");
  const auto words = field_at(lines[0], "/result/content/0/text");
  CHECK(words.find("agent_not_found") != std::string::npos);
  CHECK(words.find("list_agents shows who is there") != std::string::npos);
  CHECK(field_at(lines[1], "/result/content/0/text").find("channel_not_found") !=
        std::string::npos);
  CHECK(field_at(field_at(lines[2], "/result/content/0/text"), "/agents/1/agent_name") == "bob");
}

TEST_CASE("send speaks to a person, who has commands and no tools") {
  Agent agent;
  const auto refused = run_binary({"send", "nobody", "x"}, agent.environment);
  CHECK(refused.status == os::ExitStatus::exited(5));
  CHECK(refused.err.find("agent_not_found") != std::string::npos);
  CHECK(refused.err.find("list_agents") == std::string::npos);
  CHECK(refused.err.find("hint: relay-broker status") != std::string::npos);
}

TEST_CASE("a token that was replaced meanwhile is read again, and the message sent once") {
  Agent agent;
  agent.put_token("at_live_00000000000000000000000000000000");
  agent.engine.call([](FakeEngine& e) {
    e.answer("POST /v1/dm", HttpScript::refusal(401, "agent_token_invalid").held());
    return 0;
  });
  // From a file: it is read before anyone waits for the program.
  std::ofstream(agent.temp / "calls") << tool_call(1, "send_dm", R"({"to":"bob","text":"x"})");
  RunningProgram program(os::Command({"/bin/sh", "-c", "exec \"$0\" mcp <\"$1\"",
                                      relay_broker().string(), (agent.temp / "calls").string()},
                                     agent.environment));
  const Record first = agent.engine.next_request("POST /v1/dm");
  agent.put_token(agent.token_of("ada"));
  agent.engine.call([](FakeEngine& e) {
    e.release_answers();
    return 0;
  });
  CHECK(program.wait_end() == os::ExitStatus::exited(0));
  CHECK(field_at(program.out(), "/result/isError") == "false");
  const Record second = agent.engine.next_request("POST /v1/dm");
  CHECK(second.header("Authorization") == "Bearer " + agent.token_of("ada"));
  CHECK(second.header("Idempotency-Key") == first.header("Idempotency-Key"));
}

TEST_CASE("a token that stays bad, is gone, or is for all to read is told") {
  Agent agent;
  const auto told = [&agent] {
    const auto result = agent.run(tool_call(1, "send_dm", R"({"to":"bob","text":"x"})"));
    CHECK(field_at(result.out, "/result/isError") == "true");
    return field_at(result.out, "/result/content/0/text");
  };
  agent.put_token("at_live_00000000000000000000000000000000");
  CHECK(told().find("released or replaced") != std::string::npos);
  REQUIRE(::chmod((agent.temp / "token").c_str(), 0644) == 0);
  CHECK(told().starts_with("unsafe_file: "));
  std::filesystem::remove(agent.temp / "token");
  CHECK(told().starts_with("not_enrolled: "));
  agent.put_token(agent.token_of("ada"));
  agent.engine.call([](FakeEngine& e) {
    e.down();
    return 0;
  });
  agent.environment.set("RELAY_BASE_URL", "http://127.0.0.1:9");
  const auto away = told();
  CHECK(away.starts_with("engine_unreachable: the engine at http://127.0.0.1:9 cannot be reached"));
  CHECK(away.ends_with("hint: relay-broker doctor looks for the cause"));
}

TEST_CASE("a cancelled call is not answered, and those behind it are made") {
  Agent agent;
  agent.engine.call([](FakeEngine& e) {
    e.answer("POST /v1/dm", HttpScript::hang());
    return 0;
  });
  const auto result =
      agent.run(tool_call(1, "send_dm", R"({"to":"bob","text":"a"})") +
                R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}})"
                "\n" +
                tool_call(2, "list_agents", "{}"));
  CHECK(result.status == os::ExitStatus::exited(0));
  const auto lines = lines_in(result.out);
  REQUIRE(lines.size() == 1);
  CHECK(field_at(lines[0], "/id") == "2");
}

TEST_CASE("nonsense is answered and survived, a line without end too") {
  Agent agent;
  const std::string longer(std::size_t{3} << 20U, 'x');
  const auto result = agent.run("{\n[]\n\n" + longer + "\n" + std::string("\0\x01\n", 3) +
                                R"({"jsonrpc":"2.0","id":1,"method":"ping"})");
  CHECK(result.status == os::ExitStatus::exited(0));
  const auto lines = lines_in(result.out);
  REQUIRE(lines.size() == 5);
  CHECK(field_at(lines[0], "/error/code") == "-32700");
  CHECK(field_at(lines[2], "/error/message") == "a line has at most 1048576 bytes");
  CHECK(field_at(lines[4], "/id") == "1");
}

TEST_CASE("without a name it registers, and the model never sees the token") {
  Agent agent;
  agent.environment.unset("RELAY_AGENT_TOKEN_FILE");
  agent.environment.unset("RELAY_AGENT_NAME");
  CHECK(agent.run(tool_call(1, "send_dm", R"({"to":"bob","text":"x"})"))
            .out.find("start it with relay-broker spawn") != std::string::npos);
  agent.environment.set("RELAY_API_KEY", "rk_live_of_somebody_else");
  const auto wrong = agent.run(tool_call(1, "register_agent", R"({"name":"eve"})"));
  CHECK(wrong.out.find("the workspace's key is wrong") != std::string::npos);
  agent.environment.set("RELAY_API_KEY", FakeState::kWorkspaceKey);
  const auto result = agent.run(tool_call(1, "register_agent", R"({"name":"eve"})") +
                                tool_call(2, "send_dm", R"({"to":"bob","text":"x"})"));
  const auto lines = lines_in(result.out);
  REQUIRE(lines.size() == 3);
  CHECK(field_at(lines[0], "/method") == "notifications/tools/list_changed");
  CHECK(field_at(lines[1], "/result/content/0/text") == "Registered as eve");
  CHECK(field_at(lines[2], "/result/isError") == "false");
  CHECK(result.out.find("at_live_") == std::string::npos);
}

TEST_CASE("a client that reads no more is not waited for, and a file is as good as a pipe") {
  Agent agent;
  std::ofstream(agent.temp / "calls") << tool_call(1, "list_agents", "{}");
  os::Command shell({"/bin/sh", "-c", "\"$0\" mcp <\"$1\"; \"$0\" mcp <\"$1\" >&-; echo $?",
                     relay_broker().string(), (agent.temp / "calls").string()},
                    agent.environment);
  const auto result = run_program(std::move(shell));
  const auto lines = lines_in(result.out);
  REQUIRE(lines.size() == 2);
  CHECK(field_at(lines[0], "/id") == "1");
  CHECK(lines[1] == "0");
}

TEST_CASE("mcp-args: what a program that starts agents itself is told to add") {
  Agent agent;
  const std::string token = agent.token_of("ada");
  agent.environment.set("RELAY_AGENT_TOKEN", token);
  const auto args = [&agent](std::vector<std::string> more) {
    more.insert(more.begin(), {"mcp-args", "--agent-name", "ada", "--cli"});
    return run_binary(more, agent.environment);
  };
  const auto claude = args({"claude", "--api-key", "rk_live_x"});
  CHECK(field_at(claude.out, "/args/0") == "--mcp-config");
  CHECK(field_at(claude.out, "/agentToken") == "null");
  CHECK(claude.out.find("_live_") == std::string::npos);
  const auto token_file = field_at(claude.out, "/sideEffectFiles/0");
  const auto config_file = field_at(claude.out, "/sideEffectFiles/1");
  CHECK(field_at(claude.out, "/args/1") == config_file);
  std::string text;
  std::getline(std::ifstream(token_file), text);
  CHECK(text == token);
  std::getline(std::ifstream(config_file), text);
  CHECK(field_at(text, "/mcpServers/agent-relay/env/RELAY_AGENT_TOKEN_FILE") == token_file);
  for (const auto& file : {token_file, config_file}) {
    struct stat about{};
    REQUIRE(::stat(file.c_str(), &about) == 0);
    CHECK((about.st_mode & 0777U) == 0600);
  }
  CHECK(args({"codex"}).out.find("mcp_servers.agent-relay.command=") != std::string::npos);
  CHECK(field_at(args({"opencode"}).out, "/env/OPENCODE_CONFIG") == config_file);
  const auto none = args({"claude", "--existing-args", R"(["--mcp-config","x"])"});
  CHECK(field_at(none.out, "/args") == "[]");
  CHECK(field_at(none.out, "/sideEffectFiles") == "[]");
  CHECK(field_at(args({"aider"}).out, "/args") == "[]");
  CHECK(args({"claude", "--existing-args", "x"}).status == os::ExitStatus::exited(2));

  agent.environment.unset("RELAY_AGENT_TOKEN");
  for (int i = 0; i < 2; ++i) {
    // The second time the name is taken: its token is replaced.
    const auto made = run_binary({"mcp-args", "--cli", "claude", "--agent-name", "eve",
                                  "--register", "--api-key", FakeState::kWorkspaceKey},
                                 agent.environment);
    CHECK(made.err.empty());
    CHECK(field_at(made.out, "/agentToken") == agent.token_of("eve"));
  }
}

}  // namespace relay::test
