#include "engine/hub/node_sockets.hpp"

#include <system_error>
#include <utility>

#include "engine/digest.hpp"
#include "engine/hub/door.hpp"
#include "engine/hub/engine_frame_texts.hpp"
#include "engine/refusal.hpp"
#include "net/ws_handshake.hpp"

namespace relay::engine {
namespace {

constexpr Duration kLookForFrame = std::chrono::hours(1);
/// Above the rest of mailboxes: answers and events go on while those wait.
constexpr std::size_t kQueueFactor = 8;

using FindNode = std::function<Result<Node>(const Store&)>;

FindNode finding_node(std::string hash) {
  return [hash = std::move(hash)](const Store& store) { return store.node_of_token(hash); };
}

asio::awaitable<void> end_superseded(NodeLinkPtr link) {
  co_await net::shielded();
  co_await link->socket.close(net::ws_close::kNormal, "superseded");
}

}  // namespace

asio::awaitable<void> NodeSockets::answer(net::Exchange* exchange) {
  const auto node = co_await node_of(exchange);
  if (!node) co_return;
  auto head = net::answer_ws_handshake(exchange->request(), {});
  if (head.status != 101) {
    exchange->respond(std::move(head));
    co_return;
  }
  if (parts_.stopping || parts_.links.all().size() >= parts_.settings.nodes_most) {
    refuse_socket(exchange, 503, "too_many_sockets", "the engine takes no more nodes now");
    co_return;
  }
  auto handover = co_await exchange->upgrade(std::move(head));
  if (!handover) co_return;
  auto socket =
      net::WebSocket::server(std::move(handover->stream), std::move(handover->already_read),
                             hub_socket_options(parts_.settings.node_queue * kQueueFactor));
  auto link = std::make_shared<NodeLink>(*node, std::move(socket));
  const auto replaced = parts_.links.put(link);
  if (replaced) {
    deregistered(replaced);
    parts_.tasks.spawn(end_superseded(replaced));
  }
  parts_.tasks.spawn(hold(std::move(link)));
}

/// Nothing when the request is answered.
asio::awaitable<std::optional<Node>> NodeSockets::node_of(net::Exchange* exchange) {
  const auto token = socket_token(exchange->request());
  if (!token || !token->starts_with("nt_")) {
    refuse_socket(exchange, 401, std::string(name_of(Refusal::unauthorized)),
                  "a node connects with its token (nt_live_…)");
    co_return std::nullopt;
  }
  auto find = parts_.store.read<Node>(finding_node(sha256_hex(*token)));
  const auto node = co_await std::move(find);
  if (!node) {
    refuse_socket(exchange, node.error());
    co_return std::nullopt;
  }
  if (node->kind != NodeKind::ws) {
    refuse_socket(exchange, 403, std::string(name_of(Refusal::forbidden)),
                  "node " + node->name + " gets its messages another way than by a socket");
    co_return std::nullopt;
  }
  co_return *node;
}

void NodeSockets::abort_all() noexcept {
  for (const auto& link : held_) link->socket.abort();
}

asio::awaitable<void> NodeSockets::hold(NodeLinkPtr link) {
  held_.insert(link);
  try {
    co_await talk(link);
  } catch (const std::system_error&) {
    // Only cancellation comes as such: the hub stops.
  } catch (const std::exception& error) {
    parts_.note("a node's connection has failed", Error(Code::internal_error, error.what()));
  }
  co_await net::shielded();
  // Nothing is sent to it while it closes; one that took its place keeps it.
  const bool is_lost = parts_.links.is_current(link);
  parts_.links.erase(link);
  if (is_lost) deregistered(link);
  if (is_lost && !parts_.stopping) co_await lose(link);
  co_await link->socket.close(net::ws_close::kGoingAway, "the engine ends this connection");
  held_.erase(link);
}

asio::awaitable<void> NodeSockets::lose(NodeLinkPtr link) {
  const Id node = link->caller.node;
  Work work = [node](Store& store) { return leave_node(store, node); };
  std::function<void(Outcome&)> late = [this, node](Outcome& lost) { has_left(node, lost); };
  auto write = parts_.store.write<Outcome>(with_subscribers(std::move(work)), std::move(late));
  auto lost = co_await std::move(write);
  if (lost) {
    has_left(node, *lost);
  } else if (refusal_of(lost.error()) != Refusal::node_not_found) {
    parts_.note("a lost node cannot be written down", lost.error());
  }
}

void NodeSockets::has_left(Id node, Outcome& lost) {
  // It may have come back meanwhile: then its agents are where it says.
  if (parts_.room.is_up(node)) lost.away.clear();
  announcer_.apply(std::move(lost));
}

asio::awaitable<void> NodeSockets::talk(NodeLinkPtr link) {
  bool open = true;
  while (open) {
    auto message = co_await link->socket.receive(kLookForFrame);
    if (message) {
      open = co_await take(link, *std::move(message));
    } else {
      open = message.error().code == Code::timeout;
    }
  }
}

/// Whether it goes on.
asio::awaitable<bool> NodeSockets::take(NodeLinkPtr link, net::WsMessage message) {
  if (!message.is_text) {
    auto text = invalid_frame(fresh_id(), "a frame is a text message");
    co_return co_await say(link, std::move(text));
  }
  auto frame = wire::decode_node_frame(message.payload);
  if (!frame) {
    auto text = invalid_frame(fresh_id(), frame.error().message);
    co_return co_await say(link, std::move(text));
  }
  if (const auto* ack = std::get_if<wire::DeliveryAck>(&*frame)) {
    courier_.acknowledge(*link, ack->agent, ack->up_to_seq);
    co_return true;
  }
  if (const auto* other = std::get_if<wire::UnknownFrame>(&*frame)) {
    auto text = invalid_frame(fresh_id(), "there is no frame of type \"" + other->type + "\"");
    co_return co_await say(link, std::move(text));
  }
  co_return co_await perform(link, *std::move(frame));
}

asio::awaitable<bool> NodeSockets::perform(NodeLinkPtr link, wire::NodeFrame frame) {
  const auto id = wire::id_of(frame).value_or(fresh_id());
  std::function<void(Outcome&)> late = [this, link, frame](Outcome& done) {
    follow(link, frame, done.at);
    announcer_.apply(std::move(done));
  };
  auto write =
      parts_.store.write<Outcome>(with_subscribers(work_for(*link, frame)), std::move(late));
  auto outcome = co_await std::move(write);
  if (!outcome) {
    if (outcome.error().code == Code::cancelled) co_return false;
    auto text = error_frame(id, outcome.error());
    co_return co_await say(link, std::move(text));
  }
  follow(link, frame, outcome->at);
  bool goes_on = true;
  if (outcome->reply) {
    // Before what follows from it: a node waits for its answer first.
    auto text = reply_frame(id, *outcome->reply);
    goes_on = co_await say(link, std::move(text));
  }
  announcer_.apply(*std::move(outcome));
  co_return goes_on;
}

/// What a frame that has been done means for its connection.
void NodeSockets::follow(const NodeLinkPtr& link, const wire::NodeFrame& frame, Wall at) {
  if (const auto* manifest = std::get_if<wire::NodeRegister>(&frame)) {
    registered(link, *manifest, at);
  }
  if (std::holds_alternative<wire::NodeDeregister>(frame)) deregistered(link);
}

asio::awaitable<bool> NodeSockets::say(NodeLinkPtr link, std::string text) {
  auto sending = link->socket.send(std::move(text), kAnswerWithin);
  const auto sent = co_await std::move(sending);
  co_return sent.has_value();
}

NodeSockets::Work NodeSockets::work_for(const NodeLink& link, const wire::NodeFrame& any) {
  const NodeCaller caller = link.caller;
  if (const auto* frame = std::get_if<wire::NodeRegister>(&any)) {
    return
        [caller, frame = *frame](Store& store) { return register_node(store, caller.node, frame); };
  }
  if (const auto* frame = std::get_if<wire::NodeHeartbeat>(&any)) {
    std::vector<Id> agents;
    for (const auto& [name, agent] : parts_.room.agents_at(caller.node)) agents.push_back(agent);
    return [caller, frame = *frame, agents = std::move(agents)](Store& store) {
      return heartbeat(store, caller.node, frame, agents);
    };
  }
  if (const auto* frame = std::get_if<wire::AgentRegister>(&any)) {
    return [caller, frame = *frame, token = new_token(TokenKind::agent, parts_.random)](
               Store& store) { return register_agent_on(store, caller, frame, token); };
  }
  if (const auto* frame = std::get_if<wire::AgentRecover>(&any)) {
    return [caller, frame = *frame, token = new_token(TokenKind::agent, parts_.random)](
               Store& store) { return recover_agent_on(store, caller, frame, token); };
  }
  if (const auto* frame = std::get_if<wire::AgentDeregister>(&any)) {
    return
        [caller, frame = *frame](Store& store) { return deregister_agent(store, caller, frame); };
  }
  if (const auto* frame = std::get_if<wire::InventorySync>(&any)) {
    return [caller, frame = *frame](Store& store) { return sync_node(store, caller, frame); };
  }
  if (const auto* frame = std::get_if<wire::ActionResult>(&any)) {
    return
        [caller, frame = *frame](Store& store) { return take_action_result(store, caller, frame); };
  }
  return [caller](Store& store) { return leave_node(store, caller.node); };
}

void NodeSockets::registered(const NodeLinkPtr& link, const wire::NodeRegister& frame, Wall at) {
  link->caller.has_cursors = wants_cursors(frame);
  if (!parts_.links.is_current(link)) return;
  if (link->registered) return asked_again(*link);
  link->caller.registered = at;
  link->registered = true;
  ++parts_.counts.registered;
  const bool counts_itself = !link->is_direct && !link->caller.has_cursors;
  parts_.room.node_up(link->caller.node, counts_itself ? Numbering::own : Numbering::durable);
}

/// A node that says again what it can do has lost nothing. One that has cursors asks with it for
/// all that it has not acknowledged, while it has no inventory to say.
void NodeSockets::asked_again(const NodeLink& link) {
  if (!link.caller.has_cursors) return;
  for (const auto& [name, agent] : parts_.room.agents_at(link.caller.node)) {
    parts_.room.asked_again(agent, parts_.clock.now());
  }
  parts_.mail.notify();
}

/// Nothing is sent to it from now on.
void NodeSockets::deregistered(const NodeLinkPtr& link) {
  if (!link->registered) return;
  link->registered = false;
  --parts_.counts.registered;
  parts_.room.node_down(link->caller.node);
}

std::string NodeSockets::fresh_id() {
  return std::to_string(parts_.ids.next(parts_.clock.wall()));
}

}  // namespace relay::engine
