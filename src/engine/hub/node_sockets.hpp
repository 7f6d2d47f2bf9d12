// Internal to engine/hub/: the nodes on /v1/node/ws.
#pragma once

#include <asio/awaitable.hpp>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "engine/hub/announcer.hpp"
#include "engine/hub/courier.hpp"
#include "engine/hub/hub_parts.hpp"
#include "net/http_exchange.hpp"
#include "wire/node_frames.hpp"

namespace relay::engine {

/// The sockets of nodes. A node speaks with its token, on one connection at a time: a second one
/// takes the place of the first. What it says is done in its order, one frame after the other;
/// acknowledgements are taken in and written with others. When its connection ends it is lost, and
/// so are its agents until it says that it has them.
class NodeSockets {
 public:
  /// How long an answer waits for a node that does not read; then its connection is ended.
  static constexpr Duration kAnswerWithin = std::chrono::seconds(30);

  NodeSockets(HubParts* parts, Courier* courier, Announcer* announcer)
      : parts_(*parts), courier_(*courier), announcer_(*announcer) {}

  /// Ends those that are still closing.
  void abort_all() noexcept;

  /// GET /v1/node/ws
  asio::awaitable<void> answer(net::Exchange* exchange);

 private:
  using Work = std::function<Result<Outcome>(Store&)>;

  asio::awaitable<std::optional<Node>> node_of(net::Exchange* exchange);
  asio::awaitable<void> hold(NodeLinkPtr link);
  asio::awaitable<void> talk(NodeLinkPtr link);
  asio::awaitable<bool> take(NodeLinkPtr link, net::WsMessage message);
  asio::awaitable<bool> perform(NodeLinkPtr link, wire::NodeFrame frame);
  asio::awaitable<bool> say(NodeLinkPtr link, std::string text);
  asio::awaitable<void> lose(NodeLinkPtr link);
  void has_left(Id node, Outcome& lost);
  void follow(const NodeLinkPtr& link, const wire::NodeFrame& frame, Wall at);
  [[nodiscard]] Work work_for(const NodeLink& link, const wire::NodeFrame& frame);
  void registered(const NodeLinkPtr& link, const wire::NodeRegister& frame, Wall at);
  void asked_again(const NodeLink& link);
  void deregistered(const NodeLinkPtr& link);
  [[nodiscard]] std::string fresh_id();

  HubParts& parts_;
  Courier& courier_;
  Announcer& announcer_;
  /// All that are open or closing, those that were superseded too.
  std::set<NodeLinkPtr> held_;
};

}  // namespace relay::engine
