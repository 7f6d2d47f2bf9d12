#include "cli/peer_init.hpp"

#include "cli/serve_run.hpp"
#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fmt/format.h>
#include <memory>
#include <unistd.h>
#include <utility>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "os/paths.hpp"
#include "os/system_random.hpp"
#include "os/terminal.hpp"

namespace relay::cli {
namespace {

struct PeerOptions {
  std::string instance_name;
  std::string name;
  std::string workspace_key;
  std::string channels;
  std::string api_port;
  std::string api_bind;
  std::string state_dir;
  bool persist = false;
};

/// As the peer makes file names of instance names.
std::string safe_name(const std::string& name) {
  std::string out = name.empty() ? "broker" : name;
  for (char& c : out) {
    const bool fine = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (!fine) c = '-';
  }
  return out;
}

os::Path state_dir_of(const PeerOptions& options, const os::Surroundings& around,
                      const os::UserPaths& paths, const std::string& name) {
  if (!options.state_dir.empty()) return std::filesystem::absolute(options.state_dir);
  if (options.persist) return around.working_directory / ".agentworkforce" / "relay";
  os::SystemRandom random;
  return paths.temporary /
         fmt::format("agent-relay-ephemeral-{}-{}-{}", ::getpid(), name, uuid_v4(random));
}

Result<ServeOptions> serve_options(const PeerOptions& options) {
  const auto around = os::Surroundings::of_process();
  if (!around) return fail(around.error());
  const auto paths = os::user_paths(*around);
  if (!paths) return fail(paths.error());
  const std::string name =
      safe_name(options.instance_name.empty() ? options.name : options.instance_name);
  ServeOptions out;
  out.peer = true;
  out.state_dir = state_dir_of(options, *around, *paths, name).string();
  // Two brokers of one name in two directories are two.
  out.instance = fmt::format("peer-{}-{}", name.substr(0, 40), short_hash(out.state_dir));
  out.leased = !options.persist;
  out.key_in_hand = Secret(std::string_view(options.workspace_key));
  const std::string address = options.api_bind.empty() ? "127.0.0.1" : options.api_bind;
  out.listen = address + ":" + (options.api_port.empty() ? "0" : options.api_port);
  for (const std::string_view channel : split(options.channels, ',')) {
    if (!trim(channel).empty()) out.channels.emplace_back(trim(channel));
  }
  return out;
}

/// One name for one user in one directory.
std::string workspace_name(const os::Surroundings& around) {
  std::string user = around.environment.get("USER").value_or("");
  if (user.empty()) user = around.environment.get("USERNAME").value_or("unknown");
  return "relay-" + short_hash(user + ":" + around.working_directory.string());
}

asio::awaitable<Result<void>> make_workspace(token_cache::EngineAccess* engine, NodeSetup* setup,
                                             std::string address, std::string name, Secret* key) {
  auto made = co_await engine->create_workspace(address, name);
  if (!made && made.error().code == Code::name_conflict) {
    os::SystemRandom random;
    made = co_await engine->create_workspace(address, random_hex(name + "-", 4, random));
  }
  if (!made) co_return fail(std::move(made).error().within("there is no workspace key"));
  const auto kept = setup->keep_workspace_key(made->id, made->key);
  if (!kept) co_return fail(kept.error());
  *key = made->key;
  note("workspace " + made->id + " was made; its key is in " + kept->string());
  co_return Result<void>();
}

/// Typed by a person who looks for what begins something here: it would make a workspace at the
/// engine of the peer. Programs have no terminal, or name the engine or a key.
Result<void> refuse_typed(const PeerOptions& options) {
  const bool typed = os::is_terminal(STDIN_FILENO) && os::is_terminal(STDERR_FILENO);
  const std::string_view called = program_invocation_short_name;
  if (!typed || called == "agent-relay-broker" || !options.workspace_key.empty()) return {};
  auto setup = NodeSetup::of_process();
  if (!setup) return fail(std::move(setup).error());
  const auto engine = (*setup)->engine(EngineOptions());
  if (!engine) return fail(engine.error());
  const auto key = (*setup)->workspace_key(EngineOptions(), "");
  if (!key) return fail(key.error());
  const auto token = (*setup)->node_token("");
  if (!token) return fail(token.error());
  if (!engine->empty() || *key || *token) return {};
  return fail(Code::invalid_argument,
              "init is for programs that were written for agent-relay-broker",
              "relay-broker serve starts the broker of this directory");
}

/// Without a key, and without a node that this directory had before, a workspace of its own.
Result<void> find_workspace(Context& context, ServeOptions& options) {
  if (!options.key_in_hand.empty()) return {};
  const auto around = os::Surroundings::of_process();
  if (!around) return fail(around.error());
  auto setup = NodeSetup::of_process();
  if (!setup) return fail(std::move(setup).error());
  const auto key = (*setup)->workspace_key(options.engine, "");
  if (!key) return fail(key.error());
  const auto token = (*setup)->node_token("");
  if (!token) return fail(token.error());
  if (*key || *token) return {};
  auto engine = (*setup)->engine(options.engine);
  if (!engine) return fail(std::move(engine).error());
  if (engine->empty()) engine = std::string(kPeerEngine);
  const auto known = (*setup)->entries("", *engine);
  if (known || known.error().code != Code::not_enrolled) return {};
  const std::string name = workspace_name(*around);
  return (*setup)->with_engine(
      context, [&](token_cache::EngineAccess* access, token_cache::Resolver*, Progress* progress) {
        progress->step("making a workspace at " + *engine);
        return make_workspace(access, setup->get(), *engine, name, &options.key_in_hand);
      });
}

}  // namespace

Command peer_init_command() {
  auto options = std::make_shared<PeerOptions>();
  Command command;
  command.name = "init";
  command.hidden = true;
  command.summary = "Run the broker as agent-relay-broker does";
  command.examples = {"relay-broker init --instance-name app --channels general --persist",
                      "relay-broker init --instance-name app --api-port 3889"};
  const auto add = [&command](Option option) { command.options.push_back(std::move(option)); };
  add(Option("--instance-name", "Name of the instance", &options->instance_name)
          .value_name("NAME"));
  add(Option("--name,--broker-name", "The same", &options->name).value_name("NAME"));
  add(Option("--workspace-key", "Key of the workspace", &options->workspace_key).value_name("KEY"));
  add(Option("--channels", "Channels of its agents", &options->channels).value_name("NAME,…"));
  add(Option("--persist", "Keep the state, need no lease", &options->persist));
  add(Option("--api-port", "Where the API listens", &options->api_port).value_name("PORT"));
  add(Option("--api-bind", "On which address", &options->api_bind).value_name("HOST"));
  add(Option("--state-dir", "Where the state is", &options->state_dir).value_name("DIR"));
  command.run = [options](Context& context) -> Result<void> {
    if (auto fine = refuse_typed(*options); !fine) return fine;
    auto serve = serve_options(*options);
    if (!serve) return fail(serve.error());
    auto found = find_workspace(context, *serve);
    if (!found) return found;
    return run_serve(context, *serve, nullptr);
  };
  command.state = options;
  return command;
}

}  // namespace relay::cli
