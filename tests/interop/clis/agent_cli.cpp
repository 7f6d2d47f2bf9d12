#include "clis/agent_cli.hpp"

#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <stdexcept>

#include "support/bytes_of.hpp"
#include "wire/json.hpp"

namespace relay::interop {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kModules = INTEROP_DIR "/node_modules/";
/// Nobody's. Claude wants to know its last 20 characters as approved.
constexpr std::string_view kKey = "sk-ant-api03-no-key-at-all-only-loopback-012345";

struct Place {
  std::string_view name;
  std::string_view package;
  std::string_view program;
};
constexpr Place kPlaces[] = {
    {"claude", "@anthropic-ai/claude-code", "@anthropic-ai/claude-code/bin/claude.exe"},
    {"codex", "@openai/codex", "@openai/codex/bin/codex.js"},
    {"opencode", "opencode-ai", "opencode-ai/bin/opencode.exe"},
};

std::string version_in(const fs::path& package) {
  const std::string text = test::bytes_of(package / "package.json");
  const auto parsed = wire::JsonDocument::parse(text, wire::kInboundLimits);
  if (!parsed) return "?";
  const auto version = parsed->root().find("version");
  return version ? std::string(version->string().value_or("?")) : "?";
}

void put(const fs::path& file, std::string_view text) {
  fs::create_directories(file.parent_path());
  std::ofstream out(file);
  out << text;
  if (!out.flush()) throw std::runtime_error("cannot write " + file.string());
}

void prepare_claude(const fs::path& home, const fs::path& work, std::uint16_t port, bool first_time,
                    os::Environment& environment) {
  const fs::path config = home / ".claude";
  std::string known;
  if (!first_time) {
    known = fmt::format(R"(,"bypassPermissionsModeAccepted":true,"projects":{{"{}":
{{"hasTrustDialogAccepted":true,"hasCompletedProjectOnboarding":true}}}})",
                        work.string());
    put(config / "settings.json", R"({"skipDangerousModePermissionPrompt":true})");
  }
  put(config / ".claude.json",
      fmt::format(R"({{"hasCompletedOnboarding":true,"theme":"dark","lastOnboardingVersion":"9.9.9",
"customApiKeyResponses":{{"approved":["{}"],"rejected":[]}}{}}})",
                  kKey.substr(kKey.size() - 20), known));
  environment.set("CLAUDE_CONFIG_DIR", config.string());
  environment.set("ANTHROPIC_BASE_URL", fmt::format("http://127.0.0.1:{}", port));
  environment.set("ANTHROPIC_API_KEY", std::string(kKey));
  for (const char* name : {"IS_SANDBOX", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
                           "DISABLE_TELEMETRY", "DISABLE_ERROR_REPORTING", "DISABLE_AUTOUPDATER"}) {
    environment.set(name, "1");
  }
}

void prepare_codex(const fs::path& home, const fs::path& work, std::uint16_t port, bool first_time,
                   os::Environment& environment) {
  const fs::path config = home / ".codex";
  std::string known;
  if (!first_time)
    known = fmt::format("[projects.\"{}\"]\ntrust_level = \"trusted\"\n", work.string());
  put(config / "config.toml", fmt::format(R"(model = "mock-model"
model_provider = "mock"
check_for_update_on_startup = false
[model_providers.mock]
name = "mock"
base_url = "http://127.0.0.1:{}/v1"
env_key = "MOCK_KEY"
wire_api = "responses"
requires_openai_auth = false
supports_websockets = false
[analytics]
enabled = false
{})",
                                          port, known));
  environment.set("CODEX_HOME", config.string());
  environment.set("MOCK_KEY", "none");
}

void prepare_opencode(const fs::path& home, std::uint16_t port, os::Environment& environment) {
  put(home / ".config/opencode/opencode.json",
      fmt::format(R"({{"autoupdate":false,"share":"disabled","model":"mock/mock-model",
"small_model":"mock/mock-model","provider":{{"mock":{{"npm":"@ai-sdk/openai-compatible","name":"Mock",
"options":{{"baseURL":"http://127.0.0.1:{}/v1","apiKey":"none"}},
"models":{{"mock-model":{{"name":"Mock","limit":{{"context":2000000,"output":4096}}}}}}}}}}}})",
                  port));
  // Whoever starts it may have places of its own.
  environment.set("XDG_CONFIG_HOME", (home / ".config").string());
  environment.set("XDG_DATA_HOME", (home / ".local/share").string());
  environment.set("XDG_STATE_HOME", (home / ".local/state").string());
  environment.set("XDG_CACHE_HOME", (home / ".cache").string());
  for (const char* name : {"OPENCODE_DISABLE_AUTOUPDATE", "OPENCODE_DISABLE_MODELS_FETCH",
                           "OPENCODE_DISABLE_LSP_DOWNLOAD", "OPENCODE_DISABLE_DEFAULT_PLUGINS"}) {
    environment.set(name, "1");
  }
}

}  // namespace

const std::vector<std::string>& cli_names() {
  static const std::vector<std::string> names{"claude", "codex", "opencode"};
  return names;
}

std::optional<AgentCli> find_cli(std::string_view name) {
  for (const Place& place : kPlaces) {
    if (place.name != name) continue;
    const fs::path modules(kModules);
    AgentCli cli;
    cli.name = name;
    cli.program = modules / place.program;
    if (!fs::exists(cli.program)) return std::nullopt;
    cli.version = version_in(modules / place.package);
    return cli;
  }
  return std::nullopt;
}

Launch prepare(const AgentCli& cli, const os::Path& directory, std::uint16_t port,
               bool first_time) {
  const fs::path home = directory / "home";
  const fs::path work = directory / "work";
  fs::create_directories(home);
  fs::create_directories(work);
  fs::create_directories(directory / "tmp");
  // By the name that its profile knows it by.
  const fs::path program = directory / "bin" / cli.name;
  fs::create_directories(program.parent_path());
  fs::create_symlink(cli.program, program);

  os::Environment environment;
  environment.set("PATH", os::Environment::of_process().get("PATH").value_or("/usr/bin:/bin"));
  environment.set("HOME", home.string());
  environment.set("TMPDIR", (directory / "tmp").string());
  environment.set("TERM", "xterm-256color");
  environment.set("LANG", "C.UTF-8");
  environment.set("DO_NOT_TRACK", "1");
  // Whoever wants to go out comes to the model, which says no and tells us.
  const std::string out = fmt::format("http://127.0.0.1:{}", port);
  for (const char* name : {"HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "ALL_PROXY"}) {
    environment.set(name, out);
  }
  environment.set("NO_PROXY", "127.0.0.1,localhost");
  environment.set("no_proxy", "127.0.0.1,localhost");

  if (cli.name == "claude") prepare_claude(home, work, port, first_time, environment);
  if (cli.name == "codex") prepare_codex(home, work, port, first_time, environment);
  if (cli.name == "opencode") prepare_opencode(home, port, environment);
  std::vector<std::string> argv{program.string()};
  if (cli.name == "claude") argv.emplace_back("--dangerously-skip-permissions");
  if (cli.name == "codex" && !first_time)
    argv.emplace_back("--dangerously-bypass-approvals-and-sandbox");
  return {std::move(argv), std::move(environment), work};
}

}  // namespace relay::interop
