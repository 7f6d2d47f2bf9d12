#include "node_control/agent_registration.hpp"

#include <utility>

namespace relay::node_control {
namespace {

constexpr const char* kLookForTheCause = "relay-broker doctor looks for the cause";

}  // namespace

asio::awaitable<Result<AgentIdentity>> AgentRegistration::enroll(AgentWish wish, AgentClaim claim) {
  const auto by = SystemClock().now() + claim.within;
  auto registered = co_await session_.register_agent(std::move(wish));
  if (registered) {
    AgentIdentity out;
    out.agent_id = std::move(registered->agent_id);
    out.name = claim.name;
    out.token = Secret(std::move(registered->token));
    co_return out;
  }
  const Code code = registered.error().code;
  const bool no_connection = code == Code::node_not_ready || code == Code::connection_closed;
  const NodeStatus status = session_.status();
  // Without a name nobody knows what to bind to: the node never had a token.
  if (!no_connection || status.node_name.empty()) co_return fail(std::move(registered).error());
  claim.within = by - SystemClock().now();
  claim.node_id = status.node_id;
  auto identity = co_await directory_.claim_for_node(std::move(claim), status.node_name);
  if (!identity) {
    Error error = std::move(identity).error();
    std::string why = error.message;
    if (error.code == Code::engine_unreachable) {
      // What it says is "POST URL: cause", and mostly what keeps the socket away as well.
      why = error.cause();
      error.hint = kLookForTheCause;
    }
    error.message = registered.error().message;
    if (error.message.find(why) == std::string::npos) error.message += "; over HTTP: " + why;
    co_return fail(std::move(error));
  }
  session_.adopt_agent(identity->agent_id, identity->name);
  co_return identity;
}

}  // namespace relay::node_control
