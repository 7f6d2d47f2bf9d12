#include "cli/peer_mcp_args.hpp"

#include "cli/mcp_caller.hpp"
#include "cli/output.hpp"
#include "cli/run_loop.hpp"
#include <filesystem>
#include <memory>
#include <utility>

#include "broker/mcp_config.hpp"
#include "broker/spawn_request.hpp"
#include "net/timeout.hpp"
#include "net/url.hpp"
#include "os/paths.hpp"
#include "os/posix_files.hpp"
#include "pty/injection/profile_file.hpp"

namespace relay::cli {
namespace {

constexpr Duration kRegisterWithin = std::chrono::seconds(10);

struct McpArgsOptions {
  std::string cli;
  std::string agent;
  std::string api_key;
  std::string base_url;
  std::string agent_token;
  std::string workspaces;
  std::string default_workspace;
  std::string cwd;
  std::string existing;
  bool registers = false;
};

/// What is made ready for one agent.
struct ToolsForAgent {
  std::vector<std::string> argv;
  pty::McpRule rule;
  os::Environment environment;
  os::Path directory;
  Secret key;
  Secret token;
};

Result<std::vector<std::string>> existing_words(const std::string& text) {
  std::vector<std::string> out;
  if (text.empty()) return out;
  const auto wrong = [] {
    return fail(Code::invalid_argument, "--existing-args must be a JSON array of strings");
  };
  const auto document = wire::JsonDocument::parse(text, wire::kInboundLimits);
  if (!document || document->root().kind() != wire::JsonView::Kind::array) return wrong();
  for (const auto& element : document->root().elements()) {
    const auto word = element.string();
    if (!word) return wrong();
    out.emplace_back(*word);
  }
  return out;
}

std::string given_or(const std::string& given, const os::Environment& around,
                     std::string_view variable) {
  return given.empty() ? around.get(variable).value_or("") : given;
}

Result<ToolsForAgent> read_request_for(const McpArgsOptions& options) {
  if (auto fine = broker::check_agent_name(options.agent); !fine) return fail(fine.error());
  ToolsForAgent out;
  auto command = broker::split_command(options.cli);
  if (!command) return fail(std::move(command).error());
  out.argv = *std::move(command);
  auto more = existing_words(options.existing);
  if (!more) return fail(std::move(more).error());
  out.argv.insert(out.argv.end(), more->begin(), more->end());
  out.rule = pty::profile_for(pty::builtin_profiles(), out.argv.front()).mcp;
  const auto around = os::Surroundings::of_process();
  if (!around) return fail(around.error());
  const auto paths = os::user_paths(*around);
  if (!paths) return fail(paths.error());
  out.directory = paths->runtime / "mcp-args" / options.agent;
  out.environment = around->environment;
  const auto set = [&out](std::string_view name, const std::string& value) {
    if (!value.empty()) out.environment.set(name, value);
  };
  set("RELAY_BASE_URL", options.base_url);
  set("RELAY_WORKSPACE_ID",
      given_or(options.default_workspace, around->environment, "RELAY_DEFAULT_WORKSPACE"));
  set("RELAY_AGENT_NAME", options.agent);
  set("RELAY_AGENT_TYPE", "agent");
  set("RELAY_STRICT_AGENT_NAME", "1");
  out.key = Secret(given_or(options.api_key, around->environment, "RELAY_API_KEY"));
  out.token = Secret(given_or(options.agent_token, around->environment, "RELAY_AGENT_TOKEN"));
  return out;
}

/// A new agent, or a new token for the one of that name.
asio::awaitable<Result<std::string>> register_agent(McpCaller* caller, std::string agent) {
  mcp::EngineRequest request;
  request.method = "POST";
  request.path = "/v1/agents";
  request.credential = mcp::Credential::workspace;
  request.body = wire::Json::build([&agent](JsonWriter& out) {
                   out.begin_object();
                   out.field("name", agent);
                   out.field("type", "agent");
                   out.end_object();
                 }).text();
  auto reply = co_await caller->ask(&request);
  if (reply && reply->status == 409) {
    request.path = "/v1/agents/" + net::path_segment(agent) + "/rotate-token";
    request.body = "{}";
    reply = co_await caller->ask(&request);
  }
  if (!reply) co_return fail(reply.error());
  if (!reply->ok()) {
    co_return fail(
        mcp::engine_refusal(reply->status, reply->body, request.credential, mcp::Audience::person));
  }
  const auto document = wire::JsonDocument::parse(reply->body, wire::kEngineLimits);
  const auto token = document ? document->root().at("/data/token") : std::nullopt;
  const auto text = token ? token->string() : std::nullopt;
  if (!text) co_return fail(Code::protocol_error, "the engine gave no token");
  co_return std::string(*text);
}

asio::awaitable<Result<void>> register_within(asio::any_io_executor executor, std::string agent,
                                              ToolsForAgent* tools) {
  AgentAccess access = AgentAccess::from(tools->environment);
  access.workspace_key = tools->key;
  McpCaller caller(std::move(executor), std::move(access));
  auto registering = register_agent(&caller, std::move(agent));
  auto token = co_await net::with_timeout(std::move(registering), kRegisterWithin,
                                          std::string("registering the agent"));
  if (!token) co_return fail(std::move(token).error());
  tools->token = Secret(std::move(*token));
  co_return Result<void>();
}

/// Files of ours that the arguments name. Whoever asked for them removes them.
Result<broker::McpPlan> write_down(ToolsForAgent& tools, std::vector<std::string>& written) {
  os::SystemRandom random;
  os::PosixFiles files(random);
  const os::Path token_file = tools.directory / "token";
  const os::Path config_file = tools.directory / "mcp.json";
  tools.environment.unset("RELAY_AGENT_TOKEN_FILE");
  if (!tools.token.empty()) {
    tools.environment.set("RELAY_AGENT_TOKEN_FILE", token_file.string());
    tools.environment.set("RELAY_SKIP_BOOTSTRAP", "1");
  }
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return fail(Code::io_error, "cannot tell where relay-broker is: " + error.message());
  broker::McpServer server = broker::mcp_server_for(self.string(), tools.environment);
  if (tools.token.empty() && !tools.key.empty()) {
    server.private_environment["RELAY_API_KEY"] = tools.key.reveal();
  }
  auto plan =
      broker::plan_mcp(tools.rule, server, config_file.string(), tools.argv, tools.environment);
  if (plan.args.empty() && plan.variable.empty()) return plan;
  const auto put = [&](const os::Path& path, const std::string& text) -> Result<void> {
    if (text.empty()) return {};
    auto done = files.make_private_directory(tools.directory);
    if (done) done = files.put(path, text);
    if (done) written.push_back(path.string());
    return done;
  };
  auto done = put(token_file, tools.token.reveal());
  if (done) done = put(config_file, plan.file);
  if (!done) return fail(std::move(done).error());
  return plan;
}

Result<void> run_mcp_args(Context& context, const McpArgsOptions& options) {
  auto tools = read_request_for(options);
  if (!tools) return fail(std::move(tools).error());
  const bool registers = options.registers && tools->token.empty();
  if (registers) {
    auto done = run_loop(context, [&](asio::any_io_executor executor, Progress*) {
      return register_within(std::move(executor), options.agent, &*tools);
    });
    if (!done) return done;
  }
  std::vector<std::string> written;
  const auto plan = write_down(*tools, written);
  if (!plan) return fail(plan.error());
  const auto write_list = [](JsonWriter& out, const std::vector<std::string>& words) {
    out.begin_array();
    for (const std::string& word : words) out.value(word);
    out.end_array();
  };
  const auto answer = wire::Json::build([&](JsonWriter& out) {
    out.begin_object();
    out.key("args");
    write_list(out, plan->args);
    out.key("sideEffectFiles");
    write_list(out, written);
    out.key("env");
    out.begin_object();
    if (!plan->variable.empty())
      out.field(plan->variable, (tools->directory / "mcp.json").string());
    out.end_object();
    out.key("agentToken");
    if (registers) {
      out.value(tools->token.reveal());
    } else {
      out.null();
    }
    out.end_object();
  });
  context.out.line(answer.text());
  return {};
}

}  // namespace

Command peer_mcp_args_command() {
  auto options = std::make_shared<McpArgsOptions>();
  Command command;
  command.name = "mcp-args";
  command.hidden = true;
  command.summary = "Print the arguments that tell a CLI of its message tools";
  command.examples = {"relay-broker mcp-args --cli claude --agent-name ada",
                      "relay-broker mcp-args --cli codex --agent-name ada --register"};
  const auto add = [&](const char* name, const char* help, std::string* into) {
    command.options.push_back(Option(name, help, into).value_name("VALUE"));
  };
  add("--cli", "The agent's program", &options->cli);
  add("--agent-name", "Its name", &options->agent);
  add("--api-key", "Key of the workspace", &options->api_key);
  add("--base-url", "The engine", &options->base_url);
  add("--agent-token", "Its token", &options->agent_token);
  add("--workspaces-json", "Workspaces; the token says which", &options->workspaces);
  add("--default-workspace", "Its workspace", &options->default_workspace);
  add("--cwd", "Where it works; nothing is written there", &options->cwd);
  add("--existing-args", "Arguments that it has, as JSON", &options->existing);
  command.options.push_back(
      Option("--register", "Take the name at the engine", &options->registers));
  command.run = [options](Context& context) { return run_mcp_args(context, *options); };
  command.state = options;
  return command;
}

}  // namespace relay::cli
