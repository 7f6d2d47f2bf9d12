#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "net/http_message.hpp"
#include "wire/engine_frames.hpp"
#include "wire/node_frames.hpp"
#include "wire/rest_actions.hpp"
#include "wire/rest_nodes.hpp"

namespace relay::test {

struct FakeWorkspace {
  std::string id;
  std::string name;
  std::string key;
};

struct FakeNode {
  std::string workspace;
  std::string id;
  std::string name;
  std::string token;
  std::string role = "broker";
  std::string version;
  std::vector<wire::Capability> capabilities;
  std::vector<std::string> tags;
  std::uint32_t max_agents = 0;
  /// node.register came on the socket that is open.
  bool registered = false;
  bool handlers_live = false;
  double load = 0;
  std::uint32_t active_agents = 0;
};

struct FakeAgent {
  std::string workspace;
  std::string id;
  std::string name;
  std::string token;
  std::string type = "agent";
  std::string status = "active";
  wire::Json metadata;
  /// Where it lives: a broker's node, or its own `node_direct_<id>`.
  std::string node_id;
  /// Of the deliveries, the last one given out and the last one acked.
  std::uint64_t last_seq = 0;
  std::uint64_t acked_seq = 0;
  /// Not acked yet, in the order of `seq`.
  std::deque<wire::Deliver> mailbox;
};

struct FakeChannel {
  std::string workspace;
  std::string id;
  std::string name;
  std::string topic;
  std::set<std::string> members;  // names
};

struct FakeInvocation {
  std::string workspace;
  std::string id;
  std::string action;
  wire::Json input;
  std::string node_id;
  std::string caller;  // name of an agent, or empty
  std::string status;  // pending, dispatched, completed or failed
  wire::Json output;
  std::string error;
};

/// Enough of a v5 engine, in memory, for a broker or an SDK to start and work against it: its
/// requests and its node frames. Pure: no sockets and no time; what goes out is handed to `send`.
/// A fresh one has one workspace with the key `kWorkspaceKey`.
class FakeState {
 public:
  static constexpr const char* kWorkspaceKey = "rk_live_0123456789abcdef0123456789abcdef";

  /// A frame for a node. `key` says what it is: "deliver", "reply:node.register", …
  using Send = std::function<void(const std::string& node_id, std::string key, std::string text)>;
  explicit FakeState(Send send);

  /// The answer to a request, node socket excepted.
  [[nodiscard]] net::HttpResponse answer(const net::HttpRequest& request);

  /// A frame of this node.
  void take(FakeNode& node, std::string_view text);
  /// Its socket is gone: it and its agents are offline, its open invocations wait.
  void disconnected(FakeNode& node);

  /// To one agent, with the next number of its sequence; kept until it is acked.
  void deliver(FakeAgent& to, std::string msg_id, wire::Json payload, wire::InjectionMode mode);
  /// The same outside of the sequence: number 0, and gone when the node is away.
  void notify(const FakeAgent& to, std::string msg_id, wire::Json payload);
  /// A direct message; its id.
  std::string dm(FakeAgent& from, FakeAgent& to, const std::string& text, wire::InjectionMode mode);
  /// A message of a channel to its members; its id.
  std::string post(FakeAgent& from, FakeChannel& in, const std::string& text,
                   wire::InjectionMode mode);
  /// Runs an action on a node; pending when the node is away.
  FakeInvocation& invoke(FakeNode& on, std::string action, wire::Json input, std::string caller);

  /// Find by name in the first workspace; std::out_of_range when there is none.
  FakeAgent& agent(std::string_view name);
  FakeNode& node(std::string_view name);
  FakeInvocation& invocation(std::string_view id);
  FakeAgent& agent_or_new(const std::string& name);
  /// A delivery that will never come: its number stays a hole.
  void expire(FakeAgent& agent, std::uint64_t seq);
  /// One more workspace; its key.
  std::string add_workspace(std::string name);
  /// A node with a token that was not minted by a request.
  FakeNode& add_node(std::string name, std::string node_id, std::string token);
  /// Makes an agent that lives at no broker: a person, or a peer.
  FakeAgent& add_agent(const std::string& workspace, const std::string& name);

  FakeNode* node_with_token(std::string_view token);
  FakeNode* node_with_id(std::string_view id);

