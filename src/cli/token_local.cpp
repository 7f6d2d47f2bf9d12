#include "cli/node_report.hpp"
#include "cli/output.hpp"
#include "cli/token_commands.hpp"
#include <utility>

#include "base/json_writer.hpp"
#include "os/secret_input.hpp"
#include "token_cache/node_identity.hpp"

namespace relay::cli {
namespace {

Result<token_cache::CacheEntry> chosen(const TokenOptions& options, NodeSetup& setup) {
  const auto engine = setup.engine(options.engine);
  if (!engine) return fail(engine.error());
  return setup.entry(options.node, *engine);
}

Result<void> list(Context& context, const TokenOptions& options, NodeSetup& setup) {
  const auto entries = setup.store().list();
  if (!entries) return fail(entries.error());
  const Wall now = SystemClock().wall();
  if (context.json) {
    context.out.line(entries_json(*entries, now, options.reveal));
  } else {
    context.out.write(entries_table(*entries, now, options.reveal));
  }
  return {};
}

Result<void> show(Context& context, const TokenOptions& options, NodeSetup& setup) {
  const auto entry = chosen(options, setup);
  if (!entry) return fail(entry.error());
  const Wall now = SystemClock().wall();
  if (context.json) {
    context.out.line(entry_json(*entry, now, options.reveal));
  } else {
    context.out.write(entry_text(*entry, now, options.reveal));
  }
  return {};
}

Result<void> path(Context& context, const TokenOptions& options, NodeSetup& setup) {
  const auto entry = chosen(options, setup);
  if (!entry) return fail(entry.error());
  if (!context.json) {
    context.out.line(entry->path.string());
    return {};
  }
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.field("node_id", entry->file->node_id);
  json.field("token_path", entry->path.string());
  json.end_object();
  json.finish();
  context.out.line(text);
  return {};
}

Result<void> set(Context& context, const TokenOptions& options, NodeSetup& setup) {
  auto checked = token_cache::check_node_id(options.node);
  if (checked && !options.name.empty()) checked = token_cache::check_node_name(options.name);
  if (!checked) return checked;
  auto engine = setup.engine(options.engine);
  if (!engine) return fail(std::move(engine).error());
  if (engine->empty()) {
    return fail(Code::invalid_argument, "no engine is given",
                "name it with --engine URL or RELAY_BROKER_ENGINE");
  }
  auto token = setup.node_token(options.token);
  if (!token) return fail(std::move(token).error());
  if (!*token) {
    return fail(Code::invalid_argument, "no token is given",
                "@FILE, - for standard input, or RELAY_BROKER_NODE_TOKEN");
  }
  token_cache::TokenFile file;
  file.node_id = options.node;
  file.workspace_id = options.workspace;
  file.engine = *std::move(engine);
  file.token = **std::move(token);
  file.node_name = options.name;
  file.directory = setup.directory().native();
  auto saved = setup.store().save(file, false);
  if (!saved) return fail(std::move(saved).error());
  token_cache::CacheEntry entry;
  entry.path = *std::move(saved);
  entry.file = std::move(file);
  const auto node = credentials_of(entry);
  context.out.line(context.json ? enrolment_json(node, false) : entry.path.string());
  return {};
}

Result<void> clear(Context& context, const TokenOptions& options, NodeSetup& setup) {
  std::vector<token_cache::CacheEntry> entries;
  if (options.all && !options.node.empty()) {
    return fail(Code::invalid_argument, "--all and a node exclude each other", "give one of them");
  }
  auto found = options.all ? setup.store().list() : [&]() -> Result<decltype(entries)> {
    const auto engine = setup.engine(options.engine);
    if (!engine) return fail(engine.error());
    return setup.entries(options.node, *engine);
  }();
  // Nothing to clear is as good as cleared.
  if (!found && found.error().code != Code::not_enrolled) return fail(std::move(found).error());
  if (found) entries = *std::move(found);
  std::vector<std::string> removed;
  for (const auto& entry : entries) {
    // A file of agent-relay-broker goes only when it is named: another broker may be using it.
    if (entry.of_peer && options.node.empty()) {
      note(entry.path.string() + " belongs to agent-relay-broker and stays");
      continue;
    }
    auto gone = setup.store().remove_file(entry);
    if (!gone) return gone;
    removed.push_back(entry.path.string());
  }
  if (!context.json) {
    for (const auto& each : removed) context.out.line("removed " + each);
    if (removed.empty()) context.out.line("nothing to remove");
    return {};
  }
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.key("removed");
  json.begin_array();
  for (const auto& each : removed) json.value(each);
  json.end_array();
  json.end_object();
  json.finish();
  context.out.line(text);
  return {};
}

void add_reveal(Command& command, TokenOptions& options) {
  command.options.emplace_back("--reveal", "Show the whole token", &options.reveal);
}

void add_engine(Command& command, TokenOptions& options) {
  command.options.push_back(
      Option("--engine", "Only of this engine", &options.engine.engine).value_name("URL"));
}

}  // namespace

std::vector<std::string> cached_node_ids() {
  std::vector<std::string> ids;
  auto setup = NodeSetup::of_process();
  if (!setup) return ids;
  const auto entries = (*setup)->store().list();
  if (!entries) return ids;
  for (const auto& entry : *entries) {
    if (entry.file) ids.push_back(entry.file->node_id);
  }
  return ids;
}

Command token_list_command() {
  auto options = std::make_shared<TokenOptions>();
  Command command;
  command.name = "list";
  command.summary = "List every cached token, masked";
  command.examples = {"relay-broker token list", "relay-broker token list --json"};
  add_reveal(command, *options);
  finish_token_command(command, std::move(options), list);
  return command;
}

Command token_show_command() {
  auto options = std::make_shared<TokenOptions>();
  Command command;
  command.name = "show";
  command.summary = "Show the cached token of a node, masked";
  command.examples = {"relay-broker token show", "relay-broker token show node_1f3a --reveal"};
  add_node_argument(command, *options);
  add_engine(command, *options);
  add_reveal(command, *options);
  finish_token_command(command, std::move(options), show);
  return command;
}

Command token_path_command() {
  auto options = std::make_shared<TokenOptions>();
  Command command;
  command.name = "path";
  command.summary = "Print where the token of a node is kept";
  command.examples = {"relay-broker token path", "stat \"$(relay-broker token path)\""};
  add_node_argument(command, *options);
  add_engine(command, *options);
  finish_token_command(command, std::move(options), path);
  return command;
}

Command token_set_command() {
  auto options = std::make_shared<TokenOptions>();
  Command command;
  command.name = "set";
  command.summary = "Cache a token that an operator issued, without asking the engine";
  command.examples = {
      "relay-broker token set node_1f3a @token --engine https://engine.example",
      "pass show node | relay-broker token set node_1f3a - --engine https://engine.example"};
  command.options.push_back(Option("node", "Node id", &options->node).required());
  command.options.push_back(
      Option("token", "@file, or - for standard input", &options->token).value_name("@FILE"));
  command.options.push_back(
      Option("--engine", "Address of the engine", &options->engine.engine).value_name("URL"));
  command.options.push_back(
      Option("--workspace", "Its workspace id", &options->workspace).value_name("ID"));
  command.options.push_back(
      Option("--name", "What the engine calls the node", &options->name).value_name("NAME"));
  finish_token_command(command, std::move(options), set);
  return command;
}

Command token_clear_command() {
  auto options = std::make_shared<TokenOptions>();
  Command command;
  command.name = "clear";
  command.summary = "Forget cached tokens; they stay good at the engine";
  command.examples = {"relay-broker token clear", "relay-broker token clear --all"};
  add_node_argument(command, *options);
  add_engine(command, *options);
  command.options.emplace_back("--all", "Those of every directory", &options->all);
  finish_token_command(command, std::move(options), clear);
  return command;
}

}  // namespace relay::cli
