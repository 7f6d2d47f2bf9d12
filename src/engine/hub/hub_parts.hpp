// Internal to engine/hub/: what its coroutines share.
#pragma once

#include <asio/any_io_executor.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "engine/hub/hub.hpp"
#include "engine/hub/mail_room.hpp"
#include "engine/hub/node_operations.hpp"
#include "net/event.hpp"
#include "net/task_group.hpp"
#include "net/websocket.hpp"

namespace relay::engine {

/// The connection of one node.
class NodeLink {
 public:
  NodeLink(const Node& node, net::WebSocket socket_in)
      : workspace(node.workspace),
        is_direct(node.role == NodeRole::direct),
        socket(std::move(socket_in)) {
    caller.node = node.id;
  }

  Id workspace;
  bool is_direct;
  bool registered = false;
  NodeCaller caller;
  net::WebSocket socket;
};
using NodeLinkPtr = std::shared_ptr<NodeLink>;

/// The connections that count: the youngest of each node.
class NodeLinks {
 public:
  /// Null when the node is not connected.
  [[nodiscard]] NodeLinkPtr find(Id node) const;
  /// The one that it takes the place of, or null.
  NodeLinkPtr put(NodeLinkPtr link);
  [[nodiscard]] bool is_current(const NodeLinkPtr& link) const;
  void erase(const NodeLinkPtr& link);
  [[nodiscard]] const std::unordered_map<Id, NodeLinkPtr>& all() const { return links_; }

 private:
  std::unordered_map<Id, NodeLinkPtr> links_;
};

struct HubParts {
  HubParts(asio::any_io_executor executor, const Clock& clock_in, Random& random_in,
           StoreThread& store_in, HubSettings settings_in);

  /// Into the log.
  void note(const std::string& what, const Error& error) const;
  /// Best effort: false, and counted, when it did not go out.
  bool send(NodeLink& link, std::string_view text);

  const Clock& clock;
  Random& random;
  StoreThread& store;
  HubSettings settings;
  HubCounts counts;
  IdSource ids;
  MailRoom room;
  NodeLinks links;
  /// Somebody watches a workspace, or has done so.
  bool watched = false;
  bool stopping = false;
  /// A mailbox is due.
  net::Event mail;
  net::TaskGroup tasks;
};

/// How the sockets of the engine are kept: they end within 2 s.
[[nodiscard]] net::WsOptions hub_socket_options(std::size_t queued_most);

}  // namespace relay::engine
