#include "cli/serve_settings.hpp"

#include "cli/listen_address.hpp"
#include "cli/serve_note.hpp"
#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>
#include <utility>

#include "base/duration.hpp"
#include "base/ids.hpp"
#include "base/printable.hpp"
#include "base/text.hpp"
#include "net/network_settings.hpp"
#include "os/processes.hpp"
#include "os/secret_input.hpp"
#include "pty/session/user_profiles.hpp"
#include "token_cache/node_identity.hpp"

namespace relay::cli {
namespace {

constexpr std::string_view kOurVersion = RELAY_BROKER_VERSION;
constexpr std::size_t kIdentityKeyMost = 4096;
constexpr Duration kPeerLease = std::chrono::seconds(120);

Result<std::size_t> number_of(const std::string& text, std::string_view option, std::size_t most) {
  std::size_t out = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), out);
  if (read.ec == std::errc() && read.ptr == text.data() + text.size() && out <= most) return out;
  return fail(Code::invalid_argument,
              fmt::format("{} has to be a number from 0 to {}, not '{}'", option, most, text));
}

/// Of the API, which is for this machine only.
Result<ListenAddress> read_listen(const std::string& text) {
  auto listen = parse_listen_address(text, "--listen");
  if (!listen) return fail(std::move(listen).error());
  if (listen->address != "127.0.0.1" && listen->address != "::1") {
    return fail(Code::invalid_argument,
                fmt::format("--listen: the API listens on this machine only, not on {}",
                            printable(listen->address)),
                "127.0.0.1 or [::1]; reach it from elsewhere through ssh");
  }
  return listen;
}

/// Those that were named, else the usual ones that this machine has.
std::vector<std::string> harnesses(const ServeOptions& options, const os::Environment& environment,
                                   const os::Path& directory) {
  std::string list = options.harness;
  if (list.empty()) list = environment.get("AGENT_RELAY_NODE_HARNESSES").value_or("");
  std::vector<std::string> out;
  const auto add = [&out](std::string_view name) {
    const std::string plain(trim(name));
    if (!plain.empty() && std::find(out.begin(), out.end(), plain) == out.end()) {
      out.push_back(plain);
    }
  };
  if (!list.empty()) {
    for (const std::string_view name : split(list, ',')) add(name);
    return out;
  }
  const std::string path = environment.get("PATH").value_or("");
  for (const std::string_view name : {"claude", "codex", "gemini", "opencode"}) {
    if (os::find_program(name, path, directory)) add(name);
  }
  return out;
}

node_control::NodeManifest manifest_of(const std::vector<std::string>& harnesses,
                                       std::size_t max_agents) {
  node_control::NodeManifest out;
  const auto capability = [](std::string name) {
    wire::Capability made;
    made.name = std::move(name);
    made.kind = "capacity";
    return made;
  };
  for (const std::string& harness : harnesses) {
    out.capabilities.push_back(capability("spawn:" + harness));
  }
  out.capabilities.push_back(capability("release"));
  out.max_agents = static_cast<std::uint32_t>(max_agents);
  out.version = fmt::format("relay-broker/{}", kOurVersion);
  return out;
}

/// The key of the API: the one that a program which starts us has chosen, else a new one.
Secret api_key(const os::Environment& environment, Random& random) {
  auto given = os::secret_from_environment(environment, "RELAY_BROKER_API_KEY");
  if (given) return *std::move(given);
  return Secret(random_hex("br_", 16, random));
}

/// What proves that agents of this state directory are ours.
Result<std::string> identity_hash(const os::Environment& environment, os::Files& files,
                                  const os::Path& state, Random& random) {
  auto given = os::secret_from_environment(environment, "RELAY_AGENT_IDENTITY_KEY");
  if (given) return token_cache::sha256_hex(given->reveal());
  const os::Path path = state / "identity-key";
  auto kept = files.read_private(path, kIdentityKeyMost);
  if (!kept && kept.error().code == Code::not_found) {
    auto made = files.make_private_directory(state);
    if (made) made = files.create(path, random_hex("", 32, random));
    if (!made && made.error().code != Code::conflict) return fail(std::move(made).error());
    kept = files.read_private(path, kIdentityKeyMost);
  }
  if (!kept) return fail(std::move(kept).error());
  return token_cache::sha256_hex(*kept);
}

