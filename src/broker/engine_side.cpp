#include "broker/engine_side.hpp"

#include <utility>

namespace relay::broker {

asio::awaitable<Result<node_control::AgentIdentity>> NoEngine::enroll(std::string name,
                                                                      std::string invocation_id,
                                                                      std::string session_id) {
  (void)invocation_id;
  (void)session_id;
  node_control::AgentIdentity out;
  // No engine gives ids with a colon, so that none of them can be meant by it.
  out.agent_id = "local:" + name;
  out.name = std::move(name);
  co_return out;
}

Result<void> NoEngine::deregister(const std::string& agent_id, const std::string& name) {
  (void)agent_id;
  (void)name;
  return {};
}

asio::awaitable<Result<void>> NoEngine::delete_identity(std::string name, bool ours) {
  (void)name;
  (void)ours;
  co_return Result<void>();
}

asio::awaitable<Result<PublishedMessage>> NoEngine::publish(OutboundMessage message) {
  co_return fail(Code::agent_not_found, "there is no " + message.to + " here, and no engine",
                 "relay-broker status lists the agents");
}

asio::awaitable<Result<bool>> NoEngine::has_message(std::string id, Secret token) {
  (void)id;
  (void)token;
  co_return false;
}

asio::awaitable<Result<void>> NoEngine::change_channel(std::string channel, Secret token, bool in) {
  (void)channel;
  (void)token;
  (void)in;
  co_return Result<void>();
}

void NoEngine::done(const std::string& agent_id, std::uint64_t seq,
                    const std::string& delivery_id) {
  (void)agent_id;
  (void)seq;
  (void)delivery_id;
}

void NoEngine::finish(const std::string& invocation_id,
                      std::variant<wire::Json, std::string> outcome) {
  (void)invocation_id;
  (void)outcome;
}

void NoEngine::offer(std::vector<wire::Capability> capabilities) {
  (void)capabilities;
}

node_control::NodeStatus NoEngine::status() const {
  node_control::NodeStatus out;
  out.tunnel = node_control::Tunnel::disabled;
  return out;
}

/// It stays in the journal for a broker that has an engine.
void NoEngine::owe(const std::string& invocation_id, std::string frame) {
  (void)invocation_id;
  (void)frame;
}

}  // namespace relay::broker
