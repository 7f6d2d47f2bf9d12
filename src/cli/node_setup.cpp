#include "cli/node_setup.hpp"

#include "cli/output.hpp"
#include <array>
#include <fmt/format.h>
#include <unistd.h>
#include <utility>

#include "base/printable.hpp"
#include "net/http_client.hpp"
#include "net/network_settings.hpp"
#include "os/secret_input.hpp"
#include "token_cache/http_engine_access.hpp"
#include "token_cache/node_identity.hpp"

namespace relay::cli {
namespace {

constexpr const char* kVersion = "relay-broker/" RELAY_BROKER_VERSION;
constexpr std::string_view kKeyPrefix = "rk_";
constexpr std::size_t kLongestHost = 256;

const std::vector<std::string_view> kEngineVariables{"RELAY_BROKER_ENGINE", "RELAYCAST_BASE_URL",
                                                     "RELAY_BASE_URL"};
const std::vector<std::string_view> kKeyVariables{"RELAY_BROKER_WORKSPACE_KEY",
                                                  "AGENT_RELAY_WORKSPACE_KEY",
                                                  "RELAY_WORKSPACE_KEY", "RELAY_API_KEY"};

std::string host_name() {
  std::array<char, kLongestHost> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "";
  return name.data();
}

}  // namespace

Result<void> check_engine(const std::string& url) {
  const auto address = token_cache::engine_address(url);
  if (!address) return fail(address.error());
  return {};
}

void add_engine_options(Command& command, EngineOptions& options) {
  command.options.push_back(Option("--engine", "Address of the engine", &options.engine)
                                .value_name("URL")
                                .setting({kEngineVariables.begin(), kEngineVariables.end()})
                                .checked(check_engine));
  command.options.push_back(
      Option("--workspace-key", "Key of the workspace: @file or -", &options.workspace_key)
          .value_name("@FILE")
          .setting({kKeyVariables.begin(), kKeyVariables.end()}));
}

NodeSetup::NodeSetup(os::Surroundings surroundings, token_cache::CachePlaces places)
    : surroundings_(std::move(surroundings)), places_(std::move(places)), store_(files_, places_) {}

Result<std::unique_ptr<NodeSetup>> NodeSetup::of_process() {
  auto surroundings = os::Surroundings::of_process();
  if (!surroundings) return fail(std::move(surroundings).error());
  const auto paths = os::user_paths(*surroundings);
  if (!paths) return fail(paths.error());
  return std::unique_ptr<NodeSetup>(
      new NodeSetup(*std::move(surroundings), token_cache::cache_places(*paths)));
}

std::optional<std::string> NodeSetup::first_of(
    const std::vector<std::string_view>& variables) const {
  for (const auto variable : variables) {
    if (auto value = surroundings_.environment.get(variable)) return value;
  }
  return std::nullopt;
}

Result<std::optional<Secret>> NodeSetup::secret(std::string_view argument, std::string_view option,
                                                const std::vector<std::string_view>& variables) {
  Result<Secret> found = fail(Code::not_found, "");
  if (!argument.empty()) {
    found = os::secret_from_argument(argument, option, variables.front(), STDIN_FILENO);
    if (!found) return fail(std::move(found).error());
  } else {
    for (const auto variable : variables) {
      found = os::secret_from_environment(surroundings_.environment, variable);
      if (found) break;
    }
  }
  if (!found) return std::optional<Secret>();
  redactor_.watch(*found);
  return std::optional(*std::move(found));
}

Result<std::string> NodeSetup::engine(const EngineOptions& options) const {
  std::string url = options.engine;
  if (url.empty()) {
    url = first_of(kEngineVariables).value_or("");
  }
  if (url.empty()) return std::string();
  return token_cache::engine_address(url);
}

Result<std::optional<Secret>> NodeSetup::workspace_key(const EngineOptions& options,
                                                       std::string_view workspace_id) {
  auto key = secret(options.workspace_key, "--workspace-key", kKeyVariables);
  if (!key) return key;
  if (*key && !(*key)->reveal().starts_with(kKeyPrefix)) {
    return fail(Code::invalid_argument, "the workspace key does not begin with rk_",
                "it is what the engine answered when the workspace was made");
  }
  if (*key || workspace_id.empty()) return key;
  auto kept = files_.read_private(key_path(workspace_id), token_cache::kCacheFileMost);
  if (!kept && kept.error().code == Code::not_found) return key;
  if (!kept) return fail(std::move(kept).error());
  while (kept->ends_with('\n')) kept->pop_back();
  Secret found(*std::move(kept));
  redactor_.watch(found);
  return std::optional(std::move(found));
}

Result<std::optional<Secret>> NodeSetup::node_token(std::string_view argument) {
  return secret(argument, "--node-token", {"RELAY_BROKER_NODE_TOKEN", "RELAY_NODE_TOKEN"});
}

Result<std::optional<std::string>> NodeSetup::node_id(const std::string& argument) const {
  std::optional<std::string> id;
  if (!argument.empty()) id = argument;
  if (!id) id = first_of({"RELAY_BROKER_NODE_ID", "RELAY_NODE_ID"});
  if (!id) return id;
  auto checked = token_cache::check_node_id(*id);
  if (!checked) return fail(std::move(checked).error());
  return id;
}

Result<std::string> NodeSetup::node_name(const std::string& argument) const {
  if (argument.empty()) return token_cache::default_node_name(host_name(), directory());
  auto checked = token_cache::check_node_name(argument);
  if (!checked) return fail(std::move(checked).error());
  return argument;
}

Result<std::vector<token_cache::CacheEntry>> NodeSetup::entries(const std::string& node_id,
                                                                const std::string& engine) {
  std::vector<token_cache::CacheEntry> found;
  if (!node_id.empty()) {
    auto one = store_.find(node_id);
    if (!one) return fail(std::move(one).error());
    if (!*one) {
      return fail(Code::token_not_found, "there is no cached token of node " + node_id,
                  "relay-broker token list shows what there is");
    }
    found.push_back(**std::move(one));
    return found;
  }
  auto all = store_.list();
  if (!all) return fail(std::move(all).error());
  const auto seed = token_cache::find_machine_seed(files_, places_);
  if (!seed) return fail(seed.error());
  found = token_cache::of_directory(*all, *seed, directory(), engine);
  if (!found.empty()) return found;
  for (const auto& entry : *all) {
    if (!entry.problem.empty()) note(entry.path.string() + ": " + entry.problem);
  }
  return fail(Code::not_enrolled, directory().string() + " is not enrolled with an engine",
              "relay-broker enroll --engine URL --workspace-key @FILE");
}

Result<token_cache::CacheEntry> NodeSetup::entry(const std::string& node_id,
                                                 const std::string& engine) {
  auto found = entries(node_id, engine);
  if (!found) return fail(std::move(found).error());
  if (found->size() == 1) return std::move(found->front());
  std::string known;
  for (const auto& each : *found) {
    known +=
        fmt::format("{}{} ({})", known.empty() ? "" : ", ", each.file->node_id, each.file->engine);
  }
  return fail(Code::invalid_argument,
              fmt::format("{} is enrolled several times: {}", directory().string(), known),
              "name the node, or the engine with --engine");
}

os::Path NodeSetup::key_path(std::string_view workspace_id) const {
  auto name = token_cache::token_file_name(workspace_id);
  name.resize(name.size() - std::string_view(".json").size());
  return places_.own / "workspaces" / (name + ".key");
}

Result<os::Path> NodeSetup::keep_workspace_key(const std::string& workspace_id, const Secret& key) {
  redactor_.watch(key);
  const os::Path path = key_path(workspace_id);
  auto made = files_.make_private_directory(path.parent_path());
  if (!made) return fail(std::move(made).error());
  std::string text = key.reveal() + "\n";
  auto written = files_.replace(path, text);
  wipe(text);
  if (!written) return fail(std::move(written).error());
  return path;
}

Result<void> NodeSetup::with_engine(Context& context, const EngineWork& work) {
  return run_loop(context, [&](asio::any_io_executor executor, Progress* progress) {
    return ask(std::move(executor), progress, &work);
  });
}

asio::awaitable<Result<void>> NodeSetup::ask(asio::any_io_executor executor, Progress* progress,
                                             const EngineWork* work) {
  const net::Redact redact = [this](std::string_view text) { return redactor_.redact(text); };
  net::HttpClientOptions options;
  const auto network = net::NetworkSettings::from(surroundings_.environment);
  options.network = network;
  options.redact = redact;
  options.user_agent = kVersion;
  // In this frame: they have to go before the loop does.
  net::HttpClient client(std::move(executor), std::move(options), random_);
  token_cache::HttpEngineAccess engine(client, network, random_, redact);
  token_cache::Resolver resolver(files_, places_, random_, engine, kVersion);
  auto asked = (*work)(&engine, &resolver, progress);
  co_return co_await std::move(asked);
}

void note(std::string_view text) {
  Output out(STDERR_FILENO);
  out.line("note: " + printable(redact(text)));
  (void)out.flush();
}

}  // namespace relay::cli
