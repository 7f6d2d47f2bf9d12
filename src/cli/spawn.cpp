#include "cli/spawn.hpp"

#include "cli/agent_names.hpp"
#include "cli/broker_client.hpp"
#include "cli/node_setup.hpp"
#include "cli/output.hpp"
#include "cli/standard_input.hpp"
#include "cli/text_only.hpp"
#include <filesystem>
#include <fmt/format.h>
#include <iterator>
#include <memory>
#include <unistd.h>
#include <utility>

#include "base/duration.hpp"
#include "base/ids.hpp"
#include "base/printable.hpp"
#include "os/secret_input.hpp"

namespace relay::cli {
namespace {

constexpr Duration kUsualWait = std::chrono::seconds(60);
/// For the answer to come back behind what the broker itself waits for.
constexpr Duration kSpawnMargin = std::chrono::seconds(60);

struct SpawnOptions {
  BrokerOptions broker;
  std::string cli;
  std::vector<std::string> arguments;
  std::string name;
  std::string cwd;
  std::string task;
  std::vector<std::string> channels;
  std::string model;
  std::vector<std::string> environment;
  std::string idempotency_key;
  std::string wait;
  std::string timeout;
  std::string resume;
  bool attended = false;
  bool no_mcp = false;
};

Result<std::string> directory_of(const std::string& given) {
  std::error_code error;
  const auto path = std::filesystem::canonical(given.empty() ? "." : given, error);
  if (error) {
    return fail(Code::cwd_missing, "the working directory " + given + ": " + error.message(),
                "make it first, or name another one");
  }
  return path.string();
}

Result<std::string> spawn_body(const SpawnOptions& options, const std::string& name,
                               Duration within) {
  auto cwd = directory_of(options.cwd);
  if (!cwd) return fail(std::move(cwd).error());
  auto told = refuse_bytes("the working directory", *cwd);
  if (told) told = refuse_bytes("the program", options.cli);
  if (told) told = refuse_bytes("an argument of the program", options.arguments);
  if (told) told = refuse_bytes("a variable", options.environment);
  if (!told) return fail(std::move(told).error());
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.field("name", name);
  out.key("harness_config");
  out.begin_object();
  out.field("runtime", "pty");
  out.field("command", options.cli);
  out.key("args");
  out.begin_array();
  for (const std::string& word : options.arguments) out.value(word);
  out.end_array();
  out.end_object();
  out.field("cwd", *cwd);
  out.field("attended", options.attended);
  if (options.no_mcp) out.field("no_mcp", true);
  out.field("wait", options.wait.empty() ? "spawned" : options.wait);
  out.field("timeout_ms",
            static_cast<std::uint64_t>(
                std::chrono::duration_cast<std::chrono::milliseconds>(within).count()));
  const auto field = [&out](std::string_view key, const std::string& value) {
    if (!value.empty()) out.field(key, value);
  };
  field("task", options.task);
  field("model", options.model);
  field("idempotency_key", options.idempotency_key);
  field("resume", options.resume);
  if (!options.channels.empty()) {
    out.key("channels");
    out.begin_array();
    for (const std::string& channel : options.channels) out.value(channel);
    out.end_array();
  }
  out.key("env");
  out.begin_object();
  for (const std::string& pair : options.environment) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(Code::invalid_argument, "--env takes NAME=VALUE, not '" + pair + "'");
    }
    out.field(std::string_view(pair).substr(0, equals), pair.substr(equals + 1));
  }
  out.end_object();
  out.end_object();
  out.finish();
  return text;
}

std::string spawned_json(const wire::JsonView& agent) {
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.field("name", text_field(agent, "name"));
  const auto field = [&](std::string_view to, std::string_view from) {
    out.key(to);
    const auto found = agent.find(from);
    out.raw(found ? found->json().text() : "null");
  };
  field("agent_id", "agent_id");
  field("session", "generation");
  field("pid", "pid");
  field("node", "node");
  out.end_object();
  out.finish();
  return text;
}

asio::awaitable<Result<void>> spawn(Context* context, const SpawnOptions* options,
                                    BrokerClient* client, Progress* progress) {
  os::SystemRandom random;
  const std::string name =
      options->name.empty() ? agent_name_for(options->cli, random) : options->name;
  Duration within = kUsualWait;
  // It was looked at when the command line was read.
  if (!options->timeout.empty()) within = parse_duration(options->timeout).value_or(within);
  auto body = spawn_body(*options, name, within);
  if (!body) co_return fail(std::move(body).error());
  progress->step("starting " + printable(options->cli));
  const auto reply =
      co_await client->call("POST", "/api/spawn", *std::move(body), within + kSpawnMargin);
  progress->done();
  if (!reply) co_return fail(reply.error());
  context->deed = "it was started";
  const auto document = wire::JsonDocument::parse(reply->text(), wire::kEngineLimits);
  if (!document) co_return fail(document.error());
  const std::string warning = text_field(document->root(), "warning");
  if (!warning.empty()) note(printable(warning));
  if (context->json) {
    context->out.line(spawned_json(document->root()));
  } else {
    context->out.line(printable(text_field(document->root(), "name")));
  }
  co_return Result<void>();
}

}  // namespace

Command spawn_command() {
  auto options = std::make_shared<SpawnOptions>();
  Command command;
  command.name = "spawn";
  command.summary = "Start an agent on the running broker";
  command.examples = {"relay-broker spawn claude --name ada --task \"review the last commit\"",
                      "relay-broker spawn codex --wait ready -- --sandbox read-only"};
  const auto add = [&command](Option option) { command.options.push_back(std::move(option)); };
  add(Option("--name", "What the agent is called", &options->name).value_name("NAME"));
  add(Option("--cwd", "Where it works", &options->cwd).value_name("DIR"));
  add(Option("--task", "Its first message: text, @file or -", &options->task).value_name("TEXT"));
  add(Option("--channel", "A channel that it hears", &options->channels)
          .setting()
          .value_name("NAME")
          .checked(check_channel_name));
  add(Option("--model", "Which model", &options->model).setting().value_name("NAME"));
  add(Option("--env", "A variable of its environment", &options->environment)
          .setting()
          .value_name("K=V"));
  add(Option("--resume", "A session of its CLI to go on with", &options->resume)
          .value_name("SESSION")
          .rare());
  add(Option("--no-mcp", "Do not give it its message tools", &options->no_mcp).setting().rare());
  add(Option("--attended", "A person answers its questions", &options->attended).setting().rare());
  add(Option("--wait", "What to wait for", &options->wait).setting().choices({"spawned", "ready"}));
  add(Option("--timeout", "How long to wait", &options->timeout).setting().duration().rare());
  add(Option("--idempotency-key", "The same key, the same agent", &options->idempotency_key)
          .value_name("KEY")
          .rare());
  add_broker_options(command, options->broker);
  add(Option("cli", "The program", &options->cli).value_name("CLI").required());
  add(Option(kProgramArguments, "Its arguments, behind --", &options->arguments).value_name("ARG"));
  command.run = [options](Context& context) -> Result<void> {
    // Before there is a loop: a signal ends the reading of standard input at once.
    auto task = read_task(options->task);
    if (!task) return fail(std::move(task).error());
    options->task = *std::move(task);
    return with_broker(context, options->broker, [&](BrokerClient* client, Progress* progress) {
      return spawn(&context, options.get(), client, progress);
    });
  };
  command.state = options;
  return command;
}

}  // namespace relay::cli
