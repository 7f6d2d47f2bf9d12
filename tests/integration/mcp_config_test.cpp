// What a program that an agent runs is told of its message tools: its arguments, its environment,
// its files, and that the tools work from there.
#include <fstream>
#include <sys/stat.h>

#include "integration/serve_world.hpp"
#include "support/bytes_of.hpp"

namespace relay::test {
namespace {

/// Programs of well known names that write down how they were started.
struct Told : Member {
  Told() {
    std::filesystem::create_directory(temp / "bin");
    environment.set("PATH", (temp / "bin").string() + ":" + *environment.get("PATH"));
    for (const char* name : {"claude", "codex", "opencode", "gemini", "some-agent"}) {
      const auto path = temp / "bin" / name;
      // The end mark is the last: who sees it sees all.
      std::ofstream(path) << "#!/bin/sh\nstty -echo\nout=$HERE/$RELAY_AGENT_NAME\n"
                             "for w in \"$@\"; do printf '%s\\n' \"$w\"; done >$out.args\n"
                             "env >$out.env\necho up\n"
                             "while read -r l; do echo \"got $l\"; done\n";
      REQUIRE(::chmod(path.c_str(), 0755) == 0);
    }
    serve({});
  }
  void spawn(const std::string& name, const std::string& program,
             const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words{
        "spawn", "--name", name, "--env", "HERE=" + temp.path().string(), "--attended", program};
    words.insert(words.end(), more.begin(), more.end());
    const auto made = run(words);
    CAPTURE(made.err);
    REQUIRE(made.status.as_shell() == 0);
    wait_shown(name, "up");
  }
  [[nodiscard]] std::string read(const std::string& file) const { return bytes_of(temp / file); }
  [[nodiscard]] std::string variable(const std::string& agent, const std::string& name) const {
    const std::string all = "\n" + read(agent + ".env");
    const auto at = all.find("\n" + name + "=");
    if (at == std::string::npos) return {};
    const auto from = at + name.size() + 2;
    return all.substr(from, all.find('\n', from) - from);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Told,
                  "each program is told in its way, with nothing secret among its arguments") {
  spawn("ada", "claude", {"--", "--model", "x", "--session-id", "s"});
  const std::string args = read("ada.args");
  REQUIRE(args.starts_with("--model\nx\n--session-id\ns\n--mcp-config\n/"));
  const std::filesystem::path file = args.substr(args.rfind("--mcp-config\n") + 13,
                                                 args.size() - args.rfind("--mcp-config\n") - 14);
  struct stat about{};
  REQUIRE(::stat(file.c_str(), &about) == 0);
  CHECK((about.st_mode & 0777U) == 0600);
  const std::string config = bytes_of(file);
  CHECK(text_at(config, "/mcpServers/agent-relay/command") ==
        std::filesystem::canonical(relay_broker()).string());
  CHECK(text_at(config, "/mcpServers/agent-relay/env/RELAY_AGENT_TOKEN_FILE") ==
        variable("ada", "RELAY_AGENT_TOKEN_FILE"));
  CHECK(text_at(config, "/mcpServers/agent-relay/env/RELAY_BASE_URL") == engine.url());

  spawn("cody", "codex");
  CHECK(read("cody.args").find("mcp_servers.agent-relay.args=[\"mcp\"]\n") != std::string::npos);
  spawn("opal", "opencode");
  CHECK(text_at(bytes_of(variable("opal", "OPENCODE_CONFIG")), "/mcp/agent-relay/type") == "local");
  spawn("gem", "gemini");
  CHECK(text_at(bytes_of(variable("gem", "GEMINI_CLI_SYSTEM_DEFAULTS_PATH")),
                "/mcpServers/agent-relay/args/0") == "mcp");
  spawn("own", "some-agent");
  CHECK(read("own.args").empty());
  CHECK_FALSE(variable("own", "RELAY_AGENT_TOKEN_FILE").empty());
  for (const char* name : {"ada", "cody", "opal", "gem", "own"}) {
    CHECK(read(std::string(name) + ".args").find("_live_") == std::string::npos);
    CHECK(read(std::string(name) + ".env").find("at_live_") == std::string::npos);
  }
  CHECK(std::filesystem::is_empty(directory));
  CHECK(run({"release", "ada"}).status.as_shell() == 0);
  CHECK_FALSE(std::filesystem::exists(file));
}

TEST_CASE_FIXTURE(Told, "who wants none gets none") {
  spawn("ada", "claude", {"--no-mcp"});
  CHECK(read("ada.args").find("--mcp-config") == std::string::npos);
  spawn("eve", "claude", {"--", "--mcp-config", "mine.json"});
  CHECK(read("eve.args").find("/mcp.json") == std::string::npos);
}

TEST_CASE_FIXTURE(Told, "an agent speaks to another with the server that it was told of") {
  spawn("ada", "claude");
  spawn("bob", "some-agent");
  const std::string args = read("ada.args");
  const std::string file = args.substr(args.rfind("--mcp-config\n") + 13);
  const std::string text = bytes_of(file.substr(0, file.find('\n')));
  // As a program starts it: with what the configuration says, and nothing else.
  os::Environment given;
  for (const char* name : {"RELAY_BASE_URL", "RELAY_AGENT_NAME", "RELAY_AGENT_TOKEN_FILE"}) {
    given.set(name, text_at(text, std::string("/mcpServers/agent-relay/env/") + name));
  }
  os::Command server({text_at(text, "/mcpServers/agent-relay/command"),
                      text_at(text, "/mcpServers/agent-relay/args/0")},
                     given);
  const auto said =
      run_program(std::move(server),
                  R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"send_dm",)"
                  R"("arguments":{"to":"bob","text":"hello from ada"}}})");
  CHECK(text_at(said.out, "/result/isError") == "false");
  wait_shown("bob", "hello from ada");
}

TEST_CASE_FIXTURE(User, "two agents of an engine of our own talk to each other, both ways") {
  serve({});
  const std::string script = "env >" + temp.path().string() + "/$RELAY_AGENT_NAME.env; ";
  for (const char* name : {"ada", "bob"}) spawn_shell(name, script + "echo up; " + kReader);
  const auto say = [this](const std::string& from, const std::string& to) {
    wait_shown(from, "up");
    os::Environment given;
    std::ifstream in(temp / (from + ".env"));
    for (std::string line; std::getline(in, line);) {
      const auto equals = line.find('=');
      if (line.starts_with("RELAY_")) given.set(line.substr(0, equals), line.substr(equals + 1));
    }
    const auto said =
        run_program(binary_command({"mcp"}, given),
                    R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"send_dm",)"
                    R"("arguments":{"to":")" +
                        to + R"(","text":"hello from )" + from + R"("}}})");
    CHECK(text_at(said.out, "/result/isError") == "false");
    wait_shown(to, "hello from " + from);
  };
  say("ada", "bob");
  say("bob", "ada");
}

}  // namespace relay::test