  std::list<FakeWorkspace> workspaces;
  std::list<FakeNode> nodes;
  std::list<FakeAgent> agents;
  std::list<FakeChannel> channels;
  std::list<FakeInvocation> invocations;
  /// Every token ever given out, the dead ones too: what must not show anywhere.
  std::vector<std::string> secrets{kWorkspaceKey};
  /// Frames of nodes that a strict v5 engine refuses, with the reason in front.
  std::vector<std::string> invalid_frames;

 private:
  struct Call;
  struct Endpoint;
  static const std::vector<Endpoint>& endpoints();
  void authorize(const Endpoint& endpoint, Call& call);

  FakeAgent* find_agent(std::string_view workspace, std::string_view name);
  FakeNode* find_node(std::string_view workspace, std::string_view name);
  FakeChannel* find_channel(std::string_view workspace, std::string_view name);
  FakeAgent& agent_of(const Call& call, std::string_view name);
  FakeNode& node_of(const Call& call);
  FakeChannel& channel_of(const Call& call);
  FakeChannel& channel_named(const std::string& workspace, const std::string& name);
  [[nodiscard]] wire::NodeCreated shown(const FakeNode& node) const;
  [[nodiscard]] bool is_online(const FakeAgent& agent) const;

  net::HttpResponse create_workspace(Call& call);
  net::HttpResponse show_workspace(Call& call);
  net::HttpResponse create_agent(Call& call);
  net::HttpResponse list_agents(Call& call);
  net::HttpResponse list_presence(Call& call);
  net::HttpResponse show_agent(Call& call);
  net::HttpResponse update_agent(Call& call);
  net::HttpResponse delete_agent(Call& call);
  net::HttpResponse rotate_agent_token(Call& call);
  net::HttpResponse mint_agent_node_token(Call& call);
  net::HttpResponse heartbeat(Call& call);
  net::HttpResponse disconnect(Call& call);
  net::HttpResponse spawn(Call& call);
  net::HttpResponse release(Call& call);
  net::HttpResponse create_node(Call& call);
  net::HttpResponse list_nodes(Call& call);
  net::HttpResponse show_node(Call& call);
  net::HttpResponse bind_agent(Call& call);
  net::HttpResponse unbind_agent(Call& call);
  net::HttpResponse create_channel(Call& call);
  net::HttpResponse list_channels(Call& call);
  net::HttpResponse show_channel(Call& call);
  net::HttpResponse join_channel(Call& call);
  net::HttpResponse leave_channel(Call& call);
  net::HttpResponse post_message(Call& call);
  net::HttpResponse post_dm(Call& call);
  net::HttpResponse mark_read(Call& call);
  net::HttpResponse list_deliveries(Call& call);
  net::HttpResponse invoke_action(Call& call);
  net::HttpResponse show_invocation(Call& call);
  net::HttpResponse complete_invocation(Call& call);
  net::HttpResponse health(Call& call);

  void take_frame(FakeNode& node, const wire::NodeRegister& frame);
  void take_frame(FakeNode& node, const wire::NodeHeartbeat& frame);
  void take_frame(FakeNode& node, const wire::NodeDeregister& frame);
  void take_frame(FakeNode& node, const wire::AgentRegister& frame);
  void take_frame(FakeNode& node, const wire::AgentRecover& frame);
  void take_frame(FakeNode& node, const wire::AgentDeregister& frame);
  void take_frame(FakeNode& node, const wire::InventorySync& frame);
  void take_frame(FakeNode& node, const wire::DeliveryAck& frame);
  void take_frame(FakeNode& node, const wire::ActionResult& frame);
  void take_frame(FakeNode& node, const wire::UnknownFrame& frame);

  void reply(const FakeNode& node, std::string_view to, const std::optional<std::string>& id,
             wire::Json data);
  void refuse(const FakeNode& node, std::string_view to, const std::optional<std::string>& id,
              std::string code);
  void replay(const FakeNode& node, const FakeAgent* only);
  void dispatch(FakeInvocation& invocation);
  void finish(FakeInvocation& invocation, std::variant<wire::Json, std::string> outcome);
  void go_home(FakeAgent& agent);

  std::string new_id(std::string_view prefix = {});
  std::string new_token(std::string_view prefix, std::size_t bytes);

  Send send_;
  SeededRandom random_{1};
  std::uint64_t last_id_ = 250'000'000'000'000'000;
};

}  // namespace relay::test
