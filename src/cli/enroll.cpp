#include "cli/enroll.hpp"

#include "cli/node_report.hpp"
#include "cli/node_setup.hpp"
#include "cli/output.hpp"
#include <fmt/format.h>
#include <utility>

namespace relay::cli {
namespace {

using token_cache::EngineAccess;
using token_cache::NodeCredentials;
using token_cache::Resolver;
using token_cache::ResolveRequest;

struct EnrolOptions {
  EngineOptions engine;
  std::string create_workspace;
  std::string name;
  std::string node_id;
  std::string node_token;
  bool rotate = false;
  bool check = false;
  bool if_needed = false;
};

Error no_engine() {
  return {Code::invalid_argument, "no engine is given",
          "name it with --engine URL or RELAY_BROKER_ENGINE"};
}

/// For --check there is no third thing between a good token, a bad one and no answer.
Error unanswered(Error error) {
  const bool no_answer = error.code == Code::timeout || error.code == Code::connection_closed ||
                         error.code == Code::protocol_error || error.code == Code::engine_error ||
                         error.code == Code::rate_limited;
  if (no_answer) error.code = Code::engine_unreachable;
  return error;
}

/// What cannot be meant together.
Result<void> check_options(const EnrolOptions& options) {
  if (static_cast<int>(options.rotate) + static_cast<int>(options.check) +
          static_cast<int>(options.if_needed) >
      1) {
    return fail(Code::invalid_argument, "--rotate, --check and --if-needed exclude each other",
                "give one of them");
  }
  if (!options.create_workspace.empty() && !options.engine.workspace_key.empty()) {
    return fail(Code::invalid_argument, "--create-workspace and --workspace-key exclude each other",
                "give the key of a workspace that is there, or the name of a new one");
  }
  if (!options.node_token.empty() && options.rotate) {
    return fail(Code::invalid_argument, "a token that was handed out cannot be rotated here",
                "ask whoever issued it");
  }
  return {};
}

/// One run of `enroll`.
class Enrolment {
 public:
  Enrolment(Context& context, const EnrolOptions& options, NodeSetup& setup)
      : context_(context), options_(options), setup_(setup) {}

  Result<void> run() {
    auto fine = prepare();
    if (!fine) return fine;
    if (options_.check) return check();
    auto known = known_node();
    if (!known) return fail(std::move(known).error());
    if (options_.if_needed && *known) {
      show(credentials_of(**known), false);
      return {};
    }
    auto settled = settle_workspace(*known ? &**known : nullptr);
    if (!settled) return settled;
    return setup_.with_engine(context_,
                              [this](EngineAccess* engine, Resolver* resolver, Progress* progress) {
                                return enroll(engine, resolver, progress);
                              });
  }

 private:
  using Entry = token_cache::CacheEntry;

  Result<void> prepare() {
    auto fine = check_options(options_);
    if (!fine) return fine;
    auto engine = setup_.engine(options_.engine);
    if (!engine) return fail(std::move(engine).error());
    request_.engine = *std::move(engine);
    auto id = setup_.node_id(options_.node_id);
    if (!id) return fail(std::move(id).error());
    request_.node_id = *std::move(id);
    auto token = setup_.node_token(options_.node_token);
    if (!token) return fail(std::move(token).error());
    token_ = *std::move(token);
    if (token_ && !request_.node_id) {
      return fail(Code::invalid_argument, "there is a node token, but nothing says for which node",
                  "--node-id ID, as it came with the token");
    }
    auto name = setup_.node_name(options_.name);
    if (!name) return fail(std::move(name).error());
    request_.node_name = *std::move(name);
    request_.directory = setup_.directory();
    request_.rotate = options_.rotate;
    request_.verify = true;
    return {};
  }

  /// What is cached for this directory and engine; nothing when that is not exactly one node.
  Result<std::optional<Entry>> known_node() {
    auto found = setup_.entries("", request_.engine);
    if (!found && found.error().code == Code::not_enrolled) return std::optional<Entry>();
    if (!found) return fail(std::move(found).error());
    if (request_.node_id) {
      std::erase_if(*found,
                    [&](const Entry& entry) { return entry.file->node_id != *request_.node_id; });
    }
    if (found->size() != 1) return std::optional<Entry>();
    return std::optional(std::move(found->front()));
  }

  /// Which engine, and with which key.
  Result<void> settle_workspace(const Entry* known) {
    if (request_.engine.empty() && known) request_.engine = known->file->engine;
    if (request_.engine.empty()) return fail(no_engine());
    // Making the workspace again would leave the first one behind, with nobody in it.
    create_ = !options_.create_workspace.empty() && known == nullptr;
    if (!create_ && !options_.create_workspace.empty()) {
      note("already enrolled in workspace " + known->file->workspace_id + "; no other was made");
    }
    auto key = setup_.workspace_key(options_.engine, known ? known->file->workspace_id : "");
    if (!key) return fail(std::move(key).error());
    if (!create_) request_.workspace_key = *std::move(key);
    const bool enough = create_ || request_.workspace_key || token_ || (known && !options_.rotate);
    if (enough) return {};
    return fail(Code::not_enrolled, "there is no workspace key to enroll with",
                "--workspace-key @FILE, or --create-workspace NAME for a new workspace");
  }

