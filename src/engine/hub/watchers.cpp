#include "engine/hub/watchers.hpp"

#include <system_error>
#include <utility>

#include "engine/digest.hpp"
#include "engine/hub/door.hpp"
#include "net/ws_handshake.hpp"

namespace relay::engine {
namespace {

constexpr Duration kLookForRequest = std::chrono::hours(1);
constexpr Duration kAnswerWithin = std::chrono::seconds(10);

using FindKey = std::function<Result<Workspace>(const Store&)>;

FindKey finding_key(std::string hash) {
  return [hash = std::move(hash)](const Store& store) { return store.workspace_of_key(hash); };
}

asio::awaitable<void> send_away(std::shared_ptr<net::WebSocket> socket) {
  co_await net::shielded();
  co_await socket->close(net::ws_close::kTryAgainLater, "too slow: connect again and resync");
}

std::string pong() {
  wire::StreamOther event;
  event.type = "pong";
  return wire::encode(wire::StreamMessageToClient(std::move(event)));
}

}  // namespace

void Watchers::publish(Id workspace, wire::StreamMessageToClient event) {
  const auto found = feeds_.find(workspace);
  if (found == feeds_.end()) return;
  const auto& text = found->second.events.add(std::move(event));
  std::vector<SocketPtr> slow;
  for (const auto& socket : found->second.sockets) {
    if (!socket->try_send(text)) slow.push_back(socket);
  }
  for (const auto& socket : slow) {
    ++parts_.counts.dropped;
    found->second.sockets.erase(socket);
    found->second.left = parts_.clock.now();
    parts_.tasks.spawn(send_away(socket));
  }
}

asio::awaitable<void> Watchers::answer(net::Exchange* exchange) {
  auto head = net::answer_ws_handshake(exchange->request(), {});
  if (head.status != 101) {
    exchange->respond(std::move(head));
    co_return;
  }
  const auto workspace = co_await workspace_of(exchange);
  if (!workspace) co_return;
  if (parts_.stopping || parts_.counts.watchers >= parts_.settings.watchers_most) {
    refuse_socket(exchange, 503, "too_many_sockets", "the engine takes no more watchers now");
    co_return;
  }
  auto handover = co_await exchange->upgrade(std::move(head));
  if (!handover) co_return;
  auto socket = std::make_shared<net::WebSocket>(net::WebSocket::server(
      std::move(handover->stream), std::move(handover->already_read), hub_socket_options(kQueue)));
  parts_.tasks.spawn(hold(std::move(socket), *workspace));
}

/// Nothing when the request is answered.
asio::awaitable<std::optional<Id>> Watchers::workspace_of(net::Exchange* exchange) {
  const auto token = socket_token(exchange->request());
  if (!token) {
    refuse_socket(exchange, 401, "unauthorized", "a workspace is watched with its key");
    co_return std::nullopt;
  }
  if (token->starts_with("at_")) {
    refuse_socket(exchange, 401, "unauthorized",
                  "agents are told what is for them on the socket of their node, /v1/node/ws");
    co_return std::nullopt;
  }
  if (token->starts_with("ot_")) {
    refuse_socket(exchange, 401, "observer_token_invalid", "no observer has this token");
    co_return std::nullopt;
  }
  auto find = parts_.store.read<Workspace>(finding_key(sha256_hex(*token)));
  const auto workspace = co_await std::move(find);
  if (!workspace) {
    refuse_socket(exchange, workspace.error());
    co_return std::nullopt;
  }
  co_return workspace->id;
}

asio::awaitable<void> Watchers::hold(SocketPtr socket, Id workspace) {
  forget_old_feeds();
  const auto feed = feeds_.try_emplace(workspace, parts_.clock.wall()).first;
  feed->second.sockets.insert(socket);
  parts_.watched = true;
  ++parts_.counts.watchers;
  try {
    co_await talk(socket, workspace);
  } catch (const std::system_error&) {
    // Only cancellation comes as such: the hub stops.
  } catch (const std::exception& error) {
    parts_.note("a watcher's connection has failed", Error(Code::internal_error, error.what()));
  }
  co_await net::shielded();
  co_await socket->close(net::ws_close::kGoingAway, "the engine stops");
  --parts_.counts.watchers;
  const auto left = feeds_.find(workspace);
  if (left == feeds_.end()) co_return;
  left->second.sockets.erase(socket);
  left->second.left = parts_.clock.now();
}

void Watchers::abort_all() noexcept {
  for (auto& [workspace, feed] : feeds_) {
    for (const auto& socket : feed.sockets) socket->abort();
  }
}

void Watchers::forget_old_feeds() {
  const auto now = parts_.clock.now();
  std::erase_if(feeds_, [now](const auto& each) {
    return each.second.sockets.empty() && now - each.second.left > kKeptFor;
  });
}

asio::awaitable<void> Watchers::talk(SocketPtr socket, Id workspace) {
  bool open = true;
  while (open) {
    auto message = co_await socket->receive(kLookForRequest);
    if (message) {
      open = co_await serve(socket, workspace, std::move(message->payload));
    } else {
      open = message.error().code == Code::timeout;
    }
  }
}

/// Whether it goes on. What is no request is passed over, and subscriptions change nothing: who has
/// the key sees all.
asio::awaitable<bool> Watchers::serve(SocketPtr socket, Id workspace, std::string request) {
  const auto asked = wire::decode_body<wire::StreamRequest>(request, wire::kInboundLimits);
  if (!asked) co_return true;
  std::vector<std::string> answers;
  if (asked->type == "ping") answers.push_back(pong());
  if (asked->type == "resync") {
    auto replay = feeds_.at(workspace).events.behind(asked->last_seen_seq.value_or(0));
    wire::StreamResyncAck ack;
    ack.type = "resync_ack";
    ack.last_seen_seq = asked->last_seen_seq.value_or(0);
    ack.current_seq = replay.current;
    ack.replayed = replay.events.size();
    ack.gap_detected = replay.gap;
    answers = std::move(replay.events);
    answers.push_back(wire::encode(wire::StreamMessageToClient(std::move(ack))));
  }
  for (auto& answer : answers) {
    const auto sent = co_await socket->send(std::move(answer), kAnswerWithin);
    if (!sent) co_return false;
  }
  co_return true;
}

}  // namespace relay::engine
