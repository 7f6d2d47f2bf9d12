#include "broker/node_side.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <unistd.h>
#include <utility>

#include "node_control/agent_registration.hpp"

namespace relay::broker {
namespace {

constexpr Duration kDeleteWithin = std::chrono::seconds(10);
/// Of a directory, in what is told of the broker that is a node.
constexpr std::size_t kDirectoryMost = 120;
/// As `os::Files::lock` says it.
constexpr std::string_view kLockedBy = " is locked by ";

net::HttpClientOptions client_options(const NodeSideSettings& settings) {
  net::HttpClientOptions out;
  out.network = settings.network;
  out.redact = settings.redact;
  out.user_agent = settings.user_agent;
  return out;
}

}  // namespace

NodeSide::NodeSide(asio::any_io_executor executor, Clock& clock, Random& random, os::Files& files,
                   NodeSideSettings settings)
    : executor_(executor),
      clock_(clock),
      random_(random),
      settings_(std::move(settings)),
      client_(executor, client_options(settings_), random),
      access_(client_, settings_.network, random, settings_.redact),
      resolver_(files, settings_.places, random, access_, settings_.user_agent),
      tokens_(*this, node_control::CachedTokens(resolver_, settings_.request)),
      node_name_(settings_.request.node_name),
      engine_(settings_.request.engine) {}

NodeSide::~NodeSide() = default;

asio::awaitable<Result<token_cache::NodeCredentials>> NodeSide::find_node() {
  auto identity = settings_.identity();
  if (!identity) co_return fail(std::move(identity).error());
  identity_hash_ = *std::move(identity);
  auto found = co_await resolver_.resolve(settings_.request);
  if (!found) co_return found;
  if (!found->node_name.empty()) node_name_ = found->node_name;
  if (!found->engine.empty()) engine_ = found->engine;
  const auto ours = claim(found->node_id);
  if (!ours && !settings_.shares_node) co_return fail(ours.error());
  if (!ours) found->notices.push_back(ours.error().message + "; each puts the other one out");
  co_return found;
}

asio::awaitable<Result<node_control::NodeToken>> NodeSide::ClaimedTokens::get() {
  auto found = co_await cached_.get();
  if (!found) co_return found;
  const auto ours = side_.claim(found->node_id);
  if (!ours && !side_.settings_.shares_node) co_return fail(ours.error());
  co_return found;
}

/// Held until we are gone, or are another node.
Result<void> NodeSide::claim(const std::string& node_id) {
  if (claim_ && claimed_ == node_id) return {};
  std::string directory = settings_.request.directory.string();
  if (directory.size() > kDirectoryMost) {
    directory = "…" + directory.substr(directory.size() - kDirectoryMost);
  }
  auto held =
      resolver_.store().claim(node_id, fmt::format("the broker of {} (pid {}, instance {})",
                                                   directory, ::getpid(), settings_.self_name));
  if (held) {
    claim_ = *std::move(held);
    claimed_ = node_id;
    return {};
  }
  Error error = std::move(held).error();
  if (error.code != Code::already_running) return fail(std::move(error));
  const auto at = error.message.rfind(kLockedBy);
  if (at != std::string::npos) {
    error.message = fmt::format("node {} is used by {}", node_name_,
                                error.message.substr(at + kLockedBy.size()));
  }
  constexpr std::string_view kInstance = ", instance ";
  const auto name = error.message.rfind(kInstance);
  std::string which;
  if (name != std::string::npos) which = error.message.substr(name + kInstance.size());
  if (which.ends_with(')')) which.pop_back();
  error.hint = fmt::format("use that broker, or end it: relay-broker stop{}",
                           which.empty() ? "" : " --instance " + which);
  return fail(std::move(error));
}

asio::awaitable<Result<void>> NodeSide::start(node_control::BookStore* store,
                                              node_control::NodeHandler* handler) {
  node_control::NodeOptions options;
  options.engine = engine_;
  options.network = settings_.network;
  options.manifest = manifest();
  options.node_name = node_name_;
  if (settings_.request.workspace_key) {
    directory_.emplace(client_, engine_, *settings_.request.workspace_key, settings_.redact);
  }
  node_control::AgentClaim self(settings_.self_name);
  self.identity_hash = identity_hash_;
  outbound_.emplace(executor_, client_, random_, directory_, engine_, settings_.redact,
                    std::move(self));
  session_ = std::make_unique<node_control::NodeSession>(executor_, clock_, random_, tokens_,
                                                         *store, *handler, std::move(options));
  for (auto& [invocation_id, frame] : std::exchange(owed_, {})) {
    if (!session_->restore_result(invocation_id, std::move(frame))) break;
  }
  auto started = co_await session_->start();
  if (!started) co_return started;
  started_ = true;
  for (const Done& done : std::exchange(early_, {})) {
    session_->done(done.agent_id, done.seq, done.delivery_id);
  }
  co_return started;
}

asio::awaitable<void> NodeSide::stop(node_control::Farewell farewell) {
  if (!session_) co_return;
  co_await session_->stop(farewell);
}

asio::awaitable<Result<node_control::AgentIdentity>> NodeSide::enroll(std::string name,
                                                                      std::string invocation_id,
                                                                      std::string session_id) {
  if (!session_) co_return fail(Code::node_not_ready, "the node is not connected yet");
  node_control::AgentWish wish(name);
  if (!invocation_id.empty()) wish.invocation_id = std::move(invocation_id);
  if (!session_id.empty()) wish.session_ref = session_id;
  if (directory_) {
    node_control::AgentClaim claim(name);
    claim.identity_hash = identity_hash_;
    node_control::AgentRegistration registration(*session_, *directory_);
    co_return co_await registration.enroll(std::move(wish), std::move(claim));
  }
  // Without the workspace's key there is only the socket.
  auto registered = co_await session_->register_agent(std::move(wish));
  if (!registered) co_return fail(std::move(registered).error());
  node_control::AgentIdentity out;
  out.agent_id = std::move(registered->agent_id);
  out.name = std::move(name);
  out.token = Secret(std::move(registered->token));
  co_return out;
}

Result<void> NodeSide::deregister(const std::string& agent_id, const std::string& name) {
  if (!session_) return fail(Code::node_not_ready, "the node is not connected yet");
  return session_->deregister_agent(agent_id, name);
}

asio::awaitable<Result<void>> NodeSide::delete_identity(std::string name, bool ours) {
  if (!directory_) {
    co_return fail(Code::not_enrolled, "without the workspace's key no identity can be deleted",
                   "give serve the key: --workspace-key @FILE, or RELAY_BROKER_WORKSPACE_KEY");
  }
  node_control::AgentClaim claim(std::move(name));
  claim.identity_hash = identity_hash_;
  claim.within = kDeleteWithin;
  co_return co_await directory_->remove(std::move(claim), ours);
}

asio::awaitable<Result<PublishedMessage>> NodeSide::publish(OutboundMessage message) {
  if (!outbound_) co_return fail(Code::node_not_ready, "the node is not connected yet");
  co_return co_await outbound_->send(std::move(message));
}

asio::awaitable<Result<bool>> NodeSide::has_message(std::string id, Secret token) {
  if (!outbound_) co_return fail(Code::node_not_ready, "the node is not connected yet");
  co_return co_await outbound_->has_message(std::move(id), std::move(token));
}

asio::awaitable<Result<void>> NodeSide::change_channel(std::string channel, Secret token, bool in) {
  if (!outbound_) co_return fail(Code::node_not_ready, "the node is not connected yet");
  co_return co_await outbound_->change_channel(std::move(channel), std::move(token), in);
}

void NodeSide::done(const std::string& agent_id, std::uint64_t seq,
                    const std::string& delivery_id) {
  if (started_) {
    session_->done(agent_id, seq, delivery_id);
  } else {
    early_.push_back({agent_id, seq, delivery_id});
  }
}

void NodeSide::finish(const std::string& invocation_id,
                      std::variant<wire::Json, std::string> outcome) {
  if (session_) (void)session_->finish(invocation_id, std::move(outcome));
}

void NodeSide::owe(const std::string& invocation_id, std::string frame) {
  owed_.emplace_back(invocation_id, std::move(frame));
}

void NodeSide::agents_changed() {
  if (!session_) return;
  session_->inventory_changed();
  session_->load_changed();
}

node_control::NodeManifest NodeSide::manifest() const {
  node_control::NodeManifest out = settings_.manifest;
  for (const wire::Capability& capability : offered_) {
    const bool known =
        std::any_of(out.capabilities.begin(), out.capabilities.end(),
                    [&](const wire::Capability& one) { return one.name == capability.name; });
    if (!known) out.capabilities.push_back(capability);
  }
  return out;
}

void NodeSide::offer(std::vector<wire::Capability> capabilities) {
  offered_ = std::move(capabilities);
  if (!session_) return;
  session_->set_manifest(manifest());
  // An engine that was told of a handler's end believes that there are none here any more.
  session_->load_changed();
}

node_control::NodeStatus NodeSide::status() const {
  if (session_) return session_->status();
  node_control::NodeStatus out;
  out.node_name = node_name_;
  return out;
}

}  // namespace relay::broker