  Result<void> check() {
    auto entry = setup_.entry(request_.node_id.value_or(""), request_.engine);
    if (!entry) {
      Error error = std::move(entry).error();
      if (error.code == Code::token_not_found) error.code = Code::not_enrolled;
      return fail(std::move(error));
    }
    NodeCredentials node = credentials_of(*entry);
    if (!request_.engine.empty()) node.engine = request_.engine;
    auto asked =
        setup_.with_engine(context_, [&](EngineAccess* engine, Resolver*, Progress* progress) {
          progress->step("asking " + node.engine);
          return must_take(engine, node.engine, node.token, node.node_id);
        });
    if (!asked) return fail(unanswered(std::move(asked).error()));
    show(node, false);
    return {};
  }

  static asio::awaitable<Result<void>> must_take(EngineAccess* engine, std::string address,
                                                 Secret token, std::string node_id) {
    auto taken = co_await engine->verify(address, token);
    if (!taken) co_return fail(std::move(taken).error());
    if (*taken) co_return Result<void>();
    co_return fail(Code::token_rejected,
                   fmt::format("{} refuses the token of node {}", address, node_id),
                   "relay-broker enroll --workspace-key @FILE gets a new one");
  }

  asio::awaitable<Result<void>> enroll(EngineAccess* engine, Resolver* resolver,
                                       Progress* progress) {
    progress->step("asking " + request_.engine);
    if (create_) {
      auto made = co_await create_workspace(engine);
      if (!made) co_return made;
    }
    if (token_) co_return co_await take_token(engine);
    auto resolved = co_await resolver->resolve(request_);
    if (!resolved) co_return fail(std::move(resolved).error());
    for (const std::string& text : resolved->notices) note(text);
    show(*resolved, resolved->source == token_cache::TokenSource::mint);
    co_return Result<void>();
  }

  asio::awaitable<Result<void>> create_workspace(EngineAccess* engine) {
    auto made = co_await engine->create_workspace(request_.engine, options_.create_workspace);
    if (!made) co_return fail(std::move(made).error());
    const auto path = setup_.keep_workspace_key(made->id, made->key);
    if (!path) {
      Error error = path.error();
      co_return fail(
          std::move(error).within("workspace " + made->id + " was made, its key is lost"));
    }
    note("workspace " + made->id + " was made; its key is in " + path->string());
    request_.workspace_key = std::move(made->key);
    co_return Result<void>();
  }

  /// Keeps a token that an operator issued, if the engine takes it.
  asio::awaitable<Result<void>> take_token(EngineAccess* engine) {
    token_cache::TokenFile file;
    file.node_id = *request_.node_id;
    file.engine = request_.engine;
    file.token = *token_;
    file.directory = request_.directory.native();
    if (!options_.name.empty()) file.node_name = options_.name;
    auto taken = co_await must_take(engine, file.engine, file.token, file.node_id);
    if (!taken) co_return taken;
    if (request_.workspace_key) {
      auto workspace = co_await engine->workspace(request_.engine, *request_.workspace_key);
      if (!workspace) co_return fail(std::move(workspace).error());
      file.workspace_id = workspace->id;
    }
    auto path = setup_.store().save(file, false);
    if (!path) co_return fail(std::move(path).error());
    token_cache::CacheEntry entry;
    entry.path = *std::move(path);
    entry.file = std::move(file);
    show(credentials_of(entry), false);
    co_return Result<void>();
  }

  void show(const NodeCredentials& node, bool minted) {
    if (context_.json) {
      context_.out.line(enrolment_json(node, minted));
      return;
    }
    context_.out.line(enrolment_text(node, minted));
  }

  Context& context_;
  const EnrolOptions& options_;
  NodeSetup& setup_;
  ResolveRequest request_;
  std::optional<Secret> token_;
  bool create_ = false;
};

Result<void> run(Context& context, const EnrolOptions& options) {
  auto setup = NodeSetup::of_process();
  if (!setup) return fail(std::move(setup).error());
  Enrolment enrolment(context, options, **setup);
  return enrolment.run();
}

}  // namespace

Command enroll_command() {
  auto options = std::make_shared<EnrolOptions>();
  Command command;
  command.name = "enroll";
  command.summary = "Make this directory a node of an engine and cache its token";
  command.examples = {"relay-broker enroll --engine https://engine.example --workspace-key @key",
                      "pass show relay | relay-broker enroll --workspace-key - --if-needed --json"};
  add_engine_options(command, options->engine);
  const auto add = [&](const char* names, const char* help, Option::Target into,
                       const char* value = "") {
    command.options.push_back(Option(names, help, into).value_name(value));
  };
  add("--create-workspace", "Make a workspace first", &options->create_workspace, "NAME");
  add("--name", "What the engine calls the node", &options->name, "NAME");
  add("--node-id", "Node id that an operator issued", &options->node_id, "ID");
  add("--node-token", "Its token: @file or -", &options->node_token, "@FILE");
  add("--rotate", "Replace a good token by a new one", &options->rotate);
  add("--check", "Only ask whether the token is good (0, 3, 4)", &options->check);
  add("--if-needed", "Ask nobody if there is a cached token", &options->if_needed);
  command.run = [options](Context& context) { return run(context, *options); };
  command.state = options;
  return command;
}

}  // namespace relay::cli
