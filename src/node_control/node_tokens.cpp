#include "node_control/node_tokens.hpp"

#include <utility>

namespace relay::node_control {

CachedTokens::CachedTokens(token_cache::Resolver& resolver, token_cache::ResolveRequest request)
    : resolver_(resolver), request_(std::move(request)) {}

asio::awaitable<Result<NodeToken>> CachedTokens::get() {
  token_cache::ResolveRequest request = request_;
  auto found = co_await resolver_.resolve(std::move(request));
  if (!found) co_return fail(std::move(found).error());
  NodeToken out;
  out.node_id = std::move(found->node_id);
  out.node_name = std::move(found->node_name);
  out.token = std::move(found->token);
  co_return out;
}

Result<void> CachedTokens::discard(const NodeToken& rejected) {
  if (!may_mint()) return {};
  return resolver_.discard(rejected.node_id, rejected.token);
}

bool CachedTokens::may_mint() const {
  return !request_.node_token && request_.workspace_key;
}

}  // namespace relay::node_control
