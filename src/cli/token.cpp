#include "cli/token.hpp"

#include "cli/node_report.hpp"
#include "cli/output.hpp"
#include "cli/token_commands.hpp"
#include <fmt/format.h>
#include <utility>

#include "base/json_writer.hpp"

namespace relay::cli {
namespace {

using token_cache::EngineAccess;
using token_cache::Resolver;
using token_cache::ResolveRequest;

/// The request for a new token of the chosen node, or of this directory when nothing is cached.
Result<ResolveRequest> rotation(const TokenOptions& options, NodeSetup& setup) {
  ResolveRequest request;
  auto engine = setup.engine(options.engine);
  if (!engine) return fail(std::move(engine).error());
  request.engine = *std::move(engine);
  auto name = setup.node_name(options.name);
  if (!name) return fail(std::move(name).error());
  request.node_name = *std::move(name);
  std::string workspace;
  auto entry = setup.entry(options.node, request.engine);
  if (entry) {
    if (request.engine.empty()) request.engine = entry->file->engine;
    if (options.name.empty() && !entry->file->node_name.empty()) {
      request.node_name = entry->file->node_name;
    }
    request.node_id = entry->file->node_id;
    workspace = entry->file->workspace_id;
  } else if (!options.node.empty() || entry.error().code != Code::not_enrolled) {
    return fail(std::move(entry).error());
  }
  auto key = setup.workspace_key(options.engine, workspace);
  if (!key) return fail(std::move(key).error());
  request.workspace_key = *std::move(key);
  if (!request.workspace_key) {
    return fail(Code::invalid_argument, "a new token needs the workspace key",
                "give it with --workspace-key @FILE");
  }
  request.directory = setup.directory();
  request.rotate = true;
  return request;
}

asio::awaitable<Result<void>> rotate(Resolver* resolver, Progress* progress, ResolveRequest request,
                                     token_cache::NodeCredentials* node) {
  progress->step("asking " + request.engine);
  auto resolved = co_await resolver->resolve(std::move(request));
  if (!resolved) co_return fail(std::move(resolved).error());
  for (const std::string& text : resolved->notices) note(text);
  *node = *std::move(resolved);
  co_return Result<void>();
}

Result<token_cache::NodeCredentials> rotated(Context& context, const TokenOptions& options,
                                             NodeSetup& setup) {
  const auto request = rotation(options, setup);
  if (!request) return fail(request.error());
  token_cache::NodeCredentials node;
  auto done =
      setup.with_engine(context, [&](EngineAccess*, Resolver* resolver, Progress* progress) {
        return rotate(resolver, progress, *request, &node);
      });
  if (!done) return fail(std::move(done).error());
  return node;
}

Result<void> mint(Context& context, const TokenOptions& options, NodeSetup& setup) {
  const auto node = rotated(context, options, setup);
  if (!node) return fail(node.error());
  context.deed = "the token was minted";
  context.out.line(context.json ? enrolment_json(*node, true) : enrolment_text(*node, true));
  return {};
}

void print_state(Context& context, const std::string& node_id, const char* state,
                 const std::string& text) {
  if (!context.json) {
    context.out.line(text);
    return;
  }
  std::string line;
  JsonWriter json(line);
  json.begin_object();
  json.field("node_id", node_id);
  json.field(state, true);
  json.end_object();
  json.finish();
  context.out.line(line);
}

/// The engine knows no "revoke": a new token makes the old one worthless, and nobody keeps it.
Result<void> revoke(Context& context, const TokenOptions& options, NodeSetup& setup) {
  auto entry = setup.entry(options.node, "");
  if (!entry) return fail(std::move(entry).error());
  const auto node = rotated(context, options, setup);
  if (!node) return fail(node.error());
  const auto gone = setup.store().remove(node->node_id);
  if (!gone) return fail(gone.error());
  context.deed = "the token was revoked";
  print_state(context, node->node_id, "revoked", "revoked the token of " + node->node_id);
  return {};
}

asio::awaitable<Result<void>> ask(EngineAccess* engine, Progress* progress, std::string address,
                                  Secret token, std::string node_id) {
  progress->step("asking " + address);
  const auto taken = co_await engine->verify(address, token);
  if (!taken) co_return fail(taken.error());
  if (*taken) co_return Result<void>();
  co_return fail(Code::token_rejected,
                 fmt::format("{} refuses the token of node {}", address, node_id),
                 "relay-broker enroll --workspace-key @FILE gets a new one");
}

Result<void> verify(Context& context, const TokenOptions& options, NodeSetup& setup) {
  const auto engine = setup.engine(options.engine);
  if (!engine) return fail(engine.error());
  auto entry = setup.entry(options.node, options.node.empty() ? *engine : "");
  if (!entry) return fail(std::move(entry).error());
  const std::string address = engine->empty() ? entry->file->engine : *engine;
  if (address.empty()) {
    return fail(Code::invalid_argument, "the cached token does not say which engine it is for",
                "name it with --engine URL");
  }
  const token_cache::TokenFile& file = *entry->file;
  auto asked = setup.with_engine(context, [&](EngineAccess* access, Resolver*, Progress* progress) {
    return ask(access, progress, address, file.token, file.node_id);
  });
  if (!asked) return asked;
  print_state(context, file.node_id, "valid", address + " takes the token of " + file.node_id);
  return {};
}

}  // namespace

Command token_mint_command() {
  auto options = std::make_shared<TokenOptions>();
  Command command;
  command.name = "mint";
  command.summary = "Get a new token from the engine; the old one is dead at once";
  command.examples = {"relay-broker token mint --workspace-key @key",
                      "relay-broker token mint node_1f3a --workspace-key - < key"};
  add_node_argument(command, *options);
  add_engine_options(command, options->engine);
  command.options.push_back(
      Option("--name", "What the engine calls the node", &options->name).value_name("NAME"));
  finish_token_command(command, std::move(options), mint);
  return command;
}

Command token_verify_command() {
  auto options = std::make_shared<TokenOptions>();
  Command command;
  command.name = "verify";
  command.summary = "Ask the engine whether a token is good, changing nothing";
  command.examples = {"relay-broker token verify", "relay-broker token verify node_1f3a --json"};
  add_node_argument(command, *options);
  command.options.push_back(
      Option("--engine", "Address of the engine", &options->engine.engine).value_name("URL"));
  finish_token_command(command, std::move(options), verify);
  return command;
}

Command token_revoke_command() {
  auto options = std::make_shared<TokenOptions>();
  Command command;
  command.name = "revoke";
  command.summary = "Make a token worthless at the engine and forget it";
  command.examples = {"relay-broker token revoke --workspace-key @key",
                      "relay-broker token revoke node_1f3a --workspace-key @key"};
  add_node_argument(command, *options);
  add_engine_options(command, options->engine);
  finish_token_command(command, std::move(options), revoke);
  return command;
}

void finish_token_command(Command& command, std::shared_ptr<TokenOptions> options, TokenRun run) {
  command.group = "token";
  command.run = [options, run](Context& context) -> Result<void> {
    auto setup = NodeSetup::of_process();
    if (!setup) return fail(std::move(setup).error());
    return run(context, *options, **setup);
  };
  command.state = std::move(options);
}

void add_node_argument(Command& command, TokenOptions& options) {
  command.options.push_back(Option("node", "Node id; this directory's without it", &options.node)
                                .value_name("ID")
                                .looked_up(cached_node_ids));
}

Command token_command() {
  Command command;
  command.name = "token";
  command.summary = "Look at and change the cached node tokens";
  command.examples = {"relay-broker token list", "relay-broker token verify --json"};
  command.commands.push_back(token_list_command());
  command.commands.push_back(token_show_command());
  command.commands.push_back(token_path_command());
  command.commands.push_back(token_set_command());
  command.commands.push_back(token_mint_command());
  command.commands.push_back(token_verify_command());
  command.commands.push_back(token_revoke_command());
  command.commands.push_back(token_clear_command());
  return command;
}

}  // namespace relay::cli