Result<std::string> instance_name_of(const ServeOptions& options, const os::Surroundings& around) {
  std::string name = options.instance;
  if (name.empty()) name = around.environment.get("RELAY_BROKER_INSTANCE").value_or("");
  if (name.empty()) return os::instance_name(around.working_directory);
  auto checked = os::check_instance_name(name);
  if (!checked) return fail(std::move(checked).error());
  return name;
}

Result<void> add_node(const ServeOptions& options, NodeSetup& setup, os::Files& files,
                      Random& random, Redactor& redactor, const os::Environment& environment,
                      broker::DaemonSettings& into) {
  broker::NodeSideSettings node;
  token_cache::ResolveRequest& request = node.request;
  auto engine = setup.engine(options.engine);
  if (!engine) return fail(std::move(engine).error());
  request.engine = *std::move(engine);
  request.engine_database = options.engine_database.native();
  // What the environment says of a node is not said of an engine that the options have asked for.
  const bool own = options.asks_for_own_engine();
  if (!own || !options.node_id.empty()) {
    auto id = setup.node_id(options.node_id);
    if (!id) return fail(std::move(id).error());
    request.node_id = *std::move(id);
  }
  if (!own || !options.node_token.empty()) {
    auto token = setup.node_token(options.node_token);
    if (!token) return fail(std::move(token).error());
    request.node_token = *std::move(token);
  }
  auto name = setup.node_name(options.name);
  if (!name) return fail(std::move(name).error());
  request.node_name = *std::move(name);
  request.directory = setup.directory();
  std::string workspace;
  const auto known = setup.entries(request.node_id.value_or(""), request.engine);
  if (known && known->size() == 1) workspace = known->front().file->workspace_id;
  auto key = setup.workspace_key(options.engine, workspace);
  if (!key) return fail(std::move(key).error());
  request.workspace_key = *std::move(key);
  if (!options.key_in_hand.empty()) {
    redactor.watch(options.key_in_hand);
    request.workspace_key = options.key_in_hand;
  }
  if (request.engine.empty() && options.peer) request.engine = kPeerEngine;
  node.identity = [&files, &random, environment, state = into.instance.state] {
    return identity_hash(environment, files, state, random);
  };
  node.network = net::NetworkSettings::from(environment);
  node.redact = [&redactor](std::string_view text) { return redactor.redact(text); };
  // Programs written for agent-relay-broker start one where another one may not have ended yet.
  node.shares_node = options.peer;
  node.user_agent = fmt::format("relay-broker/{}", kOurVersion);
  node.places = setup.places();
  node.manifest =
      manifest_of(harnesses(options, environment, setup.directory()), into.broker.max_agents);
  into.broker.engine = request.engine;
  into.broker.workspace_id = workspace;
  into.node = std::move(node);
  return {};
}

/// Where we are on disk; empty when that is gone. What an upgrade has put there is as good.
os::Path own_program() {
  constexpr std::string_view kGone = " (deleted)";
  std::error_code error;
  std::string path = std::filesystem::read_symlink("/proc/self/exe", error).string();
  if (path.ends_with(kGone)) path.resize(path.size() - kGone.size());
  return std::filesystem::exists(path, error) ? os::Path(path) : os::Path();
}

}  // namespace

Result<broker::Instance> serve_instance(const ServeOptions& options,
                                        const os::Surroundings& around) {
  const auto paths = os::user_paths(around);
  if (!paths) return fail(paths.error());
  auto name = instance_name_of(options, around);
  if (!name) return fail(std::move(name).error());
  broker::Instance out(*paths, *std::move(name));
  if (!options.state_dir.empty()) out.state = std::filesystem::absolute(options.state_dir);
  return out;
}

Result<void> check_listen(const std::string& text) {
  const auto read = read_listen(text);
  if (!read) return fail(read.error());
  return {};
}

