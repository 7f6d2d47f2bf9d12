#include "token_cache/http_engine_access.hpp"

#include <fmt/format.h>
#include <utility>

#include "net/retry.hpp"
#include "net/tls.hpp"
#include "net/url.hpp"
#include "net/ws_client.hpp"
#include "token_cache/engine_reply.hpp"
#include "wire/body.hpp"
#include "wire/envelope.hpp"
#include "wire/rest_nodes.hpp"
#include "wire/rest_workspace.hpp"

namespace relay::token_cache {
namespace {

using namespace std::chrono_literals;

constexpr Duration kCallMost = 30s;
constexpr Duration kProbeMost = 5s;
constexpr Duration kHandshakeMost = 10s;
constexpr std::uint16_t kNormalClose = 1000;
/// The answers that we read are a few hundred bytes.
constexpr std::size_t kReplyMost = std::size_t{1} << 20U;
/// Of the right form, and never issued: tokens are random.
constexpr const char* kNoToken = "nt_live_000000000000000000000000000000000000000000000000";

net::HttpCall call_for(std::string method, std::string url, const Secret& key) {
  net::HttpCall call(std::move(method), std::move(url));
  call.deadline = kCallMost;
  call.reply_most = kReplyMost;
  call.headers.set("Accept", "application/json");
  if (!key.empty()) call.headers.set("Authorization", "Bearer " + key.reveal());
  return call;
}

}  // namespace

HttpEngineAccess::HttpEngineAccess(net::HttpClient& client, net::NetworkSettings network,
                                   Random& random, net::Redact redact)
    : client_(client), network_(std::move(network)), random_(random), redact_(std::move(redact)) {}

Error HttpEngineAccess::refused(const net::HttpReply& reply) const {
  Error error = refusal_of(reply, redact_);
  if (reply.status == 409 && !refusal_code(reply).empty()) error.code = Code::name_conflict;
  switch (error.code) {
    case Code::unauthorized:
    case Code::forbidden: error.hint = "check the workspace key and the engine's address"; break;
    case Code::name_conflict: error.hint = "choose another name with --name"; break;
    case Code::engine_error: error.hint = "is that the address of a relay engine?"; break;
    default: break;
  }
  return error;
}

asio::awaitable<Result<WorkspaceAccess>> HttpEngineAccess::workspace(std::string engine,
                                                                     Secret key) {
  auto call = call_for("GET", engine + "/v1/workspace", key);
  call.retry = net::RetryPolicy::standard();
  const auto reply = co_await client_.call(std::move(call));
  if (!reply) co_return fail(reply.error());
  if (!reply->ok()) co_return fail(refused(*reply));
  auto answer = wire::decode_answer<wire::Workspace>(reply->body);
  if (!answer) co_return fail(nonsense(*reply, answer.error()));
  if (answer->error || answer->data->id.empty()) co_return fail(refused(*reply));
  WorkspaceAccess out;
  out.id = std::move(answer->data->id);
  out.name = std::move(answer->data->name);
  out.key = std::move(key);
  co_return out;
}

asio::awaitable<Result<WorkspaceAccess>> HttpEngineAccess::create_workspace(std::string engine,
                                                                            std::string name) {
  auto call = call_for("POST", engine + "/v1/workspaces", Secret());
  call.headers.set("Content-Type", "application/json");
  wire::WorkspaceCreate wanted;
  wanted.name = name;
  call.body = wire::encode_body(wanted);
  auto reply = co_await client_.call(std::move(call));
  if (!reply) co_return fail(std::move(reply).error());
  if (!reply->ok()) co_return fail(refused(*reply));
  auto answer = wire::decode_answer<wire::WorkspaceCreated>(reply->body);
  wipe(reply->body);
  if (!answer) co_return fail(nonsense(*reply, answer.error()));
  if (answer->error || !answer->data->api_key || answer->data->api_key->empty()) {
    const Error cause(Code::protocol_error, "it has no workspace key");
    co_return fail(nonsense(*reply, cause));
  }
  WorkspaceAccess out;
  out.id = std::move(answer->data->workspace_id);
  out.name = std::move(name);
  out.key = Secret(*std::move(answer->data->api_key));
  co_return out;
}

asio::awaitable<Result<std::optional<std::string>>> HttpEngineAccess::node_named(std::string engine,
                                                                                 Secret key,
                                                                                 std::string name) {
  auto call = call_for("GET", engine + "/v1/nodes/" + net::path_segment(name), key);
  call.retry = net::RetryPolicy::standard();
  const auto reply = co_await client_.call(std::move(call));
  if (!reply) co_return fail(reply.error());
  if (reply->status == 404) co_return std::optional<std::string>();
  if (!reply->ok()) co_return fail(refused(*reply));
  auto answer = wire::decode_answer<wire::Node>(reply->body);
  if (!answer) co_return fail(nonsense(*reply, answer.error()));
  if (answer->error) co_return fail(refused(*reply));
  co_return std::optional<std::string>(std::move(answer->data->id));
}

asio::awaitable<MintAnswer> HttpEngineAccess::mint(std::string engine, Secret key,
                                                   MintRequest request) {
  auto call = call_for("POST", engine + "/v1/nodes", key);
  call.headers.set("Content-Type", "application/json");
  wire::NodeCreate wanted;
  wanted.node_id = request.node_id;
  wanted.name = request.node_name;
  wanted.kind = wire::NodeKind::ws;
  wanted.role = wire::NodeRole::broker;
  wanted.version = request.version;
  call.body = wire::encode_body(wanted);
  auto reply = co_await client_.call(std::move(call));
  if (!reply) {
    const Code code = reply.error().code;
    const bool never_sent = code == Code::engine_unreachable || code == Code::tls_failed ||
                            code == Code::invalid_argument;
    co_return MintAnswer(fail(std::move(reply).error()), !never_sent);
  }
  if (!reply->ok()) {
    // What is refused with 4xx was not done; a gateway's 5xx says nothing about the engine.
    const bool refusal = reply->status >= 400 && reply->status < 500 && reply->status != 408;
    co_return MintAnswer(fail(refused(*reply)), !refusal);
  }
  auto answer = wire::decode_answer<wire::NodeCreated>(reply->body);
  wipe(reply->body);
  if (!answer) co_return MintAnswer(fail(nonsense(*reply, answer.error())), true);
  if (answer->error || answer->data->token.empty()) {
    const Error cause(Code::protocol_error, "it has no token");
    co_return MintAnswer(fail(nonsense(*reply, cause)), true);
  }
  MintedNode minted;
  minted.node_id = std::move(answer->data->id);
  minted.node_name = std::move(answer->data->name);
  minted.token = Secret(std::move(answer->data->token));
  co_return MintAnswer(std::move(minted), false);
}

asio::awaitable<Result<int>> HttpEngineAccess::probe(std::string engine, Secret token) {
  auto call = call_for("GET", engine + "/v1/node/ws", token);
  call.deadline = kProbeMost;
  call.retry = net::RetryPolicy::standard();
  call.headers.set("Connection", "Upgrade");
  call.headers.set("Upgrade", "websocket");
  call.headers.set("Sec-WebSocket-Version", "0");
  call.headers.set("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==");
  const auto reply = co_await client_.call(std::move(call));
  if (!reply) co_return fail(reply.error());
  if (reply->status == 429 || reply->status >= 500) co_return fail(refused(*reply));
  co_return reply->status;
}

asio::awaitable<Result<bool>> HttpEngineAccess::connect(std::string engine, Secret token) {
  const bool secure = engine.starts_with("https:");
  net::WsClientOptions options("ws" + engine.substr(std::string_view("http").size()) +
                               "/v1/node/ws");
  options.headers.set("Authorization", "Bearer " + token.reveal());
  options.within = kHandshakeMost;
  options.network = network_;
  if (secure) {
    auto tls = net::TlsContext::client(network_.ca_file, network_.ca_directory);
    if (!tls) co_return fail(std::move(tls).error());
    options.tls = *std::move(tls);
  }
  auto outcome = co_await net::ws_connect(std::move(options), &random_);
  if (outcome.connected) {
    co_await outcome.connected->socket.close(kNormalClose, "");
    co_return true;
  }
  Error error = std::move(outcome.connected).error();
  if (error.code == Code::unauthorized) co_return false;
  error.message = redact_(error.message);
  co_return fail(std::move(error));
}

asio::awaitable<Result<bool>> HttpEngineAccess::verify(std::string engine, Secret token) {
  const auto status = co_await probe(engine, token);
  if (!status) {
    // An engine that opened the socket all the same looks to an HTTP client like one that hangs.
    const Code code = status.error().code;
    const bool may_be_open =
        code == Code::timeout || code == Code::protocol_error || code == Code::connection_closed;
    if (!may_be_open) co_return fail(status.error());
    co_return co_await connect(std::move(engine), std::move(token));
  }
  if (*status == 401) co_return false;
  const Secret nobody(kNoToken);
  const auto control = co_await probe(engine, nobody);
  if (control && *control == 401) co_return true;
  co_return co_await connect(std::move(engine), std::move(token));
}

}  // namespace relay::token_cache
