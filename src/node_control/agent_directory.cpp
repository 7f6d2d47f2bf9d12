#include "node_control/agent_directory.hpp"

#include <algorithm>
#include <exception>
#include <fmt/format.h>

#include "net/task_group.hpp"
#include "net/timeout.hpp"
#include "net/url.hpp"
#include "token_cache/engine_reply.hpp"
#include "wire/envelope.hpp"
#include "wire/rest_agents.hpp"
#include "wire/rest_nodes.hpp"

namespace relay::node_control {

using token_cache::nonsense;
using token_cache::refusal_code;
using token_cache::refusal_of;

namespace {

/// What is kept of the time for undoing, and had in any case.
constexpr Duration kUndoWithin = std::chrono::seconds(5);
constexpr std::size_t kReplyMost = std::size_t{1} << 20U;

std::string agent_path(std::string_view name) {
  return "/v1/agents/" + net::path_segment(name);
}

bool is_taken(const net::HttpReply& reply) {
  const std::string code = refusal_code(reply);
  return reply.status == 409 || code == "agent_already_exists" || code == "name_taken";
}

wire::Json metadata_of(const AgentClaim& claim) {
  return wire::Json::build([&](JsonWriter& out) {
    out.begin_object();
    out.field("identity_key", claim.identity_hash);
    for (const auto& [key, value] : claim.metadata) {
      if (key != "identity_key") out.field(key, value);
    }
    out.end_object();
  });
}

bool carries_proof(const wire::Agent& agent, const std::string& identity_hash) {
  if (identity_hash.empty()) return false;
  const auto document = wire::JsonDocument::parse(agent.metadata.text(), wire::kEngineLimits);
  if (!document) return false;
  const auto stamped = document->root().find("identity_key");
  return stamped && stamped->string() == identity_hash;
}

Result<AgentIdentity> taken_over(net::HttpReply reply) {
  auto answer = wire::decode_answer<wire::AgentTakenOver>(reply.body);
  wipe(reply.body);
  if (!answer) return fail(nonsense(reply, answer.error()));
  if (!answer->data || answer->data->token.empty()) {
    return fail(nonsense(reply, Error(Code::protocol_error, "it has no token")));
  }
  AgentIdentity out;
  out.agent_id = std::move(answer->data->agent_id);
  out.name = std::move(answer->data->name);
  out.token = Secret(std::move(answer->data->token));
  return out;
}

}  // namespace

/// How far a claim has come, for whoever has to undo it.
struct AgentDirectory::Progress {
  bool claimed = false;
  bool created = false;
};

AgentDirectory::AgentDirectory(net::HttpClient& client, std::string engine, Secret workspace_key,
                               net::Redact redact)
    : client_(client),
      engine_(std::move(engine)),
      workspace_key_(std::move(workspace_key)),
      redact_(std::move(redact)) {}

asio::awaitable<Result<net::HttpReply>> AgentDirectory::call(std::string method, std::string path,
                                                             std::string body, Monotonic by) {
  net::HttpCall request(std::move(method), engine_ + path);
  request.deadline = by - SystemClock().now();
  request.reply_most = kReplyMost;
  request.headers.set("Accept", "application/json");
  request.headers.set("Authorization", "Bearer " + workspace_key_.reveal());
  if (!body.empty()) request.headers.set("Content-Type", "application/json");
  // Only what is idempotent by its method is sent twice.
  request.retry = net::RetryPolicy::standard();
  request.body = std::move(body);
  if (request.deadline <= Duration::zero()) {
    co_return fail(Code::timeout, "no time is left for " + request.method + " " + path);
  }
  co_return co_await client_.call(std::move(request));
}

asio::awaitable<Result<AgentIdentity>> AgentDirectory::claim(AgentClaim claim) {
  const auto by = SystemClock().now() + claim.within;
  auto work = claim_by(std::move(claim), by);
  co_return co_await std::move(work);
}

asio::awaitable<Result<AgentIdentity>> AgentDirectory::claim_by(AgentClaim claim, Monotonic by) {
  wire::AgentCreate wanted;
  wanted.name = claim.name;
  wanted.metadata = metadata_of(claim);
  auto reply = co_await call("POST", "/v1/agents", wire::encode_body(wanted), by);
  if (!reply) {
    Error error = std::move(reply).error();
    const bool never_sent =
        error.code == Code::engine_unreachable || error.code == Code::tls_failed;
    if (!never_sent) error.message += "; the agent may have been registered all the same";
    co_return fail(std::move(error));
  }
  if (is_taken(*reply)) co_return co_await recover(std::move(claim), by);
  if (!reply->ok()) co_return fail(refusal_of(*reply, redact_));
  auto answer = wire::decode_answer<wire::AgentCreated>(reply->body);
  wipe(reply->body);
  if (!answer) co_return fail(nonsense(*reply, answer.error()));
  if (!answer->data || answer->data->token.empty() || answer->data->id.empty()) {
    const Error cause(Code::protocol_error, "it has no id or no token");
    co_return fail(nonsense(*reply, cause));
  }
  AgentIdentity out;
  out.agent_id = std::move(answer->data->id);
  out.name = std::move(answer->data->name);
  out.token = Secret(std::move(answer->data->token));
  out.created = true;
  co_return out;
}

/// The id of the agent of this name, if it carries our proof.
asio::awaitable<Result<std::string>> AgentDirectory::own_agent_id(AgentClaim claim, Monotonic by) {
  const auto reply = co_await call("GET", agent_path(claim.name), "", by);
  if (!reply) co_return fail(reply.error());
  if (!reply->ok()) co_return fail(refusal_of(*reply, redact_));
  const auto answer = wire::decode_answer<wire::AgentDetail>(reply->body);
  if (!answer) co_return fail(nonsense(*reply, answer.error()));
  if (!answer->data || answer->data->id.empty()) {
    const Error cause(Code::protocol_error, "it has no id");
    co_return fail(nonsense(*reply, cause));
  }
  if (!carries_proof(*answer->data, claim.identity_hash)) {
    co_return fail(
        Code::name_conflict,
        "agent_identity_mismatch: the agent " + claim.name + " belongs to somebody else",
        "choose another name, or set RELAY_AGENT_IDENTITY_KEY to the key it was made with");
  }
  co_return answer->data->id;
}

asio::awaitable<Result<AgentIdentity>> AgentDirectory::recover(AgentClaim claim, Monotonic by) {
  const auto agent_id = co_await own_agent_id(claim, by);
  if (!agent_id) co_return fail(agent_id.error());
  wire::AgentRecoverRequest wanted;
  wanted.expected_agent_id = *agent_id;
  wanted.recovery_proof = claim.identity_hash;
  wanted.reason = claim.reason;
  wanted.session_ref = claim.session_ref;
  if (!claim.node_id.empty()) wanted.node_id = claim.node_id;
  auto reply =
      co_await call("POST", agent_path(claim.name) + "/recover", wire::encode_body(wanted), by);
  if (!reply) co_return fail(std::move(reply).error());
  if (reply->status == 404 && refusal_code(*reply) != "agent_not_found") {
    // An engine from before recovery.
    co_return co_await rotate(std::move(claim), *agent_id, by);
  }
  if (!reply->ok()) co_return fail(refusal_of(*reply, redact_));
  auto out = taken_over(*std::move(reply));
  if (out && out->agent_id != *agent_id) {
    co_return fail(Code::name_conflict,
                   "agent_identity_mismatch: the engine recovered another agent " + claim.name);
  }
  co_return out;
}

asio::awaitable<Result<AgentIdentity>> AgentDirectory::rotate(AgentClaim claim,
                                                              std::string agent_id, Monotonic by) {
  auto reply = co_await call("POST", agent_path(claim.name) + "/rotate-token", "", by);
  if (!reply) co_return fail(std::move(reply).error());
  if (!reply->ok()) co_return fail(refusal_of(*reply, redact_));
  auto answer = wire::decode_answer<wire::AgentToken>(reply->body);
  wipe(reply->body);
  if (!answer) co_return fail(nonsense(*reply, answer.error()));
  if (!answer->data || answer->data->token.empty()) {
    const Error cause(Code::protocol_error, "it has no token");
    co_return fail(nonsense(*reply, cause));
  }
  AgentIdentity out;
  out.agent_id = std::move(agent_id);
  out.name = std::move(claim.name);
  out.token = Secret(std::move(answer->data->token));
  co_return out;
}

asio::awaitable<Result<AgentIdentity>> AgentDirectory::take_over(AgentClaim claim,
                                                                 std::string actor) {
  const auto by = SystemClock().now() + claim.within;
  const auto agent_id = co_await own_agent_id(claim, by);
  if (!agent_id) co_return fail(agent_id.error());
  wire::AgentTakeover wanted;
  wanted.expected_agent_id = *agent_id;
  wanted.actor = std::move(actor);
  wanted.reason = claim.reason;
  wanted.session_ref = claim.session_ref;
  if (!claim.node_id.empty()) wanted.node_id = claim.node_id;
  auto reply =
      co_await call("POST", agent_path(claim.name) + "/takeover", wire::encode_body(wanted), by);
  if (!reply) co_return fail(std::move(reply).error());
  if (!reply->ok()) co_return fail(refusal_of(*reply, redact_));
  co_return taken_over(*std::move(reply));
}

// With a node

asio::awaitable<Result<AgentIdentity>> AgentDirectory::claim_for_node(AgentClaim claim,
                                                                      std::string node_name) {
  const auto by = SystemClock().now() + claim.within;
  const auto bound_by = by - std::min(kUndoWithin, claim.within / 4);
  const std::string name = claim.name;
  Progress progress;
  std::exception_ptr broken;
  Result<AgentIdentity> out = fail(Code::internal_error, "not tried");
  try {
    out = co_await claim_and_bind(std::move(claim), node_name, bound_by, &progress);
  } catch (...) {
    broken = std::current_exception();
  }
  if (out) co_return out;
  if (progress.claimed) {
    // Also after a cancellation: an agent that is bound nowhere would stay deaf for ever.
    co_await net::shielded();
    const auto undone = co_await undo(node_name, name, progress.created, by);
    if (!undone && !broken) {
      Error error = std::move(out).error();
      error.message += "; it could not be undone: " + undone.error().message;
      co_return fail(std::move(error));
    }
  }
  if (broken) std::rethrow_exception(broken);
  co_return out;
}

asio::awaitable<Result<AgentIdentity>> AgentDirectory::claim_and_bind(AgentClaim claim,
                                                                      std::string node_name,
                                                                      Monotonic by,
                                                                      Progress* progress) {
  auto identity = co_await claim_by(claim, by);
  if (!identity) co_return identity;
  progress->claimed = true;
  progress->created = identity->created;
  const auto bound = co_await bind(std::move(node_name), std::move(claim), by);
  if (!bound) {
    Error error = bound.error();
    co_return fail(std::move(error).within("the agent cannot be bound to this node"));
  }
  co_return identity;
}

asio::awaitable<Result<void>> AgentDirectory::bind(std::string node_name, AgentClaim claim,
                                                   Monotonic by) {
  wire::NodeBind wanted;
  wanted.agent_name = claim.name;
  const std::string path = "/v1/nodes/" + net::path_segment(node_name) + "/agents";
  const auto reply = co_await call("POST", path, wire::encode_body(wanted), by);
  if (!reply) co_return fail(reply.error());
  if (!reply->ok()) co_return fail(refusal_of(*reply, redact_));
  co_return Result<void>();
}

asio::awaitable<Result<void>> AgentDirectory::remove(AgentClaim claim, bool ours) {
  const Monotonic by = SystemClock().now() + claim.within;
  std::string name = claim.name;
  if (!ours) {
    const auto own = co_await own_agent_id(std::move(claim), by);
    const bool gone = !own && own.error().code == Code::not_found;
    if (gone) co_return Result<void>();
    if (!own) co_return fail(own.error());
  }
  co_return co_await undo({}, std::move(name), true, by);
}

asio::awaitable<Result<void>> AgentDirectory::undo(std::string node_name, std::string agent_name,
                                                   bool created, Monotonic by) {
  const std::string path = created ? agent_path(agent_name)
                                   : "/v1/nodes/" + net::path_segment(node_name) + "/agents/" +
                                         net::path_segment(agent_name);
  const auto reply = co_await call("DELETE", path, "", by);
  if (!reply) co_return fail(reply.error());
  if (!reply->ok() && reply->status != 404) co_return fail(refusal_of(*reply, redact_));
  co_return Result<void>();
}

}  // namespace relay::node_control