Result<void> check_serve(const ServeOptions& options) {
  struct Clash {
    bool given;
    const char* option;
    const char* against;
  };
  const bool off = options.relay == "off";
  const bool named = !options.engine.engine.empty();
  const bool node = options.role == "node";
  const std::array clashes{
      Clash{off && options.own_engine, "--own-engine", "--relay off"},
      Clash{off && named, "--engine", "--relay off"},
      Clash{off && !options.store.empty(), "--store", "--relay off"},
      Clash{off && !options.engine_listen.empty(), "--engine-listen", "--relay off"},
      Clash{off && !options.role.empty() && options.role != "all", "--role", "--relay off"},
      Clash{named && options.own_engine, "--own-engine", "--engine"},
      Clash{named && !options.store.empty(), "--store", "--engine"},
      Clash{node && options.own_engine, "--own-engine", "--role node"},
      Clash{node && !options.store.empty(), "--store", "--role node"},
      Clash{named && options.role == "engine", "--engine", "--role engine"},
  };
  for (const Clash& clash : clashes) {
    if (!clash.given) continue;
    return fail(Code::invalid_argument,
                fmt::format("{} and {} exclude each other", clash.against, clash.option),
                fmt::format("leave {} out, or {}", clash.option, clash.against));
  }
  return {};
}

Result<broker::DaemonSettings> serve_settings(const ServeOptions& options, NodeSetup& setup,
                                              os::Files& files, Random& random,
                                              Redactor& redactor) {
  auto around = os::Surroundings::of_process();
  if (!around) return fail(std::move(around).error());
  const auto paths = os::user_paths(*around);
  if (!paths) return fail(paths.error());
  const auto found = serve_instance(options, *around);
  if (!found) return fail(found.error());
  broker::Instance instance = instance_as_noted(files, *paths, found->name);
  instance.state = found->state;
  broker::BrokerSettings settings;
  settings.instance = instance.name;
  settings.version = kOurVersion;
  settings.state_dir = instance.state;
  settings.runtime_dir = instance.runtime;
  settings.directory = around->working_directory;
  settings.environment = around->environment;
  settings.program = own_program();
  if (!options.channels.empty()) settings.channels = options.channels;
  std::string most = options.max_agents;
  if (most.empty()) most = around->environment.get("AGENT_RELAY_NODE_MAX_AGENTS").value_or("");
  if (!most.empty()) {
    const auto count = number_of(most, "--max-agents", 100'000);
    if (!count) return fail(count.error());
    settings.max_agents = *count;
  }

  const auto boomerang = around->environment.get("RELAY_OBLIGATION_BOOMERANG");
  if (const auto every = around->environment.get("RELAY_OBLIGATION_INTERVAL_MS")) {
    const auto given = number_of(*every, "RELAY_OBLIGATION_INTERVAL_MS", 86'400'000);
    if (!given) return fail(given.error());
    settings.remind_every = std::chrono::milliseconds(*given);
  }
  if (boomerang == "0") settings.remind_every = Duration::zero();

  broker::DaemonSettings out(std::move(instance), std::move(settings));
  out.takeover = options.takeover;
  if (options.peer) {
    out.connection_also = out.instance.state / "connection.json";
    if (options.leased) out.lease = kPeerLease;
  }
  if (!options.listen.empty()) {
    const auto listen = read_listen(options.listen);
    if (!listen) return fail(listen.error());
    out.listen_address = listen->address;
    out.listen_port = listen->port;
  }
  if (!options.orphan_grace.empty()) {
    const auto grace = parse_duration(options.orphan_grace);
    if (!grace) return fail(grace.error());
    out.orphan_grace = *grace;
  }
  out.api_key = api_key(around->environment, random);
  redactor.watch(out.api_key);
  auto profiles = pty::load_profiles(files, paths->config / "profiles");
  if (!profiles) return fail(std::move(profiles).error());
  out.profiles = *std::move(profiles);
  if (options.relay != "off") {
    auto added = add_node(options, setup, files, random, redactor, around->environment, out);
    if (!added) return fail(std::move(added).error());
  }
  return out;
}

}  // namespace relay::cli
