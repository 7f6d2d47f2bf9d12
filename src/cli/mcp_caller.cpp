#include "cli/mcp_caller.hpp"

#include <utility>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "net/timeout.hpp"
#include "os/posix_files.hpp"

namespace relay::cli {
namespace {

constexpr Duration kToolWithin = std::chrono::seconds(30);
/// For a broker to write the token down that the engine has just given it.
constexpr Duration kTokenSettles = std::chrono::milliseconds(300);
constexpr std::size_t kEngineReplyMost = std::size_t{4} << 20;
constexpr std::size_t kTokenMost = 4096;

std::string first_of(const os::Environment& environment,
                     std::initializer_list<std::string_view> names) {
  for (const auto name : names) {
    if (auto value = environment.get(name)) return *std::move(value);
  }
  return {};
}

}  // namespace

AgentAccess AgentAccess::from(const os::Environment& environment) {
  AgentAccess out;
  out.environment = environment;
  out.engine = first_of(environment, {"RELAY_BASE_URL", "RELAYCAST_BASE_URL"});
  while (out.engine.ends_with('/')) out.engine.pop_back();
  out.agent = first_of(environment, {"RELAY_AGENT_NAME"});
  out.broker = first_of(environment, {"RELAY_AGENT_BROKER"});
  out.token_file = first_of(environment, {"RELAY_AGENT_TOKEN_FILE"});
  out.token = Secret(first_of(environment, {"RELAY_AGENT_TOKEN"}));
  out.workspace_key = Secret(
      first_of(environment, {"AGENT_RELAY_WORKSPACE_KEY", "RELAY_WORKSPACE_KEY", "RELAY_API_KEY"}));
  out.result_url = first_of(environment, {"AGENT_RELAY_RESULT_URL"});
  out.result_token = Secret(first_of(environment, {"AGENT_RELAY_RESULT_TOKEN"}));
  return out;
}

McpCaller::McpCaller(asio::any_io_executor executor, AgentAccess access)
    : executor_(std::move(executor)),
      access_(std::move(access)),
      files_(std::make_unique<os::PosixFiles>(random_)) {}

Result<Secret> McpCaller::right_for(mcp::Credential credential) {
  if (credential == mcp::Credential::results) return access_.result_token;
  if (access_.engine.empty()) {
    return fail(Code::not_enrolled, "there is no engine: RELAY_BASE_URL is not set",
                "start the agent with relay-broker spawn, on a broker that has one");
  }
  if (credential == mcp::Credential::workspace) {
    if (!access_.workspace_key.empty()) return access_.workspace_key;
    return fail(Code::not_enrolled, "there is no workspace key to register with",
                "start the agent with relay-broker spawn, or set RELAY_WORKSPACE_KEY");
  }
  if (!access_.token_file.empty()) {
    auto text = files_->read_private(access_.token_file, kTokenMost);
    if (text) return Secret(trim(*text));
    Error error = std::move(text).error();
    if (error.code == Code::not_found) {
      error = Error(Code::not_enrolled, "this agent has no token any more: " + error.message,
                    "it was released; there is nobody to speak for");
    }
    return fail(std::move(error));
  }
  if (!access_.token.empty()) return access_.token;
  return fail(Code::not_enrolled, "this agent has no name in the workspace",
              access_.workspace_key.empty() ? "start it with relay-broker spawn, which registers it"
                                            : "call register_agent first");
}

asio::awaitable<Result<net::HttpReply>> McpCaller::ask_with(const mcp::EngineRequest* request,
                                                            Secret right, std::string key) {
  const bool results = request->credential == mcp::Credential::results;
  net::HttpCall call(request->method,
                     results ? access_.result_url : access_.engine + request->path);
  call.deadline = kToolWithin;
  call.reply_most = kEngineReplyMost;
  call.retry = net::RetryPolicy::standard();
  call.headers.set("Accept", "application/json");
  call.headers.set("Authorization", "Bearer " + right.reveal());
  if (!key.empty()) call.headers.set("Idempotency-Key", key);
  if (!request->body.empty()) call.headers.set("Content-Type", "application/json");
  call.body = request->body;
  if (!client_) {
    net::HttpClientOptions options;
    options.network = net::NetworkSettings::from(access_.environment);
    client_ = std::make_unique<net::HttpClient>(executor_, std::move(options), random_);
  }
  auto reply = co_await client_->call(std::move(call));
  if (reply) co_return reply;
  co_return fail(mcp::engine_failure(std::move(reply).error(), *request, access_.engine));
}

asio::awaitable<Result<net::HttpReply>> McpCaller::ask(const mcp::EngineRequest* request) {
  const auto right = right_for(request->credential);
  if (!right) co_return fail(right.error());
  // The same one for both tries: nothing is said twice.
  const std::string key = request->keyed ? uuid_v4(random_) : std::string();
  auto reply = co_await ask_with(request, *right, key);
  const bool from_file =
      request->credential == mcp::Credential::agent && !access_.token_file.empty();
  if (!reply || reply->status != 401 || !from_file) co_return reply;
  auto now = right_for(request->credential);
  if (now && *now == *right) {
    co_await net::pause(kTokenSettles);
    now = right_for(request->credential);
  }
  if (!now || *now == *right) co_return reply;
  co_return co_await ask_with(request, *now, key);
}

mcp::ToolResult McpCaller::keep_identity(const net::HttpReply& reply) {
  const auto document = wire::JsonDocument::parse(reply.body, wire::kEngineLimits);
  const auto token = document ? document->root().at("/data/token") : std::nullopt;
  const auto name = document ? document->root().at("/data/name") : std::nullopt;
  const auto token_text = token ? token->string() : std::nullopt;
  const auto name_text = name ? name->string() : std::nullopt;
  if (!token_text || !name_text) {
    return mcp::ToolResult::of(Error(Code::protocol_error, "the engine gave no token"));
  }
  access_.token = Secret(*token_text);
  access_.agent = std::string(*name_text);
  // The token stays here: a model has no use for it.
  return mcp::ToolResult::of("Registered as " + access_.agent);
}

asio::awaitable<mcp::ToolResult> McpCaller::make(mcp::ToolRun run) {
  for (;;) {
    const auto reply = co_await ask(&run.request());
    if (!reply) co_return mcp::ToolResult::of(reply.error());
    if (!reply->ok()) {
      const Error refusal = mcp::engine_refusal(reply->status, reply->body,
                                                run.request().credential, mcp::Audience::model);
      co_return mcp::ToolResult::of(refusal);
    }
    if (run.request().credential == mcp::Credential::workspace) co_return keep_identity(*reply);
    auto result = run.take(reply->body);
    if (result) co_return *std::move(result);
  }
}

}  // namespace relay::cli
