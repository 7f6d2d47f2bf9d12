#include "engine/rest/caller.hpp"

#include <algorithm>

#include "engine/digest.hpp"
#include "engine/events.hpp"
#include "net/http_guard.hpp"

namespace relay::engine::rest {
namespace {

/// Written down at most this often; less than the store itself forgets.
constexpr Duration kTouchEvery = std::chrono::seconds(30);

Result<Caller> workspace_caller(const Store& store, std::string_view token) {
  auto workspace = store.workspace_of_key(sha256_hex(token));
  if (!workspace) return fail(std::move(workspace).error());
  Caller caller;
  caller.kind = CallerKind::workspace;
  caller.workspace = workspace->id;
  return caller;
}

Result<Caller> agent_caller(const Store& store, std::string_view token) {
  auto agent = store.agent_of_token(sha256_hex(token));
  if (!agent) return fail(std::move(agent).error());
  Caller caller;
  caller.kind = CallerKind::agent;
  caller.workspace = agent->workspace;
  caller.agent = *std::move(agent);
  return caller;
}

Result<Caller> observer_caller(const Store& store, std::string_view token, std::string_view scope) {
  auto observer = store.observer_of_token(sha256_hex(token));
  if (!observer) return fail(std::move(observer).error());
  const auto& scopes = observer->scopes;
  if (std::find(scopes.begin(), scopes.end(), scope) == scopes.end()) {
    return refuse(Refusal::insufficient_scope,
                  "this observer token has no scope " + std::string(scope));
  }
  Caller caller;
  caller.kind = CallerKind::observer;
  caller.workspace = observer->workspace;
  if (observer->filters.empty()) return caller;
  auto filters = wire::decode_body<wire::ObserverFilters>(observer->filters);
  if (!filters) return fail(std::move(filters).error());
  caller.filters = *std::move(filters);
  return caller;
}

tl::unexpected<Error> unauthorized(const char* message) {
  return refuse(Refusal::unauthorized, message);
}

}  // namespace

Result<Caller> resolve(const Store& store, const net::Headers& headers, Needs needs,
                       std::string_view scope) {
  if (needs == Needs::nobody) return Caller();
  const auto token = net::bearer_token(headers);
  if (!token) {
    if (needs == Needs::maybe_workspace && !headers.get("Authorization")) return Caller();
    return unauthorized("this needs an Authorization header with a bearer token");
  }
  const bool takes_workspace =
      needs == Needs::workspace || needs == Needs::any || needs == Needs::maybe_workspace;
  if (token->starts_with("rk_")) {
    auto caller = workspace_caller(store, *token);
    if (!caller || takes_workspace) return caller;
    if (needs == Needs::acting_agent) {
      return refuse(Refusal::agent_token_required, "this is done by an agent, with its own token");
    }
    return unauthorized("this needs the token of an agent");
  }
  if (token->starts_with("at_")) {
    auto caller = agent_caller(store, *token);
    if (!caller || needs == Needs::agent || needs == Needs::acting_agent || needs == Needs::any) {
      return caller;
    }
    return unauthorized("this needs the key of the workspace");
  }
  if (token->starts_with("nt_")) {
    auto node = store.node_of_token(sha256_hex(*token));
    if (!node) return fail(std::move(node).error());
    return refuse(Refusal::node_token_forbidden, "the token of a node is for its socket only");
  }
  if (token->starts_with("ot_")) {
    auto caller = observer_caller(store, *token, scope);
    if (scope.empty() && !caller && refusal_of(caller.error()) == Refusal::insufficient_scope) {
      return refuse(Refusal::observer_token_forbidden, "an observer may not do this");
    }
    return caller;
  }
  return unauthorized("this is no token of the engine");
}

bool is_to_be_touched(const Store& store, const Caller& caller) {
  if (caller.kind != CallerKind::agent) return false;
  if (caller.agent.status != AgentStatus::active) return true;
  const Wall now = store.now();
  return caller.agent.last_seen > now || now - caller.agent.last_seen >= kTouchEvery;
}

Result<void> touch(Store& store, Call& call) {
  auto changed = store.touch_agent(call.agent().id);
  if (!changed) return fail(std::move(changed).error());
  call.caller.agent.last_seen = store.now();
  if (!*changed) return {};
  call.caller.agent.status = AgentStatus::active;
  tell_status(call.agent(), call.to);
  return {};
}

}  // namespace relay::engine::rest
